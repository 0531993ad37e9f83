//! The `gelf` driver: JSON messages, as datagrams (compressed, in chunks) or on a connection with a zero byte behind each.

use std::io::{self, Write as _};
use std::time::Duration;

use errdefs::{Result, invalid};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use logs::config::Options;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use crate::address::{self, Address, host_port};
use crate::batch::{Batch, Message};
use crate::job::Subject;
use crate::link::Link;
use crate::options::SHARED;
use crate::syslog::udp;

/// Bytes of a datagram, its header of [`HEADER`] included: Docker's, which fits any network.
const CHUNK: usize = 1420;
const HEADER: usize = 12;
/// The protocol's limit.
const CHUNKS: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zlib,
}

/// The driver of one container.
#[derive(Debug)]
pub(crate) struct Gelf {
    address: Address,
    packing: Packing,
    level: Compression,
    /// Between two tries to connect.
    pub(crate) pause: Duration,
    subject: Subject,
}

pub(crate) fn check(options: &Options) -> Result<()> {
    let udp = matches!(parse_address(options)?, Address::Udp(_));
    for (key, value) in options {
        let unknown =
            || invalid(format!("unknown value \"{value}\" for log opt \"{key}\" for gelf log driver"));
        match key.as_str() {
            "gelf-address" => {}
            "gelf-compression-level" | "gelf-compression-type" if !udp => {
                return Err(invalid("compression is only supported on UDP"));
            }
            "gelf-compression-level" => level(value).map(drop).ok_or_else(unknown)?,
            "gelf-compression-type" => packing(value).map(drop).ok_or_else(unknown)?,
            "gelf-tcp-max-reconnect" | "gelf-tcp-reconnect-delay" => {
                if udp {
                    return Err(invalid(format!("\"{key}\" is only valid for TCP")));
                }
                if value.parse::<u32>().is_err() {
                    return Err(invalid(format!("\"{key}\" must be a positive integer")));
                }
            }
            key if SHARED.contains(&key) => {}
            _ => return Err(invalid(format!("unknown log opt \"{key}\" for gelf log driver"))),
        }
    }
    Ok(())
}

fn level(text: &str) -> Option<Compression> {
    match text.parse::<i32>().ok()? {
        -1 => Some(Compression::default()),
        level @ 0..=9 => Some(Compression::new(level.unsigned_abs())),
        _ => None,
    }
}

fn packing(text: &str) -> Option<Packing> {
    match text {
        "gzip" => Some(Packing::Gzip),
        "zlib" => Some(Packing::Zlib),
        "none" => Some(Packing::None),
        _ => None,
    }
}

fn parse_address(options: &Options) -> Result<Address> {
    let text = options.get("gelf-address").filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| invalid("gelf-address is a required parameter"))?;
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let make = match scheme {
        "udp" => Address::Udp,
        "tcp" => Address::Tcp,
        _ => return Err(invalid("gelf: endpoint needs to be TCP or UDP")),
    };
    match host_port(rest) {
        (_, Some(port)) if !port.is_empty() => Ok(make(rest.to_owned())),
        _ => Err(invalid("gelf: please provide gelf-address as proto://host:port")),
    }
}

impl Gelf {
    pub(crate) fn new(options: &Options, subject: Subject) -> Result<Self> {
        check(&logs::config::check_common(options)?)?;
        let option = |key: &str| options.get(key).map(String::as_str);
        let delay = option("gelf-tcp-reconnect-delay").and_then(|text| text.parse().ok());
        Ok(Self {
            address: parse_address(options)?,
            packing: option("gelf-compression-type").and_then(packing).unwrap_or(Packing::Gzip),
            level: option("gelf-compression-level").and_then(level).unwrap_or(Compression::fast()),
            pause: Duration::from_secs(delay.unwrap_or(1)),
            subject,
        })
    }

    /// As the user gave it, without the scheme.
    pub(crate) fn endpoint(&self) -> &str {
        match &self.address {
            Address::Udp(to) | Address::Tcp(to) => to,
            _ => "",
        }
    }

    pub(crate) fn encode(&self, message: &Message<'_>, batch: &mut Batch) {
        if message.line.is_empty() {
            return;
        }
        let Ok(json) = serde_json::to_vec(&Wire { subject: &self.subject, message }) else { return };
        if matches!(self.address, Address::Tcp(_)) {
            batch.bytes.extend_from_slice(&json);
            batch.bytes.push(0);
            return;
        }
        // Writing to memory does not fail.
        let Ok(packed) = self.pack(json) else { return };
        if packed.len() <= CHUNK {
            batch.bytes.extend_from_slice(&packed);
            return;
        }
        let count = packed.len().div_ceil(CHUNK - HEADER);
        let mut id = [0; 8];
        // A piece of a line has at most 16 KiB, which never takes more chunks than there may be.
        if count > CHUNKS || getrandom::fill(&mut id).is_err() {
            return;
        }
        for (number, chunk) in packed.chunks(CHUNK - HEADER).enumerate() {
            batch.bytes.extend_from_slice(&[0x1e, 0x0f]);
            batch.bytes.extend_from_slice(&id);
            #[expect(clippy::cast_possible_truncation, reason = "both are at most CHUNKS")]
            batch.bytes.extend_from_slice(&[number as u8, count as u8]);
            batch.bytes.extend_from_slice(chunk);
            batch.end_packet();
        }
    }

    fn pack(&self, json: Vec<u8>) -> io::Result<Vec<u8>> {
        match self.packing {
            Packing::None => Ok(json),
            Packing::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), self.level);
                encoder.write_all(&json)?;
                encoder.finish()
            }
            Packing::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), self.level);
                encoder.write_all(&json)?;
                encoder.finish()
            }
        }
    }

    pub(crate) fn connect(&self) -> io::Result<Link> {
        match &self.address {
            Address::Tcp(to) => Link::Tcp(address::tcp(to)?).ready(),
            _ => Link::Udp(udp(self.endpoint())?).ready(),
        }
    }
}

/// A message with Docker's members in Docker's order.
struct Wire<'a> {
    subject: &'a Subject,
    message: &'a Message<'a>,
}

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let Self { subject, message } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", "1.1")?;
        map.serialize_entry("host", &subject.host)?;
        map.serialize_entry("short_message", &String::from_utf8_lossy(message.line))?;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era fit in 53 bits")]
        let seconds = (message.time.0 / 1_000_000) as f64 / 1000.0;
        map.serialize_entry("timestamp", &seconds)?;
        map.serialize_entry("level", &message.severity())?;
        let own = [
            ("_command", &subject.command),
            ("_container_id", &subject.container_id),
            ("_container_name", &subject.container_name),
            ("_created", &subject.created),
            ("_image_id", &subject.image_id),
            ("_image_name", &subject.image_name),
            ("_tag", &subject.tag),
        ];
        let mut extra: std::collections::BTreeMap<String, &String> = subject
            .extra
            .iter()
            .map(|(key, value)| (if key.starts_with('_') { key.clone() } else { format!("_{key}") }, value))
            .collect();
        extra.extend(own.map(|(key, value)| (key.to_owned(), value)));
        for (key, value) in extra {
            map.serialize_entry(&key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logs::{Stream, Time};

    fn gelf(options: &[(&str, &str)]) -> Gelf {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let subject = Subject {
            container_id: "08b7".into(),
            container_name: "gold".into(),
            image_id: "sha256:8a".into(),
            image_name: "busybox".into(),
            command: "sh -c".into(),
            created: "2026-11-22T08:31:24.57292128Z".into(),
            tag: "08b7".into(),
            extra: [("FOO", "bar"), ("com.x", "lv")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            host: "vm".into(),
        };
        Gelf::new(&options, subject).unwrap()
    }

    fn send(gelf: &Gelf, line: &[u8]) -> Batch {
        let mut batch = Batch::default();
        let time = Time(1_795_336_284_767_999_999);
        gelf.encode(&Message { time, stream: Stream::Stdout, line, partial: None }, &mut batch);
        batch.end_packet();
        batch
    }

    /// What Docker 28.5.2 sent.
    const TEXT: &str = r#"{"version":"1.1","host":"vm","short_message":"one","timestamp":1795336284.767,"level":6,"_FOO":"bar","_com.x":"lv","_command":"sh -c","_container_id":"08b7","_container_name":"gold","_created":"2026-11-22T08:31:24.57292128Z","_image_id":"sha256:8a","_image_name":"busybox","_tag":"08b7"}"#;

    #[test]
    fn writes_what_docker_writes() {
        let udp = gelf(&[("gelf-address", "udp://h:1"), ("gelf-compression-type", "none")]);
        assert_eq!(String::from_utf8(send(&udp, b"one").bytes).unwrap(), TEXT);
        assert!(send(&udp, b"").is_empty());
        let tcp = gelf(&[("gelf-address", "tcp://h:1")]);
        assert_eq!(String::from_utf8(send(&tcp, b"one").bytes).unwrap(), format!("{TEXT}\0"));
    }

    #[test]
    fn large_messages_go_in_chunks_and_every_packing_comes_back() {
        use std::io::Read as _;
        // Does not compress well.
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            b'!' + u8::try_from((state >> 33) % 90).unwrap()
        };
        let line: Vec<u8> = (0..16_384).map(|_| next()).collect();
        for packing in ["none", "gzip", "zlib"] {
            let gelf = gelf(&[("gelf-address", "udp://h:1"), ("gelf-compression-type", packing)]);
            let batch = send(&gelf, &line);
            let packets: Vec<&[u8]> = batch.packets().collect();
            assert!(packets.len() > 5 && packets.iter().all(|packet| packet.len() <= CHUNK));
            let mut whole = Vec::new();
            for (number, packet) in packets.iter().enumerate() {
                assert_eq!(packet[..10], packets[0][..10]);
                assert_eq!([packet[10], packet[11]].map(usize::from), [number, packets.len()]);
                whole.extend_from_slice(&packet[12..]);
            }
            let mut text = Vec::new();
            match packing {
                "gzip" => drop(flate2::read::GzDecoder::new(&whole[..]).read_to_end(&mut text).unwrap()),
                "zlib" => drop(flate2::read::ZlibDecoder::new(&whole[..]).read_to_end(&mut text).unwrap()),
                _ => text = whole,
            }
            let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(json["short_message"].as_str().unwrap().as_bytes(), line);
        }
    }
}
