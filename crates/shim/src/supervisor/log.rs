//! The container's log, written here; or, in non-blocking mode, by a process of its own.
//!
//! With `mode=non-blocking` the container must go on when its log cannot, whatever the disk does, and a `write` to a file
//! can wait for the disk however it is asked not to. So the lines go through a socket, whose buffer is the ring of
//! `max-buffer-size`, to a second process of this program; when the socket is full they are dropped and counted.
//! A thread would do too, but the shim must not have one (see [`super`]), and this costs its memory only where it is
//! asked for.

use std::ffi::CStr;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use errdefs::{Context as _, Result};
use logs::{Mode, Stream, Time, Writer, WriterConfig};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recvmsg, sendmsg, shutdown,
    sockopt,
};

use crate::launch::{COMPRESS_LOG, WRITE_LOG};
use crate::protocol;

/// The numbers under which the writing process finds its socket and its configuration.
const SOCKET_FD: i32 = 3;
const CONFIG_FD: i32 = 4;
/// What a packet is about, in its first byte; the time follows in eight.
const STDERR: u8 = 1;
const AFTER_GAP: u8 = 2;
const END: u8 = 4;
/// In the last packet, where [`AFTER_GAP`] is about the standard output.
const STDERR_AFTER_GAP: u8 = 8;
const HEADER: usize = 9;
/// How long the end of a container waits for its log to be complete, if the disk is slow.
const FINISH: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// Where a container's output is written to.
#[derive(Debug)]
pub(super) enum Log {
    /// The file; and, if rotated files are compressed, what a compressing process is told.
    Here(Box<Writer>, Option<OwnedFd>),
    /// The process that writes the file.
    There(Ring),
    /// Nothing any more.
    Closed,
}

/// The way to the writing process.
#[derive(Debug)]
pub(super) struct Ring {
    socket: OwnedFd,
    pidfd: OwnedFd,
    /// Something was dropped of the stream of this number.
    gap: [bool; 2],
    lost: u64,
}

impl Log {
    pub(super) fn open(config: &WriterConfig) -> Result<Self> {
        // Opened here in either mode, so that a log that cannot be opened is known before the container is made.
        let writer = Writer::open(config)?;
        match config.mode {
            Mode::NonBlocking { max_buffer } if config.driver != logs::Driver::None => {
                drop(writer);
                Ring::start(config, max_buffer).map(Self::There)
            }
            _ => Ok(Self::Here(Box::new(writer), compressing(config)?)),
        }
    }

    pub(super) fn write(&mut self, stream: Stream, data: &[u8], now: Time) {
        match self {
            Self::Here(writer, compressing) => {
                writer.write(stream, data, now);
                compress_rotated(writer, compressing.as_ref());
            }
            Self::There(ring) => ring.write(stream, data, now),
            Self::Closed => {}
        }
    }

    /// Both streams have ended; the log is complete when this returns.
    pub(super) fn end(&mut self, now: Time) {
        match self {
            Self::Here(writer, _) => {
                writer.end(Stream::Stdout, now);
                writer.end(Stream::Stderr, now);
            }
            Self::There(ring) => ring.end(now),
            Self::Closed => {}
        }
    }

    pub(super) fn trim(&mut self) {
        if let Self::Here(writer, _) = self {
            writer.trim();
        }
    }

    pub(super) fn stats(&self) -> logs::Stats {
        match self {
            Self::Here(writer, _) => writer.stats(),
            Self::There(ring) => logs::Stats { lost: ring.lost, ..logs::Stats::default() },
            Self::Closed => logs::Stats::default(),
        }
    }
}

impl Ring {
    fn start(config: &WriterConfig, max_buffer: u64) -> Result<Self> {
        let (ours, theirs) = sys::socket::packet_pair().context(|| "log socket")?;
        let bytes = usize::try_from(max_buffer).unwrap_or(usize::MAX).min(i32::MAX as usize / 2);
        // The second needs no privilege, but has a limit.
        let _ = sockopt::set_socket_send_buffer_size_force(&ours, bytes)
            .or_else(|_| sockopt::set_socket_send_buffer_size(&ours, bytes));
        let encoded = postcard::to_stdvec(config).context(|| "encode log configuration")?;
        let config = protocol::memfd(c"hythe-log", &encoded)?;
        let pidfd = spawn(WRITE_LOG, theirs.as_fd(), config.as_fd()).context(|| "start log writer")?;
        Ok(Self { socket: ours, pidfd, gap: [false; 2], lost: 0 })
    }

    fn write(&mut self, stream: Stream, mut data: &[u8], now: Time) {
        let (number, flag) = if stream == Stream::Stdout { (0, 0) } else { (1, STDERR) };
        let mut flags = flag;
        if self.gap[number] {
            // Goes on at the beginning of a line.
            let Some(at) = data.iter().position(|&byte| byte == b'\n') else { return };
            data = &data[at + 1..];
            flags |= AFTER_GAP;
        }
        if data.is_empty() {
            return;
        }
        match self.send(flags, data, now) {
            Ok(()) => self.gap[number] = false,
            Err(_) => {
                self.gap[number] = true;
                self.lost += data.iter().filter(|&&byte| byte == b'\n').count() as u64;
            }
        }
    }

    fn send(&self, flags: u8, data: &[u8], now: Time) -> Result<(), Errno> {
        let mut header = [flags; HEADER];
        header[1..].copy_from_slice(&now.0.to_ne_bytes());
        let parts = [IoSlice::new(&header), IoSlice::new(data)];
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg(&self.socket, &parts, &mut SendAncillaryBuffer::default(), flags).map(drop)
    }

    fn end(&mut self, now: Time) {
        let [out, err] = self.gap;
        let flags = END | if out { AFTER_GAP } else { 0 } | if err { STDERR_AFTER_GAP } else { 0 };
        while self.send(flags, &[], now) == Err(Errno::AGAIN) {
            if poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], Some(&FINISH)) == Ok(0) {
                break;
            }
        }
        let _ = shutdown(&self.socket, Shutdown::Write);
        let _ = poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&FINISH));
    }
}

/// Starts this program in another role, with two descriptors in the places of [`SOCKET_FD`] and [`CONFIG_FD`].
fn spawn(role: &CStr, socket: BorrowedFd<'_>, config: BorrowedFd<'_>) -> Result<OwnedFd> {
    let exe = File::open("/proc/self/exe").context(|| "open /proc/self/exe")?;
    let null = File::options().read(true).write(true).open("/dev/null").context(|| "open /dev/null")?;
    let program = sys::spawn::Program {
        file: exe.as_fd(),
        args: vec![c"hythe-shim".into(), role.into()],
        env: Vec::new(),
        fds: &[null.as_fd(), null.as_fd(), null.as_fd(), socket, config],
        new_session: false,
    };
    let (_pid, pidfd) = sys::spawn::spawn(&program).context(|| "spawn")?;
    Ok(pidfd)
}

/// What a compressing process reads, made once.
fn compressing(config: &WriterConfig) -> Result<Option<OwnedFd>> {
    if !config.compress {
        return Ok(None);
    }
    let encoded = postcard::to_stdvec(config).context(|| "encode log configuration")?;
    protocol::memfd(c"hythe-log", &encoded).map(Some)
}

/// Has files compressed that were rotated away. If that cannot be done they stay as they are, which readers know.
fn compress_rotated(writer: &mut Writer, config: Option<&OwnedFd>) {
    if let Some(config) = config.filter(|_| writer.take_rotated()) {
        let _ = spawn(COMPRESS_LOG, config.as_fd(), config.as_fd());
    }
}

/// The compressing process; returns its exit status.
pub(super) fn run_compress() -> i32 {
    sys::signal::block_all();
    let read = || -> Result<WriterConfig> {
        let config = sys::fd::inherited(CONFIG_FD).context(|| "log configuration")?;
        protocol::decode(&protocol::read_memfd(config)?)
    };
    match read().and_then(|config| logs::compress(&config)) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// The writing process: takes packets until there are no more; returns its exit status.
pub(super) fn run() -> i32 {
    match write_all() {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

fn write_all() -> Result<()> {
    sys::signal::block_all();
    let socket = sys::fd::inherited(SOCKET_FD).context(|| "log socket")?;
    let config = sys::fd::inherited(CONFIG_FD).context(|| "log configuration")?;
    let config: WriterConfig = protocol::decode(&protocol::read_memfd(config)?)?;
    let mut writer = Writer::open(&config)?;
    let compressing = compressing(&config)?;
    let mut packet = vec![0; HEADER + super::CHUNK];
    loop {
        let mut control = RecvAncillaryBuffer::default();
        let received =
            recvmsg(&socket, &mut [IoSliceMut::new(&mut packet)], &mut control, RecvFlags::empty());
        let len = match received {
            Ok(message) => message.bytes,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error).context(|| "recvmsg"),
        };
        let Some((header, data)) = packet[..len].split_first_chunk::<HEADER>() else { return Ok(()) };
        let [flags, time @ ..] = *header;
        let time = Time(i64::from_ne_bytes(time));
        let stream = if flags & STDERR == 0 { Stream::Stdout } else { Stream::Stderr };
        if flags & END != 0 {
            for (stream, gap) in [(Stream::Stdout, AFTER_GAP), (Stream::Stderr, STDERR_AFTER_GAP)] {
                if flags & gap != 0 {
                    writer.gap(stream);
                }
                writer.end(stream, time);
            }
            continue;
        }
        if flags & AFTER_GAP != 0 {
            writer.gap(stream);
        }
        writer.write(stream, data, time);
        compress_rotated(&mut writer, compressing.as_ref());
    }
}
