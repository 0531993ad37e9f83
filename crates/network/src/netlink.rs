//! Netlink sockets: send a batch of requests, read every answer.
//!
//! The kernel works a request off inside the call that sends it, so when that call returns all answers are queued: reads
//! never wait, and a missing answer is an error instead of a hang. A batch costs two system calls, however long.
//!
//! Invariants: a message that would overflow one of netlink's 16-bit lengths is refused, never truncated; a batch
//! succeeds only if its last message was acknowledged and none was refused.

use std::os::fd::{AsFd, OwnedFd};

use errdefs::{Context, Result};
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

pub(crate) mod attribute;

pub(crate) mod conntrack;
pub(crate) mod encoder;
mod monitor;
pub(crate) mod nftables;
pub(crate) mod route;

pub(crate) use encoder::Encoder;
pub(crate) use monitor::{Events, Monitor};

/// Flags of a request.
pub(crate) mod flag {
    /// Every request has it.
    pub(crate) const REQUEST: u16 = 0x1;
    /// Answer also when all went well.
    pub(crate) const ACK: u16 = 0x4;
    /// Take the place of what exists.
    pub(crate) const REPLACE: u16 = 0x100;
    /// Refuse if it exists.
    pub(crate) const EXCL: u16 = 0x200;
    /// Make it if it does not exist.
    pub(crate) const CREATE: u16 = 0x400;
    /// At the end of a list (rules).
    pub(crate) const APPEND: u16 = 0x800;
    /// List all objects.
    pub(crate) const DUMP: u16 = 0x300;
}

/// In an answer: the list changed while it was read.
const FLAG_DUMP_INTERRUPTED: u16 = 0x10;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER: usize = 16;

/// A refusal repeats the refused message, which is at most a little over 64 KiB; lists come in pieces of 32 KiB.
const RECEIVE_BUFFER: usize = 128 * 1024;
/// The largest batch: one element of 100 bytes for each of 65,535 ports of two protocols, with room to spare.
const SEND_BUFFER: usize = 32 * 1024 * 1024;
/// How often an interrupted dump is begun anew before it is called a failure.
const DUMP_TRIES: usize = 16;

/// One netlink socket of the namespace it was opened in.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    messages: u64,
    buffer: Vec<u8>,
}

/// A refusal by the kernel: which message of the batch, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Position in the batch.
    pub(crate) index: usize,
    /// The kernel's error.
    pub(crate) errno: Errno,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", std::io::Error::from(self.errno))
    }
}

impl std::error::Error for Refused {}

/// How reading a list went.
#[derive(Debug, Clone, Copy)]
enum Collected {
    /// All of it.
    Whole,
    /// It changed meanwhile, so it may lack or repeat something.
    Changed,
    Refused(Refused),
}

impl Socket {
    /// A socket for links, addresses and routes of the calling thread's network namespace.
    pub(crate) fn route() -> Result<Self> {
        Self::open(None).context(|| "open a route netlink socket")
    }

    /// A socket for nftables and connection tracking of the calling thread's network namespace.
    pub(crate) fn netfilter() -> Result<Self> {
        Self::open(Some(net::netlink::NETFILTER)).context(|| "open a netfilter netlink socket")
    }

    fn open(protocol: Option<net::Protocol>) -> Result<Self, Errno> {
        let fd = net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        net::bind(&fd, &SocketAddrNetlink::new(0, 0))?;
        // Needs CAP_NET_ADMIN in the first user namespace; without it only huge batches fail, and say so.
        let _ = net::sockopt::set_socket_send_buffer_size_force(&fd, SEND_BUFFER);
        Ok(Self { fd, sequence: 0, messages: 0, buffer: vec![0; RECEIVE_BUFFER] })
    }

    /// The index of a link in this socket's namespace. Unlike a request for the link, it does not wait for whoever changes
    /// links, which the end of a namespace does for milliseconds.
    pub(crate) fn index_of(&self, name: &str) -> Result<Option<u32>> {
        match net::netdevice::name_to_index(&self.fd, name) {
            Ok(index) => Ok(Some(index)),
            Err(Errno::NODEV) => Ok(None),
            Err(errno) => Err(std::io::Error::from(errno)).context(|| format!("look for link {name}")),
        }
    }

    /// How many messages were sent so far.
    pub(crate) fn messages(&self) -> u64 {
        self.messages
    }

    /// Sends a batch. The kernel goes through all of it even when one message is refused (except for nftables
    /// transactions, which it undoes as a whole); the first refusal is the error.
    pub(crate) fn send(&mut self, batch: Encoder) -> Result<Result<(), Refused>> {
        let count = batch.count();
        let expected = batch.last_acknowledged();
        let first = self.transmit(batch)?;
        let mut refused: Option<Refused> = None;
        let mut acknowledged = false;
        loop {
            let length = match net::recv(&self.fd, &mut self.buffer[..], RecvFlags::DONTWAIT) {
                Ok((length, _)) => length,
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(std::io::Error::from(errno)).context(|| "read a netlink answer"),
            };
            for message in Messages::new(&self.buffer[..length]) {
                let message = message?;
                let index = message.sequence.wrapping_sub(first) as usize;
                if message.kind != NLMSG_ERROR || index >= count {
                    continue;
                }
                match error_code(message.payload)? {
                    None => acknowledged |= Some(index) == expected,
                    Some(errno) => refused = refused.or(Some(Refused { index, errno })),
                }
            }
        }
        match refused {
            Some(refused) => Ok(Err(refused)),
            None if acknowledged => Ok(Ok(())),
            None => Err(errdefs::system("the kernel did not answer a netlink request")),
        }
    }

    /// Sends a batch and makes a refusal an ordinary error.
    pub(crate) fn run(&mut self, batch: Encoder, what: impl FnOnce() -> String) -> Result<()> {
        self.send(batch)?.context(what)
    }

    /// Sends one request and gives each answer's type and payload to `each`, a dump's or a single one.
    pub(crate) fn query(
        &mut self,
        request: Encoder,
        each: impl FnMut(u16, &[u8]) -> Result<()>,
    ) -> Result<()> {
        self.try_query(request, each)?.context(|| "netlink query")
    }

    /// [`Socket::query`] for callers who expect a refusal.
    pub(crate) fn try_query(
        &mut self,
        request: Encoder,
        mut each: impl FnMut(u16, &[u8]) -> Result<()>,
    ) -> Result<Result<(), Refused>> {
        for _ in 0..DUMP_TRIES {
            let mut answers = Vec::new();
            match self.collect(request.clone(), &mut answers)? {
                Collected::Whole => {
                    answers.iter().try_for_each(|(kind, payload)| each(*kind, payload))?;
                    return Ok(Ok(()));
                }
                Collected::Changed => {}
                Collected::Refused(refused) => return Ok(Err(refused)),
            }
        }
        Err(errdefs::system("the kernel's list changed each time it was read"))
    }

    /// One try of [`Socket::query`].
    fn collect(&mut self, request: Encoder, answers: &mut Vec<(u16, Vec<u8>)>) -> Result<Collected> {
        let first = self.transmit(request)?;
        let mut collected = Collected::Whole;
        loop {
            let length =
                match net::recv(&self.fd, &mut self.buffer[..], RecvFlags::DONTWAIT | RecvFlags::TRUNC) {
                    Ok((_, length)) => length,
                    Err(Errno::INTR) => continue,
                    Err(Errno::AGAIN) => return Err(errdefs::system("the kernel did not end its list")),
                    Err(errno) => return Err(std::io::Error::from(errno)).context(|| "read a netlink list"),
                };
            let Some(bytes) = self.buffer.get(..length) else {
                return Err(errdefs::system("a netlink answer is longer than the largest there may be"));
            };
            for message in Messages::new(bytes) {
                let message = message?;
                if message.sequence != first {
                    continue;
                }
                if message.flags & FLAG_DUMP_INTERRUPTED != 0 {
                    collected = Collected::Changed;
                }
                match message.kind {
                    NLMSG_DONE => return Ok(collected),
                    NLMSG_ERROR => {
                        return Ok(match error_code(message.payload)? {
                            None => collected,
                            Some(errno) => Collected::Refused(Refused { index: 0, errno }),
                        });
                    }
                    kind => answers.push((kind, message.payload.to_vec())),
                }
            }
        }
    }

    /// Numbers the messages and sends them; the first one's number is returned.
    fn transmit(&mut self, batch: Encoder) -> Result<u32> {
        let first = self.sequence.wrapping_add(1);
        let count = batch.count();
        self.sequence = self.sequence.wrapping_add(u32::try_from(count).unwrap_or(u32::MAX));
        self.messages += count as u64;
        let bytes = batch.finish(first)?;
        let kernel = SocketAddrNetlink::new(0, 0);
        let sent = rustix::io::retry_on_intr(|| net::sendto(&self.fd, &bytes, SendFlags::empty(), &kernel))
            .map_err(std::io::Error::from)
            .context(|| "send a netlink request")?;
        if sent != bytes.len() {
            return Err(errdefs::system("the kernel took only a part of a netlink request"));
        }
        Ok(first)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The errno in the payload of an error message, or `None` for an acknowledgement.
fn error_code(payload: &[u8]) -> Result<Option<Errno>> {
    let code = payload
        .first_chunk::<4>()
        .map(|bytes| i32::from_ne_bytes(*bytes))
        .ok_or_else(|| errdefs::system("a netlink error without its code"))?;
    Ok((code != 0).then(|| Errno::from_raw_os_error(code.saturating_neg())))
}

struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    payload: &'a [u8],
}

/// Splits what was read into messages; a length that does not fit is an error, not the end.
struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = match self.rest {
            [] => return None,
            bytes => bytes.first_chunk::<HEADER>(),
        };
        let parsed = header.and_then(|header| {
            let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
            let payload = self.rest.get(HEADER..length)?;
            let message = Message {
                kind: u16::from_ne_bytes([header[4], header[5]]),
                flags: u16::from_ne_bytes([header[6], header[7]]),
                sequence: u32::from_ne_bytes([header[8], header[9], header[10], header[11]]),
                payload,
            };
            Some((message, length))
        });
        let Some((message, length)) = parsed else {
            self.rest = &[];
            return Some(Err(errdefs::system("a netlink message with a wrong length")));
        };
        self.rest = self.rest.get(encoder::align(length)..).unwrap_or_default();
        Some(Ok(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_with_wrong_lengths_are_errors_and_end_the_list() {
        let mut bytes = vec![0_u8; HEADER];
        for length in [0_u32, 15, 17, u32::MAX] {
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            let all: Vec<_> = Messages::new(&bytes).collect();
            assert_eq!(all.len(), 1, "length {length}");
            assert!(all[0].is_err(), "length {length}");
        }
        bytes[..4].copy_from_slice(&16_u32.to_ne_bytes());
        assert!(Messages::new(&bytes).all(|message| message.is_ok()));
        assert_eq!(Messages::new(&bytes[..7]).count(), 1);
    }

    #[test]
    fn a_refused_request_names_its_place_in_the_batch() {
        let mut socket = Socket::route().unwrap();
        let mut batch = Encoder::new();
        route::get_link(&mut batch, "lo");
        let mut answers = 0;
        socket
            .query(batch, |_, _| {
                answers += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(answers, 1);
        let mut batch = Encoder::new();
        batch.message(route::SETLINK, flag::REQUEST | flag::ACK, |e| {
            route::link_header(e, 0, 0, 0);
            e.text(route::IFLA_IFNAME, "no-such-link");
        });
        let refused = socket.send(batch).unwrap().unwrap_err();
        assert_eq!(refused.index, 0);
    }
}
