//! The messages between a daemon and a shim, and how they travel.
//!
//! A message is one packet of a `SOCK_SEQPACKET` unix socket: postcard, with descriptors beside it. Both sides are of
//! the same build or of builds with the same [`version`]; the first message of a shim says which. What is too large for
//! a packet travels in a memfd.
//!
//! In all versions: a packet's first byte, that of [`Message::Hello`] as the variant 0 with the version first, the names of
//! the files in the state directory and the form of the exit record. On that a daemon of another version can rely.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt as _;

use errdefs::{Class, Error, Result, system};
use rustix::fs::{MemfdFlags, memfd_create};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{AttachOptions, Event, Exit, Phase, Stdio};

/// Ends with the version, raised whenever a message changes its form: a text in the program, which `strings` finds.
static PROTOCOL: [u8; 26] = *b"hythe shim protocol: 00003";

/// The version of the protocol that this program speaks.
pub(crate) fn version() -> u32 {
    // As the program's file has it, whatever the compiler could foresee.
    let digits = &std::hint::black_box(&PROTOCOL)[21..];
    digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit.wrapping_sub(b'0')))
}

/// The largest packet; below the default send buffer of unix sockets (208 KiB), which must hold a packet whole.
pub(crate) const PACKET_MAX: usize = 64 * 1024;
/// The largest message in a memfd: an exec's arguments and environment can be 2 MiB each, plus a filter.
const MESSAGE_MAX: u64 = 16 * 1024 * 1024;
/// First byte of a packet: the message follows / is in the last descriptor.
const INLINE: u8 = 0;
const IN_MEMFD: u8 = 1;
/// The number of [`Message::Hello`] among the messages.
const HELLO: u32 = 0;

/// Everything a new shim is told, in its launch memfd. Descriptors are numbers it inherited.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) id: String,
    pub(crate) state_dir: std::path::PathBuf,
    pub(crate) plan: runtime::Plan,
    pub(crate) foreign: Option<crate::launch::Foreign>,
    pub(crate) stdio: Stdio,
    pub(crate) log: logs::WriterConfig,
    pub(crate) netns: Option<i32>,
    pub(crate) userns: Option<i32>,
    pub(crate) held: Vec<i32>,
    pub(crate) forwards: Vec<(i32, crate::PortProtocol, std::net::SocketAddr)>,
    pub(crate) attaches: Vec<(i32, AttachOptions)>,
    /// The state directory, locked for as long as the shim lives.
    pub(crate) lock: i32,
}

/// Whose streams are meant: an exec's by its id, or the container's.
pub(crate) type Target = Option<String>;

/// What the daemon asks. The answer carries the same number.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Execute the container's program.
    Start,
    /// Send a signal to the first process of the target.
    Signal {
        target: Target,
        signal: i32,
    },
    /// Kill every process of the container.
    KillAll,
    Resize {
        target: Target,
        rows: u16,
        columns: u16,
    },
    /// With the client's socket.
    Attach {
        options: AttachOptions,
    },
    CloseStdin {
        target: Target,
    },
    /// With the client's socket, if there is one.
    Exec {
        exec_id: String,
        plan: Box<runtime::ExecPlan>,
        open_stdin: bool,
        attach: Option<AttachOptions>,
    },
    Pause,
    Resume,
    Update {
        limits: Box<cgroups::Limits>,
    },
    /// Answered with a descriptor.
    RootFd,
    Pids,
    Status,
    /// Where published ports lead from now on.
    Retarget {
        ipv4: Option<std::net::Ipv4Addr>,
        ipv6: Option<std::net::Ipv6Addr>,
    },
}

/// The answer to a request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    /// A process id.
    Pid(i32),
    Pids(Vec<i32>),
    Status {
        phase: Phase,
        log: logs::Stats,
    },
    /// A program could not be started; texts and codes are made from it by the daemon.
    NotStarted(runtime::StartError),
    /// The container's own program could not be started; the shim ends, and no `Exited` follows.
    StartFailed(runtime::StartError),
    Failed(Failure),
}

/// An error of a class, on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    class: u8,
    message: String,
}

/// The classes that travel, by their place here.
const CLASSES: [Class; 6] = [
    Class::System,
    Class::NotFound,
    Class::InvalidParameter,
    Class::Conflict,
    Class::NotImplemented,
    Class::Unavailable,
];

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let class = CLASSES.iter().position(|class| *class == error.class()).unwrap_or(0);
        #[expect(clippy::cast_possible_truncation, reason = "a place in a table of six")]
        Self { class: class as u8, message: error.to_string() }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let class = CLASSES.get(usize::from(failure.class)).copied().unwrap_or(Class::System);
        Self::new(class, failure.message)
    }
}

/// What a shim sends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// The first message to every daemon that connects.
    Hello {
        version: u32,
        /// What became of [`runtime::create`]; `None`: not known yet, [`Message::Created`] follows.
        created: Option<Result<i32, runtime::StartError>>,
        exited: Option<Exit>,
        /// Execs that are running.
        execs: Vec<(String, i32)>,
    },
    /// Another daemon has connected; this connection is closed.
    Replaced,
    /// What could not be done and was left out when the container was made; comes before [`Message::Created`].
    Warnings(Vec<String>),
    /// The container is made and waits (its first process's id), or could not be made and the shim ends.
    Created(Result<i32, runtime::StartError>),
    Event(Event),
    Answer {
        number: u32,
        answer: Answer,
    },
}

/// What the daemon sends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbered {
    pub(crate) number: u32,
    pub(crate) request: Request,
}

/// Sends one message.
/// `false`: a socket that does not block takes nothing now.
pub(crate) fn send<T: Serialize>(
    socket: BorrowedFd<'_>,
    message: &T,
    fds: &[BorrowedFd<'_>],
) -> Result<bool> {
    let bytes =
        postcard::to_extend(message, vec![INLINE]).map_err(|e| system(format!("encode message: {e}")))?;
    if bytes.len() <= PACKET_MAX {
        return packet(socket, &bytes, fds);
    }
    let memfd = memfd(c"hythe-message", &bytes[1..])?;
    let mut all = fds.to_vec();
    all.push(memfd.as_fd());
    packet(socket, &[IN_MEMFD], &all)
}

fn packet(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<bool> {
    match sys::socket::send(socket, bytes, fds) {
        Ok(_) => Ok(true),
        Err(error) if error.errno() == rustix::io::Errno::AGAIN => Ok(false),
        Err(error) => Err(Error::new(Class::Unavailable, format!("shim: {error}"))),
    }
}

/// A memfd with this content, its position at the start.
pub(crate) fn memfd(name: &std::ffi::CStr, content: &[u8]) -> Result<OwnedFd> {
    let mut file = File::from(
        memfd_create(name, MemfdFlags::CLOEXEC).map_err(|e| system(format!("memfd_create: {e}")))?,
    );
    file.write_all(content)?;
    file.rewind()?;
    Ok(file.into())
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Received<T> {
    Message(T, Vec<OwnedFd>),
    /// Nothing now (the socket does not block).
    Nothing,
    /// The other end is gone.
    Closed,
}

/// Receives one message; `buffer` must hold [`PACKET_MAX`] bytes.
pub(crate) fn receive<T: DeserializeOwned>(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Received<T>> {
    receive_as(socket, buffer, decode)
}

/// The first message of a shim.
#[derive(Debug)]
pub(crate) enum Greeting {
    /// In our protocol.
    Ours(Message),
    /// In another version's.
    Other(u32),
}

/// Receives a shim's first message, of any version.
pub(crate) fn greeting(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Received<Greeting>> {
    receive_as(socket, buffer, |bytes| {
        let head = postcard::take_from_bytes::<(u32, u32)>(bytes);
        let ((variant, spoken), _) = head.map_err(|error| system(format!("shim: decode hello: {error}")))?;
        match (variant, spoken == version()) {
            (HELLO, false) => Ok(Greeting::Other(spoken)),
            _ => decode(bytes).map(Greeting::Ours),
        }
    })
}

fn receive_as<T>(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    decode: impl Fn(&[u8]) -> Result<T>,
) -> Result<Received<T>> {
    let received = match sys::socket::receive(socket, buffer) {
        // The other end closed without having read all of ours; the kernel says so once, and before what it has sent.
        Err(error) if error.errno() == rustix::io::Errno::CONNRESET => sys::socket::receive(socket, buffer),
        other => other,
    };
    let (len, mut fds) = match received {
        Ok(got) => got,
        Err(error) if error.errno() == rustix::io::Errno::AGAIN => return Ok(Received::Nothing),
        Err(error) if error.errno() == rustix::io::Errno::CONNRESET => return Ok(Received::Closed),
        Err(error) => return Err(system(format!("shim: {error}"))),
    };
    match &buffer[..len] {
        [] => Ok(Received::Closed),
        [INLINE, bytes @ ..] => Ok(Received::Message(decode(bytes)?, fds)),
        [IN_MEMFD] => {
            let memfd = fds.pop().ok_or_else(|| system("shim: message without its descriptor"))?;
            let bytes = read_memfd(memfd)?;
            Ok(Received::Message(decode(&bytes)?, fds))
        }
        _ => Err(system("shim: unknown kind of packet")),
    }
}

/// Reads a whole message memfd.
pub(crate) fn read_memfd(memfd: OwnedFd) -> Result<Vec<u8>> {
    let file = File::from(memfd);
    let len = file.metadata()?.len();
    if len > MESSAGE_MAX {
        return Err(system("shim: message too large"));
    }
    // Its whole size at once: growing by doubling would cost a start a dozen reads. From the beginning, wherever another
    // holder of the same memfd has read to.
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Decodes a message that must fill `bytes`.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        Ok(_) => Err(system("shim: message with trailing bytes")),
        Err(error) => Err(system(format!("shim: decode message: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pass(request: Request, fds: &[BorrowedFd<'_>]) -> (Numbered, usize) {
        let (a, b) = sys::socket::packet_pair().unwrap();
        send(a.as_fd(), &Numbered { number: 7, request }, fds).unwrap();
        let mut buffer = vec![0; PACKET_MAX];
        match receive(b.as_fd(), &mut buffer).unwrap() {
            Received::Message(message, fds) => (message, fds.len()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn small_and_large_messages_arrive_with_their_descriptors() {
        let null = File::open("/dev/null").unwrap();
        for len in [10, PACKET_MAX, 3_000_000] {
            let options = AttachOptions { initial: vec![7; len], ..AttachOptions::default() };
            let (got, fds) = pass(Request::Attach { options }, &[null.as_fd()]);
            assert!(matches!(got.request, Request::Attach { options } if options.initial.len() == len));
            assert_eq!((got.number, fds), (7, 1));
        }
    }

    #[test]
    fn the_last_message_of_one_who_did_not_read_ours_arrives() {
        let (a, b) = sys::socket::packet_pair().unwrap();
        send(a.as_fd(), &Numbered { number: 1, request: Request::Start }, &[]).unwrap();
        send(b.as_fd(), &Message::Replaced, &[]).unwrap();
        drop(b);
        let mut buffer = vec![0; PACKET_MAX];
        let mut next = || receive::<Message>(a.as_fd(), &mut buffer).unwrap();
        assert!(matches!(next(), Received::Message(Message::Replaced, _)));
        assert!(matches!(next(), Received::Closed));
    }

    #[test]
    fn hello_is_understood_in_every_version() {
        let (a, b) = sys::socket::packet_pair().unwrap();
        let mut buffer = vec![0; PACKET_MAX];
        let mut next = || greeting(b.as_fd(), &mut buffer);
        let hello = |version| Message::Hello { version, created: None, exited: None, execs: Vec::new() };
        send(a.as_fd(), &hello(version()), &[]).unwrap();
        assert!(matches!(next().unwrap(), Received::Message(Greeting::Ours(_), _)));
        send(a.as_fd(), &hello(version() + 1000), &[]).unwrap();
        assert!(
            matches!(next().unwrap(), Received::Message(Greeting::Other(one), _) if one == version() + 1000)
        );
        // Whatever follows the version in another one.
        sys::socket::send(&a, b"\0\0\x01\xff\xff\xff", &[]).unwrap();
        assert!(matches!(next().unwrap(), Received::Message(Greeting::Other(1), _)));
        send(a.as_fd(), &Message::Replaced, &[]).unwrap();
        assert!(!matches!(next(), Ok(Received::Message(Greeting::Other(_), _))));
    }

    #[test]
    fn garbage_is_refused() {
        let (a, b) = sys::socket::packet_pair().unwrap();
        let mut buffer = vec![0; PACKET_MAX];
        for bytes in [&b"\0\xff\xff\xff\xff\xff\xff"[..], b"\x01", b"\x05", b"\0\x01\x00\x00"] {
            sys::socket::send(&a, bytes, &[]).unwrap();
            assert!(receive::<Numbered>(b.as_fd(), &mut buffer).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        /// Whatever comes over the socket is a message or refused; nothing makes the shim stop or take memory for it.
        #[test]
        fn no_bytes_make_decoding_fail_otherwise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Numbered>(&bytes);
            let _ = decode::<Message>(&bytes);
            let _ = decode::<Launch>(&bytes);
        }
    }

    #[test]
    fn classes_survive_the_way() {
        let error = Error::from(Failure::from(errdefs::conflict("x")));
        assert_eq!((error.class(), error.message()), (Class::Conflict, "x"));
    }
}
