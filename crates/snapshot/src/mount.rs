//! Detached overlay mounts: a file tree as a descriptor, in no mount table, gone when the descriptor is closed.
//!
//! Features of overlayfs that would keep changes elsewhere than in plain files of the upper directory (renamed
//! directories as redirects, files that are only metadata) are turned off, whatever the kernel's default: a diff
//! reads the upper directory alone.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use errdefs::{Context, Result, not_implemented};
use rustix::io::{Errno, read};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen,
};

use crate::{Snapshots, Writable};

/// Options for every overlay; see the module's description.
const OPTIONS: [(&str, &str); 3] = [("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off")];
/// Longest value that `fsconfig` takes, in bytes. Matters before Linux 6.5, where all lowers are one value.
const VALUE_BYTES_MAX: usize = 255;

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
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).context(|| "fsopen overlay")?;
        configure(context.as_fd(), &lowers, writable, options)?;
        fsconfig_create(&context).map_err(|error| {
            let words = messages(context.as_fd());
            errdefs::system(format!("mount overlay{words}")).with_source(error)
        })?;
        let attributes = if options.read_only || writable.is_none() {
            MountAttrFlags::MOUNT_ATTR_RDONLY
        } else {
            MountAttrFlags::empty()
        };
        fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).context(|| "fsmount overlay")
    }
}

fn configure(
    context: BorrowedFd<'_>,
    lowers: &[PathBuf],
    writable: Option<&Writable>,
    options: MountOptions,
) -> Result<()> {
    let set = |key: &str, value: &std::ffi::OsStr| {
        fsconfig_set_string(context, key, value).context(|| format!("overlay {key}={}", value.display()))
    };
    set("source", "overlay".as_ref())?;
    set_lowers(context, lowers).context(|| "overlay lower directories")?;
    if let Some(writable) = writable {
        set("upperdir", writable.upper.as_os_str())?;
        set("workdir", writable.work.as_os_str())?;
        if options.volatile {
            fsconfig_set_flag(context, "volatile").context(|| "overlay volatile")?;
        }
    }
    OPTIONS.iter().try_for_each(|(key, value)| set(key, value.as_ref()))
}

fn set_lowers(context: BorrowedFd<'_>, lowers: &[PathBuf]) -> Result<()> {
    for (at, lower) in lowers.iter().enumerate() {
        match fsconfig_set_string(context, "lowerdir+", lower.as_os_str()) {
            // Linux before 6.5 does not know the key.
            Err(Errno::INVAL) if at == 0 => return set_lowers_at_once(context, lowers),
            other => other.context(|| lower.display().to_string())?,
        }
    }
    Ok(())
}

/// The old form: one value, which is too short for many layers. Their descriptors' paths are shorter than their own.
fn set_lowers_at_once(context: BorrowedFd<'_>, lowers: &[PathBuf]) -> Result<()> {
    use rustix::fs::{CWD, Mode, openat};
    let open = |lower: &PathBuf| {
        openat(CWD, lower, crate::tree::HANDLE, Mode::empty()).context(|| lower.display().to_string())
    };
    let handles: Vec<OwnedFd> = lowers.iter().map(open).collect::<Result<_>>()?;
    let value = handles.iter().map(crate::tree::proc_path).collect::<Vec<_>>().join(":");
    if value.len() > VALUE_BYTES_MAX {
        return Err(not_implemented(format!(
            "detached mounts of {} layers need Linux 6.5 or later",
            lowers.len()
        )));
    }
    fsconfig_set_string(context, "lowerdir", value.as_str()).context(|| format!("lowerdir={value}"))
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
