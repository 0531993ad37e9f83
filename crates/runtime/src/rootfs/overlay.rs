//! The root as layers put together by overlayfs.
//!
//! New kernels take each layer by a call of its own. Old ones (before 6.8) take one option string of at most a page, so
//! the layers are then named relative to their common directory, which is made the working directory for that call.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, unmount,
};

use crate::outcome::{StartError, failed};
use crate::tree::directory;

/// The longest value `fsconfig` takes, its final null byte included.
const MAX_VALUE: usize = 256;

/// Off whatever the kernel's default is: all that was changed must be plain files in the upper directory, which is what
/// `diff` and `commit` read. (A renamed directory as a redirect would lose its content there.)
const PLAIN: [(&str, &str); 3] = [("redirect_dir", "nofollow"), ("metacopy", "off"), ("index", "off")];

/// The layers of a root.
pub(crate) struct Stack<'a> {
    /// Read-only, the top one first.
    pub(crate) lowers: &'a [PathBuf],
    /// Writable.
    pub(crate) upper: Option<&'a Path>,
    /// Its work directory.
    pub(crate) work: Option<&'a Path>,
    /// No syncing.
    pub(crate) volatile: bool,
}

/// Mounts the stack somewhere (inside this mount namespace only) and returns its root.
pub(crate) fn mount(stack: &Stack<'_>) -> Result<OwnedFd, StartError> {
    let top = stack.lowers.first().ok_or_else(|| StartError::other("mount root overlay: no layers"))?;
    // Any directory will do; these are certain to be there.
    let at = stack.upper.unwrap_or(top);
    let step = |errno| failed("mount root overlay", errno);
    if let ([only], None) = (stack.lowers, stack.upper) {
        // overlayfs wants two; one alone that cannot be written is just itself.
        let root = super::bind_root(only)?;
        super::read_only(&root).map_err(step)?;
        return Ok(root);
    }
    if let (true, Some(work)) = (stack.volatile, stack.work) {
        // Left by the last start of a container whose data needs to survive nothing; refuses the next mount.
        let mark = work.join("work/incompat/volatile");
        let _ = rustix::fs::unlinkat(CWD, mark.join("dirty"), AtFlags::empty());
        let _ = rustix::fs::unlinkat(CWD, mark, AtFlags::REMOVEDIR);
    }
    match new_style(stack, at) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NAMETOOLONG) => old_style(stack, at).map_err(step),
        other => other.map_err(step),
    }
}

/// The layers, or the part of them at `subpath`, as a mount that is attached nowhere.
pub(crate) fn part(lowers: &[PathBuf], subpath: &Path) -> Result<OwnedFd, StartError> {
    let root = mount(&Stack { lowers, upper: None, work: None, volatile: false })?;
    let at = lowers.first().ok_or_else(|| StartError::other("mount overlay: no layers"))?;
    let part = if subpath.as_os_str().is_empty() {
        super::clone_tree(root.as_fd(), Path::new(""), false)
    } else {
        sys::inside::open(&root, subpath, OFlags::PATH, ResolveFlags::empty())
            .and_then(|found| super::clone_tree(found.as_fd(), Path::new(""), false))
    };
    // Another mount may need the layer below it.
    unmount(at, UnmountFlags::DETACH).map_err(|errno| failed("unmount overlay", errno))?;
    part.map_err(|errno| failed(format_args!("cannot access path {}", subpath.display()), errno))
}

fn new_style(stack: &Stack<'_>, at: &Path) -> Result<OwnedFd, Errno> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let set = |name: &str, path: &Path| {
        if path.as_os_str().len() >= MAX_VALUE {
            return Err(Errno::NAMETOOLONG);
        }
        fsconfig_set_string(&context, name, path)
    };
    set("source", Path::new("overlay"))?;
    for lower in stack.lowers {
        set("lowerdir+", lower)?;
    }
    if let (Some(upper), Some(work)) = (stack.upper, stack.work) {
        set("upperdir", upper)?;
        set("workdir", work)?;
        if stack.volatile {
            fsconfig_set_flag(&context, "volatile")?;
        }
    }
    for (name, value) in PLAIN {
        fsconfig_set_string(&context, name, value)?;
    }
    fsconfig_create(&context)?;
    let mount = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
    move_mount(&mount, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(mount)
}

fn old_style(stack: &Stack<'_>, at: &Path) -> Result<OwnedFd, Errno> {
    let lowers: Vec<&Path> = stack.lowers.iter().map(PathBuf::as_path).collect();
    let common = common_directory(&lowers);
    rustix::process::chdir(&common)?;
    let mounted = rustix::mount::mount(
        "overlay",
        at,
        "overlay",
        MountFlags::empty(),
        Some(options(stack, &common)?.as_c_str()),
    );
    rustix::process::chdir("/")?;
    mounted?;
    openat(CWD, at, directory(), Mode::empty())
}

/// The directory all layers are below.
pub(super) fn common_directory(layers: &[&Path]) -> PathBuf {
    let mut common = layers.first().and_then(|path| path.parent()).unwrap_or(Path::new("/")).to_owned();
    while !layers.iter().all(|path| path.starts_with(&common)) {
        if !common.pop() {
            return PathBuf::from("/");
        }
    }
    common
}

/// The option string; layers are relative to `common`.
fn options(stack: &Stack<'_>, common: &Path) -> Result<std::ffi::CString, Errno> {
    let mut text = b"lowerdir=".to_vec();
    for (index, lower) in stack.lowers.iter().enumerate() {
        if index > 0 {
            text.push(b':');
        }
        let relative = lower.strip_prefix(common).unwrap_or(lower);
        escape(if relative.as_os_str().is_empty() { Path::new(".") } else { relative }, &mut text);
    }
    if let (Some(upper), Some(work)) = (stack.upper, stack.work) {
        text.extend(b",upperdir=");
        escape(upper, &mut text);
        text.extend(b",workdir=");
        escape(work, &mut text);
        if stack.volatile {
            text.extend(b",volatile");
        }
    }
    for (name, value) in PLAIN {
        text.extend(format!(",{name}={value}").into_bytes());
    }
    // One page with the null byte, the same on every machine we run on.
    if text.len() >= 4096 {
        return Err(Errno::NAMETOOLONG);
    }
    std::ffi::CString::new(text).map_err(|_| Errno::INVAL)
}

/// `:` separates layers and `,` options, unless escaped.
fn escape(path: &Path, into: &mut Vec<u8>) {
    use std::os::unix::ffi::OsStrExt;
    for &byte in path.as_os_str().as_bytes() {
        if matches!(byte, b':' | b',' | b'\\') {
            into.push(b'\\');
        }
        into.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_get_relative_layers() {
        let lowers = [PathBuf::from("/v/layers/aa/d"), PathBuf::from("/v/layers/b:b/d")];
        let common = common_directory(&lowers.each_ref().map(PathBuf::as_path));
        assert_eq!(common, Path::new("/v/layers"));
        let stack = Stack {
            lowers: &lowers,
            upper: Some(Path::new("/u")),
            work: Some(Path::new("/w")),
            volatile: true,
        };
        assert_eq!(
            options(&stack, &common).unwrap().to_str().unwrap(),
            r"lowerdir=aa/d:b\:b/d,upperdir=/u,workdir=/w,volatile,redirect_dir=nofollow,metacopy=off,index=off"
        );
    }

    #[test]
    fn too_many_layers_for_a_page_are_refused_not_truncated() {
        let lowers: Vec<PathBuf> = (0..200).map(|n| PathBuf::from(format!("/v/{n:064}/d"))).collect();
        let stack = Stack { lowers: &lowers, upper: None, work: None, volatile: false };
        assert_eq!(options(&stack, Path::new("/v")).unwrap_err(), Errno::NAMETOOLONG);
    }
}
