//! Detached overlay mounts: a file tree as a descriptor, in no mount table, gone when the descriptor is closed.
//!
//! Features of overlayfs that would keep changes elsewhere than in plain files of the upper directory (renamed
//! directories as redirects, files that are only metadata) are turned off, whatever the kernel's default: a diff
//! reads the upper directory alone.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use errdefs::{Context, Error, Result, conflict, system};
use rustix::fs::{CWD, Mode, openat};
use rustix::io::{Errno, read};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount, open_tree, unmount,
};

use crate::{Snapshots, Writable, tree};

/// Options for every overlay; see the module's description.
const OPTIONS: [(&str, &str); 3] = [("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off")];
/// Longest option string that `mount` takes, in bytes: a page, less its NUL.
const OPTIONS_BYTES_MAX: usize = 4095;

/// How to mount.
#[derive(Debug, Clone, Copy, Default)]
pub struct MountOptions {
    /// Nothing can be changed through the mount.
    pub read_only: bool,
    /// No syncing of the upper directory: for what is thrown away if the machine stops.
    pub volatile: bool,
}

impl Snapshots {
    /// Mounts `lowers` (topmost first), with the writable layer on top if there is one, without attaching the mount
    /// anywhere. The descriptor is the root of the tree, for `openat2` and the functions of [`crate::archive`].
    ///
    /// The kernel refuses an upper directory that is mounted already (`EBUSY`), unless it was mounted by a container
    /// that is gone.
    pub fn mount_detached(
        &self,
        lowers: &[PathBuf],
        writable: Option<&Writable>,
        options: MountOptions,
    ) -> Result<OwnedFd> {
        let mut lowers = lowers.to_vec();
        if writable.is_none() && lowers.len() < 2 {
            // Without an upper directory overlayfs wants two lowers at least.
            lowers.push(self.inner.root.join("empty"));
        }
        let options = MountOptions { read_only: options.read_only || writable.is_none(), ..options };
        match new_style(&lowers, writable, options) {
            // Linux before 6.5 does not know `lowerdir+`, and says so now or at the end.
            Err((Errno::INVAL, error)) => self.old_style(&lowers, writable, options).map_err(|_| error),
            Err((_, error)) => Err(error),
            Ok(root) => Ok(root),
        }
    }

    /// For old kernels: mounted on a directory by one option string, cloned, and unmounted. For a moment it is in our
    /// mount table; a crash in that moment is cleared up at the next start.
    fn old_style(
        &self,
        lowers: &[PathBuf],
        writable: Option<&Writable>,
        options: MountOptions,
    ) -> Result<OwnedFd> {
        let open = |dir: &PathBuf| {
            openat(CWD, dir, tree::HANDLE, Mode::empty()).context(|| dir.display().to_string())
        };
        // Names of descriptors are shorter than those of layers, and need no escaping.
        let handles: Vec<OwnedFd> = lowers.iter().map(open).collect::<Result<_>>()?;
        let mut text = b"lowerdir=".to_vec();
        text.extend(handles.iter().map(tree::proc_path).collect::<Vec<_>>().join(":").bytes());
        let upper_handles;
        if let Some(writable) = writable {
            upper_handles = (open(&writable.upper)?, open(&writable.work)?);
            text.extend(format!(",upperdir={}", tree::proc_path(&upper_handles.0)).bytes());
            text.extend(format!(",workdir={}", tree::proc_path(&upper_handles.1)).bytes());
            if options.volatile {
                text.extend(b",volatile");
            }
        }
        for (key, value) in OPTIONS {
            text.extend(format!(",{key}={value}").bytes());
        }
        if text.len() > OPTIONS_BYTES_MAX {
            return Err(conflict(format!("{} layers are more than this kernel can stack", lowers.len())));
        }
        let text = std::ffi::CString::new(text).expect("made of numbers and constants");
        let place = self.stage()?;
        let flags = if options.read_only { MountFlags::RDONLY } else { MountFlags::empty() };
        let root = mount("overlay", &place, "overlay", flags, Some(text.as_c_str()))
            .context(|| "mount overlay")
            .and_then(|()| {
                let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
                let root = open_tree(CWD, &place, clone).context(|| "open_tree overlay");
                unmount(&place, UnmountFlags::DETACH).context(|| "unmount overlay")?;
                root
            });
        fs::remove_dir(&place).context(|| format!("rmdir {}", place.display()))?;
        root
    }
}

/// Takes a mount off a directory that a crash left it on; nothing happens if there is none.
pub(crate) fn clear(place: &Path) -> Result<()> {
    match unmount(place, UnmountFlags::DETACH) {
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(()),
        Err(error) => Err(error).context(|| format!("unmount {}", place.display())),
    }
}

/// The number tells if it is worth trying in another way.
fn new_style(
    lowers: &[PathBuf],
    writable: Option<&Writable>,
    options: MountOptions,
) -> std::result::Result<OwnedFd, (Errno, Error)> {
    let failed = |what: String| move |errno: Errno| (errno, system(what).with_source(errno));
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(failed("fsopen overlay".into()))?;
    let set = |key: &str, value: &[u8]| {
        let what = || format!("overlay {key}={}", String::from_utf8_lossy(value));
        fsconfig_set_string(&context, key, value).map_err(|errno| failed(what())(errno))
    };
    set("source", b"overlay")?;
    for lower in lowers {
        set("lowerdir+", lower.as_os_str().as_bytes())?;
    }
    if let Some(writable) = writable {
        set("upperdir", writable.upper.as_os_str().as_bytes())?;
        set("workdir", writable.work.as_os_str().as_bytes())?;
        if options.volatile {
            fsconfig_set_flag(&context, "volatile").map_err(failed("overlay volatile".into()))?;
        }
    }
    OPTIONS.iter().try_for_each(|(key, value)| set(key, value.as_bytes()))?;
    fsconfig_create(&context)
        .map_err(|errno| failed(format!("mount overlay{}", messages(context.as_fd())))(errno))?;
    let attributes =
        if options.read_only { MountAttrFlags::MOUNT_ATTR_RDONLY } else { MountAttrFlags::empty() };
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(failed("fsmount overlay".into()))
}

/// What the kernel says about a failed mount, which is more than the error number does.
fn messages(context: BorrowedFd<'_>) -> String {
    let mut words = String::new();
    let mut line = [0; 512];
    // One message a read; the end is `ENODATA`.
    while let Ok(count @ 1..) = read(context, &mut line) {
        words.push_str(": ");
        words.push_str(String::from_utf8_lossy(&line[..count]).trim_start_matches("e ").trim_end());
    }
    words
}

#[cfg(test)]
mod tests {
    use rustix::fs::{AtFlags, mkdirat, statat};

    use super::*;
    use crate::tests::{apply, file, store};

    #[test]
    fn the_old_way_of_mounting_gives_the_same_tree_and_leaves_no_mount() {
        let (_dir, snapshots) = store();
        let layers: Vec<_> =
            (0..40).map(|n| apply(&snapshots, &[file(&format!("f{n}"), "x")]).unwrap()).collect();
        let lowers = snapshots.container_lowers(&layers).unwrap();
        let mounts = || fs::read_to_string("/proc/self/mountinfo").unwrap().matches("overlay").count();
        let before = mounts();
        let writable = snapshots.create_writable("c", &lowers).unwrap();
        let options = MountOptions { volatile: true, read_only: false };
        let root = snapshots.old_style(&lowers, Some(&writable), options).unwrap();
        assert_eq!(mounts(), before);
        for name in ["f0", "f39", ".dockerenv"] {
            assert!(statat(&root, name, AtFlags::empty()).is_ok(), "{name}");
        }
        mkdirat(&root, "new", Mode::from_raw_mode(0o700)).unwrap();
        assert!(writable.upper.join("new").is_dir());
        let read_only = MountOptions { read_only: true, volatile: false };
        let root = snapshots.old_style(&lowers, None, read_only).unwrap();
        assert_eq!(mkdirat(&root, "new", Mode::from_raw_mode(0o700)), Err(Errno::ROFS));
        assert_eq!(fs::read_dir(snapshots.inner.root.join("staging")).unwrap().count(), 0);
    }

    #[test]
    fn what_the_kernel_says_is_in_the_error() {
        let (_dir, snapshots) = store();
        let lowers = ["/proc/self/status".into(), "/proc/self/stat".into()];
        let error = snapshots.mount_detached(&lowers, None, MountOptions::default()).unwrap_err().to_string();
        assert!(error.contains("overlay lowerdir+=/proc/self/status"), "{error}");
    }
}
