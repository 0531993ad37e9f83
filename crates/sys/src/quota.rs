//! Project quotas: a directory's files counted together, and a limit for them (`quotactl_fd(2)`, `ioctl_xfs_fsgetxattr(2)`).

use std::os::fd::{AsFd, AsRawFd};

use crate::Result;

/// `struct fsxattr` of `linux/fs.h`.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    flags: u32,
    extent_size: u32,
    extents: u32,
    project: u32,
    cow_extent_size: u32,
    padding: [u8; 8],
}

/// `struct fs_disk_quota` of `linux/dqblk_xfs.h`.
#[repr(C)]
#[derive(Default)]
struct Limits {
    version: i8,
    flags: i8,
    fields: u16,
    id: u32,
    /// In blocks of 512 bytes, as the next.
    blocks_hard: u64,
    blocks_soft: u64,
    rest: [u64; 11],
}

const _: () = assert!(size_of::<Attributes>() == 28 && size_of::<Limits>() == 112);

/// `_IOR('X', 31, struct fsxattr)`.
const GET_ATTRIBUTES: libc::c_ulong = 0x801c_581f;
/// `_IOW('X', 32, struct fsxattr)`.
const SET_ATTRIBUTES: libc::c_ulong = 0x401c_5820;
/// `FS_XFLAG_PROJINHERIT`: what is made below has the same project.
const INHERIT: u32 = 0x200;
/// `FS_DQUOT_VERSION` and `FS_PROJ_QUOTA`.
const VERSION: i8 = 1;
const OF_PROJECT: i8 = 2;
/// `FS_DQ_BSOFT | FS_DQ_BHARD`: these fields are meant.
const BLOCKS: u16 = 1 << 2 | 1 << 3;
/// `QCMD(Q_XSETQLIM, PRJQUOTA)`. ext4 takes it too.
const SET_LIMITS: libc::c_long = 0x5804 << 8 | 2;
const BLOCK: u64 = 512;

fn attributes(dir: &impl AsFd) -> Result<Attributes> {
    let mut attributes = Attributes::default();
    // SAFETY: the kernel writes one `struct fsxattr`, whose layout this is.
    let result = unsafe { libc::ioctl(dir.as_fd().as_raw_fd(), GET_ATTRIBUTES as _, &raw mut attributes) };
    crate::check(libc::c_long::from(result), "FS_IOC_FSGETXATTR", "")?;
    Ok(attributes)
}

/// The project of a directory; 0 for none.
///
/// # Errors
/// `ENOTTY` or `EOPNOTSUPP` where the file system knows no projects.
pub fn project(dir: &impl AsFd) -> Result<u32> {
    attributes(dir).map(|attributes| attributes.project)
}

/// Puts an empty directory, and what will be made in it, into a project.
///
/// # Errors
/// As [`project`].
pub fn set_project(dir: &impl AsFd, project: u32) -> Result<()> {
    let mut attributes = attributes(dir)?;
    attributes.project = project;
    attributes.flags |= INHERIT;
    // SAFETY: the kernel reads one `struct fsxattr`, whose layout this is.
    let result = unsafe { libc::ioctl(dir.as_fd().as_raw_fd(), SET_ATTRIBUTES as _, &raw const attributes) };
    crate::check(libc::c_long::from(result), "FS_IOC_FSSETXATTR", "").map(drop)
}

/// Limits the bytes of a project on the file system that `place` is on; 0 is no limit.
///
/// # Errors
/// `ENOSYS` or `ESRCH` where no project quotas are on.
pub fn limit_project(place: &impl AsFd, project: u32, bytes: u64) -> Result<()> {
    let blocks = bytes / BLOCK;
    let limits = Limits {
        version: VERSION,
        flags: OF_PROJECT,
        fields: BLOCKS,
        id: project,
        blocks_hard: blocks,
        blocks_soft: blocks,
        ..Limits::default()
    };
    let fd = place.as_fd().as_raw_fd();
    // SAFETY: the kernel reads one `struct fs_disk_quota`, whose layout this is.
    let result = unsafe { libc::syscall(libc::SYS_quotactl_fd, fd, SET_LIMITS, project, &raw const limits) };
    crate::check(result, "quotactl_fd", "").map(drop)
}
