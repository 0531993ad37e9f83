//! Connection tracking: finding and deleting the connections of an address.
//!
//! A connection that the kernel remembers keeps its rewritten destination: datagrams of an old peer would go on to an
//! address after another container got it. Filtering by address inside the kernel needs 5.8; older ones list everything,
//! so every answer is checked here too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use errdefs::{Context, Result};
use rustix::io::Errno;

use super::{Encoder, Socket, attribute, flag};

const SUBSYSTEM: u16 = 1;
const NEW: u16 = SUBSYSTEM << 8;
const GET: u16 = SUBSYSTEM << 8 | 1;
const DELETE: u16 = SUBSYSTEM << 8 | 2;

const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_ID: u16 = 12;
const CTA_TUPLE_IP: u16 = 1;
const CTA_IP_V4_SRC: u16 = 1;
const CTA_IP_V6_SRC: u16 = 3;

const FAMILY_IPV4: u8 = 2;
const FAMILY_IPV6: u8 = 10;

/// What a connection is found again by, as the kernel wrote it.
struct Known {
    /// Addresses and ports of its first packet.
    tuple: Vec<u8>,
    /// Tells it from a later one of the same tuple.
    id: Option<Vec<u8>>,
}

/// Deletes the connections that an address began or answers, and says how many there were.
pub(crate) fn forget(socket: &mut Socket, address: IpAddr) -> Result<usize> {
    let family = if address.is_ipv4() { FAMILY_IPV4 } else { FAMILY_IPV6 };
    let mut request = Encoder::new();
    request.message(GET, flag::REQUEST | flag::DUMP, |e| e.raw(&[family, 0, 0, 0]));
    let mut doomed: Vec<Known> = Vec::new();
    socket.query(request, |kind, payload| {
        if kind == NEW {
            doomed.extend(parse(payload, address)?);
        }
        Ok(())
    })?;
    for Known { tuple, id } in &doomed {
        let mut batch = Encoder::new();
        batch.message(DELETE, flag::REQUEST | flag::ACK, |e| {
            e.raw(&[family, 0, 0, 0]);
            e.nested(CTA_TUPLE_ORIG, tuple);
            if let Some(id) = id {
                e.bytes(CTA_ID, id);
            }
        });
        match socket.send(batch)? {
            // It has ended by itself.
            Err(refused) if refused.errno != Errno::NOENT => {
                return Err(refused).context(|| format!("forget the connections of {address}"));
            }
            _ => {}
        }
    }
    Ok(doomed.len())
}

/// The original tuple and the id of a connection, if the address is the source of one of its directions.
fn parse(payload: &[u8], address: IpAddr) -> Result<Option<Known>> {
    let attributes = attribute::parse(payload.get(4..).unwrap_or_default())?;
    let mut concerned = false;
    for kind in [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY] {
        let Some(tuple) = attribute::find(&attributes, kind) else { continue };
        concerned |= source(tuple)? == Some(address);
    }
    let tuple = attribute::find(&attributes, CTA_TUPLE_ORIG).filter(|_| concerned);
    let id = attribute::find(&attributes, CTA_ID).map(<[u8]>::to_vec);
    Ok(tuple.map(|tuple| Known { tuple: tuple.to_vec(), id }))
}

fn source(tuple: &[u8]) -> Result<Option<IpAddr>> {
    let tuple = attribute::parse(tuple)?;
    let Some(ip) = attribute::find(&tuple, CTA_TUPLE_IP) else { return Ok(None) };
    let ip = attribute::parse(ip)?;
    let v4 = attribute::find(&ip, CTA_IP_V4_SRC).and_then(|value| value.first_chunk::<4>());
    let v6 = attribute::find(&ip, CTA_IP_V6_SRC).and_then(|value| value.first_chunk::<16>());
    Ok(v4.map(|v4| Ipv4Addr::from(*v4).into()).or_else(|| v6.map(|v6| Ipv6Addr::from(*v6).into())))
}
