//! The container's own pseudo terminal.
//!
//! It comes from the container's devpts, so that its name is right inside; and since the container may have put anything
//! at `/dev/ptmx`, what is opened is proven to be a devpts first, and the other end is asked of the kernel by descriptor
//! (`TIOCGPTPEER`), never opened by name.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{OFlags, ResolveFlags, fstatfs};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::outcome::{StartError, failed};
use crate::tree::{Tree, directory};

/// `DEVPTS_SUPER_MAGIC` of `linux/magic.h`.
const DEVPTS_MAGIC: u64 = 0x1cd1;

/// Both ends of a terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    /// The engine's end.
    pub(crate) master: OwnedFd,
    /// The process's end.
    pub(crate) peer: OwnedFd,
}

/// Opens a new terminal of the devpts at `/dev/pts` in the tree.
pub(crate) fn open(tree: &Tree, size: Option<(u16, u16)>) -> Result<Terminal, StartError> {
    let step =
        |what: &'static str| move |errno: Errno| failed(format_args!("open a terminal: {what}"), errno);
    let dir = tree.open(Path::new("/dev/pts"), directory()).map_err(step("/dev/pts"))?;
    if fstatfs(&dir).map_err(step("/dev/pts"))?.f_type as u64 != DEVPTS_MAGIC {
        return Err(StartError::other("open a terminal: /dev/pts is not a devpts file system"));
    }
    let master = Tree::new(dir)
        .open_with(
            Path::new("/ptmx"),
            OFlags::RDWR | OFlags::NOCTTY,
            // Not something mounted over it.
            ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS,
        )
        .map_err(step("/dev/pts/ptmx"))?;
    unlockpt(&master).map_err(step("unlock"))?;
    let peer = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .map_err(step("peer"))?;
    if let Some((rows, columns)) = size {
        resize(&master, rows, columns).map_err(step("size"))?;
    }
    Ok(Terminal { master, peer })
}

/// Gives a terminal its size; the kernel tells its processes by `SIGWINCH`.
pub(crate) fn resize(terminal: impl AsFd, rows: u16, columns: u16) -> Result<(), Errno> {
    tcsetwinsize(terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })
}
