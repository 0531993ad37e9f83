//! The init layer: what every container has above its image, whatever the image has there.
//!
//! Docker makes one for each container; ours is shared, read-only, made once. Its files are only places to mount on
//! (`/etc/hosts`, `/dev/pts`) or say nothing but that they are there (`/.dockerenv`), so nobody changes them; being
//! in a lower layer, they are in no diff and no commit.
//!
//! A directory of overlayfs takes its mode and owner from the topmost layer that has it. So an image whose `/etc`,
//! `/dev`, `/proc` or `/sys` is not root's with mode 0755 gets an init layer of its own, named after them.

use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use errdefs::{Context, Result};
use rustix::fs::{CWD, Mode, fstat, openat};
use rustix::io::Errno;

use crate::tree::{self, HANDLE};
use crate::{Snapshots, layer};

/// The directories that are merged with the image's.
const SHARED: [&str; 4] = ["dev", "etc", "proc", "sys"];

const DIRS: [&str; 2] = ["dev/pts", "dev/shm"];
/// Empty files of mode 0755, as in Docker.
const FILES: [&str; 5] = [".dockerenv", "etc/resolv.conf", "etc/hosts", "etc/hostname", "dev/console"];
const LINKS: [(&str, &str); 1] = [("etc/mtab", "/proc/mounts")];
const MODE: u32 = 0o755;

/// Mode and owner of a shared directory.
type Look = (u32, u32, u32);

/// The init layer for containers of an image with these lowers; made if it is not there.
pub(crate) fn layer_for(snapshots: &Snapshots, lowers: &[PathBuf]) -> Result<PathBuf> {
    let roots: Vec<OwnedFd> = lowers
        .iter()
        .map(|dir| openat(CWD, dir, HANDLE, Mode::empty()).context(|| format!("open {}", dir.display())))
        .collect::<Result<_>>()?;
    let looks = SHARED.map(|name| look(&roots, name));
    let home = snapshots.inner.root.join("init").join(name_of(&looks));
    let tree = home.join("fs");
    if !fs::exists(&tree).context(|| format!("look for {}", tree.display()))? {
        make(snapshots, &home, &looks)?;
    }
    Ok(tree)
}

/// How the image's own directory looks; the usual look if it has none, or something else in its place.
fn look(roots: &[OwnedFd], name: &str) -> Look {
    for root in roots {
        match openat(root, name, HANDLE | rustix::fs::OFlags::NOFOLLOW, Mode::empty()).and_then(fstat) {
            Ok(stat) if tree::file_type(&stat).is_dir() => {
                return (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid);
            }
            Err(Errno::NOENT) => {}
            _ => break, // a link, a file, a deletion: hidden by our directory
        }
    }
    (MODE, 0, 0)
}

fn name_of(looks: &[Look; 4]) -> String {
    if looks.iter().all(|look| *look == (MODE, 0, 0)) {
        return "default".into();
    }
    let mut name = String::new();
    for (mode, uid, gid) in looks {
        write!(name, "{mode:o}.{uid}.{gid}-").expect("writing to a string cannot fail");
    }
    name.pop();
    name
}

fn make(snapshots: &Snapshots, home: &Path, looks: &[Look; 4]) -> Result<()> {
    let staged = snapshots.stage()?;
    let tree = staged.join("fs");
    layer::make_root(&tree)?;
    let write = || -> std::io::Result<()> {
        for (name, (mode, uid, gid)) in SHARED.iter().zip(looks) {
            let path = tree.join(name);
            fs::create_dir(&path)?;
            std::os::unix::fs::chown(&path, Some(*uid), Some(*gid))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode))?;
        }
        for name in DIRS {
            fs::create_dir(tree.join(name))?;
        }
        for name in FILES {
            fs::write(tree.join(name), "")?;
        }
        for name in DIRS.iter().chain(&FILES) {
            fs::set_permissions(tree.join(name), fs::Permissions::from_mode(MODE))?;
        }
        LINKS.iter().try_for_each(|(name, target)| std::os::unix::fs::symlink(target, tree.join(name)))
    };
    write().context(|| format!("make the init layer {}", tree.display()))?;
    match fs::rename(&staged, home) {
        Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
            snapshots.inner.trash.take(&staged).map(drop) // another thread made it
        }
        other => other.context(|| format!("name {}", home.display())),
    }
}
