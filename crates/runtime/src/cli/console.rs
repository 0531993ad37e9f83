//! Descriptors to and from the callers of this command line: the console socket, and the socket a prepared process waits
//! on for its start.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use errdefs::{Context, Result, invalid};
use rustix::fs::{CWD, Mode, openat};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};

use crate::tree::directory;

/// Sends the terminal's master end to whoever listens on the console socket, as engines expect it from runc.
pub(super) fn send_console(path: &str, console: &OwnedFd) -> Result<()> {
    let socket = connect_to(Path::new(path), SocketType::STREAM)?;
    let fd = std::os::fd::AsFd::as_fd(console);
    sys::socket::send(&socket, b"/dev/ptmx", &[fd])
        .map(drop)
        .context(|| format!("send the console to {path}"))
}

/// A socket at `path`; one connection is all it will ever have.
pub(super) fn listen_at(path: &Path) -> Result<OwnedFd> {
    let (dir, address) = short_address(path)?;
    let socket = new_socket(SocketType::SEQPACKET)?;
    bind(&socket, &address).context(|| format!("bind {}", path.display()))?;
    listen(&socket, 1).context(|| format!("listen on {}", path.display()))?;
    drop(dir);
    Ok(socket)
}

pub(super) fn connect_to(path: &Path, kind: SocketType) -> Result<OwnedFd> {
    let (dir, address) = short_address(path)?;
    let socket = new_socket(kind)?;
    connect(&socket, &address).context(|| format!("connect to {}", path.display()))?;
    drop(dir);
    Ok(socket)
}

fn new_socket(kind: SocketType) -> Result<OwnedFd> {
    socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).context(|| "socket")
}

/// The address by way of the directory's descriptor: a path may be longer than the 108 bytes of an address.
fn short_address(path: &Path) -> Result<(OwnedFd, SocketAddrUnix)> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(invalid(format!("invalid socket path: {}", path.display())));
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let dir =
        openat(CWD, parent, directory(), Mode::empty()).context(|| format!("open {}", parent.display()))?;
    let short = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name);
    let address = SocketAddrUnix::new(short).context(|| format!("socket path {}", path.display()))?;
    Ok((dir, address))
}
