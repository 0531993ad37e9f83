//! Device nodes and the links every `/dev` has.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Gid, Mode, Uid, makedev, mknodat, statat, symlinkat, unlinkat};
use rustix::io::Errno;

use super::{Rootfs, exists};
use crate::outcome::{StartError, failed};
use crate::plan::Device;
use crate::tree::Make;

/// Links in `/dev`, and what they lead to.
const LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

impl Rootfs {
    /// Makes the device nodes. The mode creation mask must be 0.
    pub(crate) fn make_devices(&self, devices: &[Device]) -> Result<(), StartError> {
        let mut last: Option<(&Path, OwnedFd)> = None;
        for device in devices {
            let step = |errno| failed(format_args!("mknod {}", device.path.display()), errno);
            let (Some(dir), Some(name)) = (device.path.parent(), device.path.file_name()) else {
                return Err(step(Errno::INVAL));
            };
            // Nearly all of them are in the one directory.
            let at = match last.take() {
                Some((known, at)) if known == dir => at,
                _ => self.tree.ensure(dir, Make::Directory).map_err(step)?,
            };
            make_node(&at, Path::new(name), device, self.owner).map_err(step)?;
            last = Some((dir, at));
        }
        Ok(())
    }

    /// Makes the links every `/dev` has; those that are there already stay.
    pub(crate) fn make_dev_links(&self) -> Result<(), StartError> {
        let step = |errno| failed("make links in /dev", errno);
        let dev = self.tree.ensure(Path::new("/dev"), Make::Directory).map_err(step)?;
        let link = |name: &str, target: &str| match symlinkat(target, &dev, name) {
            Err(Errno::EXIST) => Ok(()),
            other => other.map_err(step),
        };
        for (name, target) in LINKS {
            link(name, target)?;
        }
        if exists(&self.tree, Path::new("/proc/kcore")) {
            link("core", "/proc/kcore")?;
        }
        if exists(&self.tree, Path::new("/dev/pts/ptmx")) {
            // An image's own would be the host's instance.
            match unlinkat(&dev, "ptmx", AtFlags::empty()) {
                Err(Errno::NOENT) => {}
                other => other.map_err(step)?,
            }
            link("ptmx", "pts/ptmx")?;
        }
        Ok(())
    }
}

fn make_node(at: &OwnedFd, name: &Path, device: &Device, owner: (u32, u32)) -> Result<(), Errno> {
    let kind = match (device.fifo, device.character) {
        (true, _) => FileType::Fifo,
        (false, true) => FileType::CharacterDevice,
        (false, false) => FileType::BlockDevice,
    };
    let number = makedev(device.major, device.minor);
    match mknodat(at, name, kind, Mode::from_raw_mode(device.mode), number) {
        Err(Errno::EXIST) => {
            // The image's own is fine if it is the same device, and nothing else is.
            let stat = statat(at, name, AtFlags::SYMLINK_NOFOLLOW)?;
            let same =
                FileType::from_raw_mode(stat.st_mode) == kind && (device.fifo || stat.st_rdev == number);
            if !same {
                return Err(Errno::EXIST);
            }
        }
        other => other?,
    }
    if (device.uid, device.gid) == owner {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(device.uid), Gid::from_raw(device.gid));
    rustix::fs::chownat(at, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
}
