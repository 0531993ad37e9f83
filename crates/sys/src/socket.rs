//! Packets with descriptors over a unix socket (`SCM_RIGHTS`), without a chance to lose or leak one.
//!
//! Why not `rustix` at each caller: the truncation check (a packet whose descriptors did not all fit must be refused) is
//! easily forgotten, and belongs in one place.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, sendmsg, socketpair,
};

use crate::{CallError, Result};

/// The most descriptors in one packet; the kernel's own limit is 253.
pub const MAX_FDS: usize = 32;

/// Two connected ends that keep packet boundaries.
///
/// # Errors
/// `socketpair`.
pub fn packet_pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|errno| CallError::new("socketpair", "", errno))
}

/// Sends `bytes` and `fds`. Never raises `SIGPIPE`. On a packet socket all or nothing goes; on a stream the number of
/// bytes sent comes back, and the descriptors went with the first of them.
///
/// # Errors
/// `sendmsg`; `EPIPE` if the other end is closed; `EINVAL` for more than [`MAX_FDS`] descriptors.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && (fds.len() > MAX_FDS || !control.push(SendAncillaryMessage::ScmRights(fds))) {
        return Err(CallError::new("sendmsg", "", Errno::INVAL));
    }
    retry_on_intr(|| sendmsg(&socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL))
        .map_err(|errno| CallError::new("sendmsg", "", errno))
}

/// Whether the other end of a unix stream socket has not yet read all that was sent. (On TCP the question has no answer;
/// there it is whether all is acknowledged.)
///
/// # Errors
/// `ioctl(SIOCOUTQ)`.
pub fn has_unread(socket: impl AsFd) -> Result<bool> {
    // SAFETY: TIOCOUTQ (the same number as SIOCOUTQ) writes one int.
    let queued = unsafe {
        let call = rustix::ioctl::Getter::<{ libc::TIOCOUTQ as rustix::ioctl::Opcode }, libc::c_int>::new();
        rustix::ioctl::ioctl(&socket, call)
    };
    queued.map(|bytes| bytes > 0).map_err(|errno| CallError::new("ioctl(SIOCOUTQ)", "", errno))
}

/// Waits for the next packet and gives its length in bytes, without taking it; 0 at the end.
///
/// # Errors
/// What the kernel says, as [`receive`].
pub fn next_len(socket: impl AsFd) -> Result<usize> {
    let flags = RecvFlags::PEEK | RecvFlags::TRUNC;
    let peeked = retry_on_intr(|| recv(&socket, &mut [0_u8; 0], flags));
    peeked.map(|(_, len)| len).map_err(|errno| CallError::new("recv", "", errno))
}

/// Receives into `buffer`: the number of bytes (0 = the other end is closed) and the descriptors that came along.
///
/// # Errors
/// `recvmsg`; `EMSGSIZE` if the packet or its descriptors did not fit, in which case none are kept.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = retry_on_intr(|| {
        recvmsg(&socket, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)
    })
    .map_err(|errno| CallError::new("recvmsg", "", errno))?;
    let mut fds = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = part {
            fds.extend(rights);
        }
    }
    if message.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(CallError::new("recvmsg", "", Errno::MSGSIZE));
    }
    Ok((message.bytes, fds))
}
