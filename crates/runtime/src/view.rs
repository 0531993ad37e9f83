//! A container's whole tree while it does not run: its root with its volumes, binds and files mounted, seen by nobody.
//!
//! The mounts stand in a mount namespace that no process is in; a descriptor holds it, and with the value it is gone. So
//! nothing of a container's tree is ever in the host's mount table, and the kernel resolves links from one mount into
//! another as it would for the container.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use errdefs::{Context, Result};
use rustix::fs::{CWD, Mode, OFlags, open};
use rustix::io::Errno;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount_change, move_mount, open_tree,
};
use sys::fork::{NewNamespaces, unshare};
use sys::mount::{Attributes, mount_setattr};

use crate::tree::{Make, Tree};

/// What is mounted at one place of the tree.
#[derive(Debug, Clone)]
pub struct Part {
    /// The file or directory on the host. One that is missing is left out.
    pub source: PathBuf,
    /// Where it is in the container.
    pub destination: PathBuf,
    /// Nothing can be changed through it.
    pub read_only: bool,
}

/// The root of a tree, and what keeps its mounts.
#[derive(Debug)]
pub struct View {
    root: OwnedFd,
    _namespace: Option<OwnedFd>,
}

impl View {
    /// A tree that is whole already: that of a running container.
    pub fn whole(root: OwnedFd) -> Self {
        Self { root, _namespace: None }
    }

    /// Mounts `parts`, in their order, on a detached mount. `place` is any directory. What has to be made to mount them on
    /// belongs to `owner`, by the host's numbers.
    ///
    /// # Errors
    /// System, with the mount that failed.
    pub fn assemble(root: OwnedFd, parts: &[Part], place: &Path, owner: (u32, u32)) -> Result<Self> {
        // A thread of its own: it cannot come back from the namespace it makes.
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| assemble(&root, parts, place, owner));
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
        .map(|namespace| Self { root, _namespace: Some(namespace) })
    }
}

impl AsFd for View {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

/// Gives the namespace that holds the mounts.
fn assemble(root: &OwnedFd, parts: &[Part], place: &Path, owner: (u32, u32)) -> Result<OwnedFd> {
    unshare(NewNamespaces::MOUNT).map_err(|error| errdefs::system(error.to_string()))?;
    // What is mounted here must not come back to the host.
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change("/", private).context(|| "make the mounts private")?;
    // The sources first: the root may come to stand on their way.
    let mut sources = Vec::new();
    for part in parts {
        let source = source(part).context(|| format!("open {}", part.source.display()))?;
        sources.extend(source.map(|source| (source, part)));
    }
    move_mount(root, "", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .context(|| format!("mount the root on {}", place.display()))?;
    if owner != (0, 0) {
        sys::identity::set_file_ids(owner.0, owner.1).map_err(|error| errdefs::system(error.to_string()))?;
    }
    let tree = Tree::new(root.try_clone().context(|| "copy the root's descriptor")?);
    for (source, part) in &sources {
        mount_part(&tree, source, part)
            .context(|| format!("mount {} on {}", part.source.display(), part.destination.display()))?;
    }
    open("/proc/thread-self/ns/mnt", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .context(|| "open the mount namespace")
}

/// A copy of the mount that a part is in, from its source on; `None` if it is missing.
fn source(part: &Part) -> std::result::Result<Option<OwnedFd>, Errno> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let source = match open_tree(CWD, &part.source, flags) {
        Err(Errno::NOENT) => return Ok(None),
        source => source?,
    };
    if part.read_only {
        let attributes = Attributes { set: sys::mount::RDONLY, ..Attributes::default() };
        mount_setattr(&source, c"", true, attributes).map_err(|error| error.errno())?;
    }
    Ok(Some(source))
}

fn mount_part(tree: &Tree, source: &OwnedFd, part: &Part) -> std::result::Result<(), Errno> {
    let make = if part.source.is_dir() { Make::Directory } else { Make::File };
    let target = match tree.ensure(&part.destination, make) {
        // A root that is only looked at has no place for it.
        Err(Errno::ROFS) => return Ok(()),
        target => target?,
    };
    let empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(source, "", &target, "", empty)
}
