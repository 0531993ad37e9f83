//! Mounts of a container with a user namespace, made before its mount namespace is entered.
//!
//! That namespace belongs to the container, and the kernel lets nobody do in it what could show the container more than
//! the host gave it: part of a mount that has others on it cannot be bound there, and `/proc` cannot be mounted where
//! parts of it are hidden. So the host's files and the file systems of other namespaces are opened outside, as mounts
//! attached nowhere; inside they are only put in their places.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, move_mount};
use sys::mount::{Attributes, map_ids, mount_setattr};

use super::{clone_tree, new_of, overlay, step};
use crate::outcome::{StartError, failed};
use crate::plan::{Mount, MountSource, Plan, RootSource};

/// Mounts that wait for their places.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// By their places in the plan's list; those that are made later are missing.
    pub(super) mounts: Vec<Option<OwnedFd>>,
    /// The directory that all layers are below, with the container's ids.
    layers: Option<(std::path::PathBuf, OwnedFd)>,
}

/// Whether a mount is made by the container's own first process: what the kernel takes the ids for from the process
/// that makes it. (Not `/dev`, in which nobody could then make device nodes.)
pub(crate) fn made_inside(mount: &Mount) -> bool {
    match &mount.what {
        MountSource::New { fstype, .. } => {
            fstype == "devpts" || (fstype == "tmpfs" && mount.target != Path::new("/dev"))
        }
        _ => false,
    }
}

/// Makes all mounts of the plan that can be made in the host's mount namespace, this process being in the container's
/// other ones. `user` is the container's user namespace; the calling process makes files as its root from here on.
pub(crate) fn prepare(plan: &Plan, user: BorrowedFd<'_>, root: (u32, u32)) -> Result<Prepared, StartError> {
    let mut mounts: Vec<Option<OwnedFd>> = Vec::with_capacity(plan.mounts.len());
    for mount in &plan.mounts {
        mounts.push(match &mount.what {
            MountSource::Bind { source, recursive } => Some(bind(mount, source, *recursive)?),
            _ => None,
        });
    }
    let layers = layers(plan, user)?;
    sys::identity::set_file_ids(root.0, root.1)
        .map_err(|e| failed("act as the container's root", e.errno()))?;
    for (mount, made) in plan.mounts.iter().zip(&mut mounts) {
        if matches!(mount.what, MountSource::New { .. }) && !made_inside(mount) {
            *made = Some(new_of(mount)?);
        }
    }
    Ok(Prepared { mounts, layers })
}

/// A copy of mounts of the host that nothing done to in the container can reach.
fn bind(mount: &Mount, source: &Path, recursive: bool) -> Result<OwnedFd, StartError> {
    let name = source.display().to_string();
    let step = step(mount, &name);
    let tree = clone_tree(CWD.as_fd(), source, recursive).map_err(&step)?;
    // What is shared with the host stays behind; a container may still listen to it, if that is asked for.
    let kind = match mount.propagation {
        Some(wanted) if wanted.kind != sys::mount::PRIVATE => sys::mount::SLAVE,
        _ => sys::mount::PRIVATE,
    };
    mount_setattr(&tree, c"", true, Attributes { propagation: kind, ..Attributes::default() })
        .map_err(|error| step(error.errno()))?;
    Ok(tree)
}

/// The directory that has all layers of the plan, showing their files with the ids of the namespace.
fn layers(plan: &Plan, user: BorrowedFd<'_>) -> Result<Option<(std::path::PathBuf, OwnedFd)>, StartError> {
    let mut paths: Vec<&Path> = Vec::new();
    if let RootSource::Overlay { lowers, upper, work, .. } = &plan.root.source {
        paths.extend(lowers.iter().chain(upper).chain(work).map(std::path::PathBuf::as_path));
    }
    for mount in &plan.mounts {
        if let MountSource::Layers { lowers, .. } = &mount.what {
            paths.extend(lowers.iter().map(std::path::PathBuf::as_path));
        }
    }
    if paths.is_empty() {
        return Ok(None);
    }
    let dir = overlay::common_directory(&paths);
    let step = |what: &'static str, errno| failed(format_args!("{what} {}", dir.display()), errno);
    let tree = clone_tree(CWD.as_fd(), &dir, true).map_err(|errno| step("clone", errno))?;
    let private = Attributes { propagation: sys::mount::PRIVATE, ..Attributes::default() };
    mount_setattr(&tree, c"", true, private).map_err(|error| step("isolate", error.errno()))?;
    map_ids(&tree, user).map_err(|error| {
        step("this kernel or file system cannot map the IDs of the files in", error.errno())
    })?;
    Ok(Some((dir, tree)))
}

impl Prepared {
    /// Takes a mount that was made inside.
    pub(crate) fn add(&mut self, index: usize, mount: OwnedFd) {
        self.mounts[index] = Some(mount);
    }

    /// In the container's mount namespace: covers the layers with themselves as the container is to see them.
    pub(super) fn cover_layers(&mut self) -> Result<(), StartError> {
        let Some((dir, tree)) = self.layers.take() else { return Ok(()) };
        move_mount(&tree, "", CWD, &dir, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .map_err(|errno| failed(format_args!("mount {}", dir.display()), errno))
    }
}
