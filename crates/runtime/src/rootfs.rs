//! A container's file system: root, mounts, devices, hidden and read-only paths, and the change of root.
//!
//! Everything is made with the new mount calls: a mount exists as a descriptor, gets its flags there, and is then put on
//! a target that was opened inside the root. So no path is ever looked at twice, a target cannot be swapped between its
//! check and its use, and no mount is ever visible half made.
//!
//! Order: root, mounts as listed, device nodes, links, kernel parameters, hidden paths, read-only paths, and last what
//! becomes read-only itself.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, statat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, unmount,
};
use sys::mount::{Attributes, mount_setattr};

use crate::outcome::{StartError, failed};
use crate::plan::{Mount, MountSource, Plan, Propagation, RootSource};
use crate::tree::{Make, Tree, directory};
use prepare::Prepared;

mod cgroup;
mod device;
pub(crate) mod overlay;
pub(crate) mod prepare;

/// A file system being put together, not yet this process's root.
pub(crate) struct Rootfs {
    /// Its root.
    pub(crate) tree: Tree,
    /// The procfs made for it, if it has one.
    pub(crate) procfs: Option<OwnedFd>,
    /// The host's `/dev/null`, proven to be it.
    null: OwnedFd,
    /// Mounts that become read-only when everything else is done.
    read_only_last: Vec<OwnedFd>,
    /// Whether mounts of this namespace may still reach the host or be reached.
    connected: bool,
    /// What was made before.
    prepared: Prepared,
    /// Whom what is made here belongs to, by the host's numbers.
    owner: (u32, u32),
}

/// Attaches the root and opens what is needed from the host.
pub(crate) fn begin(plan: &Plan, mut prepared: Prepared) -> Result<Rootfs, StartError> {
    let connected = isolate(plan)?;
    let null = open_null()?;
    prepared.cover_layers()?;
    if connected {
        stand_apart(&plan.root.source)?;
    }
    let root = match &plan.root.source {
        RootSource::Overlay { lowers, upper, work, volatile } => {
            let stack = overlay::Stack {
                lowers,
                upper: upper.as_deref(),
                work: work.as_deref(),
                volatile: *volatile,
            };
            overlay::mount(&stack)?
        }
        RootSource::Path(path) => bind_root(path)?,
    };
    if let Some(hooks) = plan.hooks.as_ref().filter(|hooks| hooks.config.is_some()) {
        // Hooks look for the root where the bundle says it is.
        move_mount(&root, "", CWD, hooks.root(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .map_err(|errno| failed("mount the bundle's root", errno))?;
    }
    Ok(Rootfs {
        tree: Tree::new(root),
        procfs: None,
        null,
        read_only_last: Vec::new(),
        connected,
        prepared,
        owner: plan.ids.as_ref().map_or((0, 0), idmap::IdMap::root),
    })
}

/// Cuts this mount namespace off from the host's. Nothing made here may reach it; what the host mounts later reaches us
/// only if the plan asks for it. Returns whether any such connection is left.
fn isolate(plan: &Plan) -> Result<bool, StartError> {
    let wanted = plan.root.propagation;
    let connected = wanted.is_some_and(|wanted| wanted.kind != sys::mount::PRIVATE)
        || plan.mounts.iter().any(|mount| mount.propagation.is_some_and(|p| p.kind != sys::mount::PRIVATE));
    let kind = match wanted {
        Some(wanted) => wanted.kind,
        // Every mount is private at once, instead of each bind mount on its own.
        None if !connected => sys::mount::PRIVATE,
        None => sys::mount::SLAVE,
    };
    let recursive = wanted.is_none_or(|wanted| wanted.recursive);
    let attributes = Attributes { propagation: kind, ..Attributes::default() };
    mount_setattr(CWD, c"/", recursive, attributes)
        .map_err(|e| failed("isolate the mount namespace", e.errno()))?;
    Ok(connected)
}

/// Covers the directory that the root is going to be mounted in with itself, sharing nothing: `pivot_root` refuses a root
/// whose parent is shared, as everything here is if the container is to share mounts with the host.
fn stand_apart(root: &RootSource) -> Result<(), StartError> {
    let place = match root {
        RootSource::Path(path) => Some(path),
        RootSource::Overlay { upper: Some(upper), .. } => Some(upper),
        RootSource::Overlay { lowers, .. } => lowers.first(),
    };
    let Some(dir) = place.and_then(|place| place.parent()) else { return Ok(()) };
    let step = |errno| failed(format_args!("mount {} apart", dir.display()), errno);
    let own = clone_tree(CWD.as_fd(), dir, false).map_err(step)?;
    move_mount(&own, "", CWD, dir, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(step)?;
    // What is attached to a shared mount is shared too, so only now.
    let private = Attributes { propagation: sys::mount::PRIVATE, ..Attributes::default() };
    mount_setattr(&own, c"", false, private).map_err(|error| step(error.errno()))
}

/// The host's `/dev/null`, or an error if something else is there.
fn open_null() -> Result<OwnedFd, StartError> {
    let fd = rustix::fs::open("/dev/null", OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| failed("open /dev/null", errno))?;
    if is_null(&fd).map_err(|errno| failed("stat /dev/null", errno))? {
        return Ok(fd);
    }
    Err(StartError::other("/dev/null is not the null device"))
}

fn is_null(fd: &OwnedFd) -> Result<bool, Errno> {
    let stat = fstat(fd)?;
    let numbers = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && numbers == (1, 3))
}

pub(crate) fn bind_root(path: &Path) -> Result<OwnedFd, StartError> {
    let step = |errno| failed(format_args!("mount root {}", path.display()), errno);
    let root = clone_tree(CWD.as_fd(), path, true).map_err(step)?;
    let private = Attributes { propagation: sys::mount::PRIVATE, ..Attributes::default() };
    mount_setattr(&root, c"", true, private).map_err(|e| step(e.errno()))?;
    move_mount(&root, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(step)?;
    Ok(root)
}

/// A copy of the mounts at `path` below `at` (`path` empty: at `at` itself), attached nowhere.
fn clone_tree(at: BorrowedFd<'_>, path: &Path, recursive: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    if path.as_os_str().is_empty() {
        flags |= OpenTreeFlags::AT_EMPTY_PATH;
    }
    open_tree(at, path, flags)
}

/// Puts a mount on a target that is open already.
fn attach(mount: impl AsFd, target: impl AsFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", target, "", flags)
}

/// A new instance of a file system, attached nowhere.
fn new_mount(
    fstype: &str,
    source: &str,
    options: &[(String, Option<String>)],
    attributes: u64,
) -> Result<OwnedFd, Errno> {
    let context = fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC)?;
    if !source.is_empty() {
        fsconfig_set_string(&context, "source", source)?;
    }
    for (name, value) in options {
        match value {
            Some(value) => fsconfig_set_string(&context, name.as_str(), value.as_str())?,
            None => fsconfig_set_flag(&context, name.as_str())?,
        }
    }
    fsconfig_create(&context)?;
    // The attribute bits defined so far fit; the call takes 32.
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::from_bits_retain(attributes as u32))
}

/// A procfs of this PID namespace that nobody else can have tampered with.
pub(crate) fn new_procfs() -> Result<OwnedFd, Errno> {
    new_mount("proc", "proc", &[], sys::mount::NOSUID | sys::mount::NODEV | sys::mount::NOEXEC)
}

/// Opens a file of a procfs for writing, and certainly of that one: what is mounted inside it, and links that lead out, are
/// refused (CVE-2025-52881).
pub(crate) fn open_in_procfs(procfs: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS;
    openat2(procfs, name, flags, Mode::empty(), resolve)
}

/// The failure of a mount of `what`.
fn step(mount: &Mount, what: &str) -> impl Fn(Errno) -> StartError {
    let text = format!("error mounting {what:?} to rootfs at {:?}", mount.target.display().to_string());
    move |errno| failed(&text, errno)
}

/// Whether a mount becomes read-only only when all is done: others may still have to be mounted inside, or device nodes
/// made.
fn read_only_last(mount: &Mount, fstype: &str) -> bool {
    fstype == "tmpfs" && mount.set & sys::mount::RDONLY != 0
}

/// The new file system that a mount of the plan asks for, attached nowhere.
pub(crate) fn new_of(mount: &Mount) -> Result<OwnedFd, StartError> {
    let MountSource::New { fstype, source, options, .. } = &mount.what else {
        return Err(StartError::other("not a new file system"));
    };
    let set = if read_only_last(mount, fstype) { mount.set & !sys::mount::RDONLY } else { mount.set };
    new_mount(fstype, source, options, set).map_err(|errno| step(mount, fstype)(errno))
}

impl Rootfs {
    /// Makes one mount of the plan (other than the control groups'), `index` being its place there.
    pub(crate) fn mount(&mut self, index: usize, mount: &Mount) -> Result<(), StartError> {
        let target = mount.target.as_path();
        let step = |what: &str, errno| step(mount, what)(errno);
        let made = self.prepared.mounts.get_mut(index).and_then(Option::take);
        match &mount.what {
            MountSource::Bind { source, recursive } => {
                let name = source.display().to_string();
                let tree = match made {
                    Some(tree) => tree,
                    None => clone_tree(CWD.as_fd(), source, *recursive).map_err(|e| step(&name, e))?,
                };
                let is_dir = is_directory(&tree).map_err(|e| step(&name, e))?;
                let make = if is_dir { Make::Directory } else { Make::File };
                self.change(mount, &tree, mount.set).map_err(|e| step(&name, e))?;
                let at = self.target(target, make, false)?;
                attach(&tree, &at).map_err(|errno| {
                    // The kernel's word for "a directory on a file or the other way round" says less.
                    let mixed = is_directory(&at).is_ok_and(|target| target != is_dir);
                    step(&name, if mixed { Errno::NOTDIR } else { errno })
                })
            }
            MountSource::New { fstype, .. } => {
                let last = read_only_last(mount, fstype);
                let new = made.map_or_else(|| new_of(mount), Ok)?;
                let at = self.target(target, Make::Directory, matches!(fstype.as_str(), "proc" | "sysfs"))?;
                attach(&new, &at).map_err(|e| step(fstype, e))?;
                if mount.propagation.is_some() || mount.set_recursive | mount.clear_recursive != 0 {
                    self.change(mount, &new, 0).map_err(|e| step(fstype, e))?;
                }
                if fstype == "proc" && target == Path::new("/proc") {
                    self.procfs = Some(new);
                } else if last {
                    self.read_only_last.push(new);
                }
                Ok(())
            }
            MountSource::Layers { lowers, subpath } => {
                let tree = overlay::part(lowers, subpath)?;
                let is_dir = is_directory(&tree).map_err(|e| step("overlay", e))?;
                let make = if is_dir { Make::Directory } else { Make::File };
                self.change(mount, &tree, mount.set).map_err(|e| step("overlay", e))?;
                let at = self.target(target, make, false)?;
                attach(&tree, &at).map_err(|e| step("overlay", e))
            }
            // Made by `mount_cgroups`, when the groups are there.
            MountSource::Cgroup => Ok(()),
        }
    }

    /// Sets what the plan says on a mount of its own.
    fn change(&self, mount: &Mount, fd: &OwnedFd, set: u64) -> Result<(), Errno> {
        let call =
            |recursive, attributes| mount_setattr(fd, c"", recursive, attributes).map_err(|e| e.errno());
        if set | mount.clear != 0 {
            call(false, Attributes { set, clear: mount.clear, propagation: 0 })?;
        }
        let (set, clear) = (mount.set_recursive, mount.clear_recursive);
        if set | clear != 0 {
            call(true, Attributes { set, clear, propagation: 0 })?;
        }
        match (mount.propagation, self.connected) {
            // Everything here is private already.
            (None | Some(Propagation { kind: sys::mount::PRIVATE, .. }), false) => Ok(()),
            (None, true) => {
                call(true, Attributes { propagation: sys::mount::PRIVATE, ..Attributes::default() })
            }
            (Some(wanted), _) => {
                call(wanted.recursive, Attributes { propagation: wanted.kind, ..Attributes::default() })
            }
        }
    }

    /// Opens a mount's target, making it if missing. `plain`: it must be there without any symbolic link on the way,
    /// because what is mounted there is trusted by others (`/proc`, `/sys`).
    fn target(&self, path: &Path, make: Make, plain: bool) -> Result<OwnedFd, StartError> {
        let step = |errno| failed(format_args!("create mountpoint for {} mount", path.display()), errno);
        let target = self.tree.ensure(path, make).map_err(step)?;
        if plain {
            let straight = self.tree.open_with(path, OFlags::PATH, ResolveFlags::NO_SYMLINKS);
            let same = |fd: &OwnedFd| fstat(fd).map(|stat| (stat.st_dev, stat.st_ino));
            if straight.map_err(|_| Errno::LOOP).and_then(|fd| same(&fd)).map_err(step)?
                != same(&target).map_err(step)?
            {
                return Err(StartError::other(format!(
                    "{} must be mounted on an ordinary directory",
                    path.display()
                )));
            }
        }
        self.refuse_inside_proc(path, &target)?;
        Ok(target)
    }

    /// Nothing may be mounted inside `/proc` by way of a link; what may be there at all was checked in the plan.
    fn refuse_inside_proc(&self, path: &Path, target: &OwnedFd) -> Result<(), StartError> {
        let Some(procfs) = &self.procfs else { return Ok(()) };
        let device = |fd: &OwnedFd| fstat(fd).map(|stat| stat.st_dev);
        let step = |errno| failed(format_args!("stat {}", path.display()), errno);
        if device(target).map_err(step)? == device(procfs).map_err(step)? && !path.starts_with("/proc") {
            let text =
                format!("{:?} cannot be mounted because it is inside /proc", path.display().to_string());
            return Err(StartError::other(text));
        }
        Ok(())
    }

    /// The container's own `/dev/null`, if it has one that is: on its own file system nothing of the host's shows. Asked
    /// of the descriptor that is mounted, so that nothing else can be put in its place (CVE-2025-31133).
    fn own_null(&self) -> Option<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW;
        let no_links = ResolveFlags::NO_SYMLINKS;
        let fd = self.tree.open_with(Path::new("/dev/null"), flags, no_links).ok()?;
        is_null(&fd).ok()?.then_some(fd)
    }

    /// Hides paths: directories behind an empty read-only one, everything else behind `/dev/null`. Missing ones are fine.
    pub(crate) fn mask(&self, paths: &[std::path::PathBuf]) -> Result<(), StartError> {
        let null = self.own_null();
        let null = null.as_ref().unwrap_or(&self.null);
        let mut empty: Option<OwnedFd> = None;
        for path in paths {
            let step = |errno| failed(format_args!("mask {}", path.display()), errno);
            let target = match self.tree.open(path, OFlags::PATH) {
                Err(Errno::NOENT | Errno::NOTDIR) => continue,
                other => other.map_err(step)?,
            };
            let stat = fstat(&target).map_err(step)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                let null = clone_tree(null.as_fd(), Path::new(""), false).map_err(step)?;
                attach(null, &target).map_err(step)?;
                continue;
            }
            // One file system for all of them; it must be attached once before it can be copied.
            let hidden = match &empty {
                Some(first) => clone_tree(first.as_fd(), Path::new(""), false),
                None => new_mount(
                    "tmpfs",
                    "tmpfs",
                    &EMPTY.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))),
                    sys::mount::RDONLY,
                ),
            };
            let hidden = hidden.map_err(step)?;
            attach(&hidden, &target).map_err(step)?;
            empty.get_or_insert(hidden);
        }
        Ok(())
    }

    /// Makes paths read-only. Missing ones are fine.
    pub(crate) fn make_read_only(&self, paths: &[std::path::PathBuf]) -> Result<(), StartError> {
        for path in paths {
            let step = |errno| failed(format_args!("make {} read-only", path.display()), errno);
            let target = match self.tree.open(path, OFlags::PATH) {
                Err(Errno::NOENT | Errno::NOTDIR) => continue,
                other => other.map_err(step)?,
            };
            let copy = clone_tree(target.as_fd(), Path::new(""), true).map_err(step)?;
            read_only(&copy).map_err(step)?;
            attach(&copy, &target).map_err(step)?;
        }
        Ok(())
    }

    /// Puts the process's end of its terminal on `/dev/console`.
    pub(crate) fn mount_console(&self, peer: &OwnedFd) -> Result<(), StartError> {
        let step = |errno| failed("mount /dev/console", errno);
        let console = clone_tree(peer.as_fd(), Path::new(""), false).map_err(step)?;
        let target = self.target(Path::new("/dev/console"), Make::File, false)?;
        attach(&console, &target).map_err(step)
    }

    /// Makes this file system the process's root and the host's unreachable.
    pub(crate) fn pivot(self, plan: &Plan) -> Result<Option<OwnedFd>, StartError> {
        let step = |what: &'static str| move |errno| failed(format_args!("pivot_root: {what}"), errno);
        for mount in &self.read_only_last {
            read_only(mount).map_err(step("read-only"))?;
        }
        if plan.root.readonly {
            read_only(&self.tree.fd()).map_err(step("read-only root"))?;
        }
        let old = rustix::fs::open("/", directory(), Mode::empty()).map_err(step("open /"))?;
        rustix::process::fchdir(self.tree.fd()).map_err(step("fchdir"))?;
        // The old root lands on top of the new one, where it needs no directory of its own.
        rustix::process::pivot_root(".", ".").map_err(step("pivot_root"))?;
        rustix::process::fchdir(&old).map_err(step("fchdir"))?;
        if self.connected {
            // Taking it away must not take it away from the host.
            let slave = Attributes { propagation: sys::mount::SLAVE, ..Attributes::default() };
            mount_setattr(CWD, c".", true, slave).map_err(|e| step("propagation")(e.errno()))?;
        }
        unmount(".", UnmountFlags::DETACH).map_err(step("umount"))?;
        rustix::process::chdir("/").map_err(step("chdir"))?;
        Ok(self.procfs)
    }
}

fn is_directory(fd: &OwnedFd) -> Result<bool, Errno> {
    fstat(fd).map(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// What an empty directory needs: one inode.
const EMPTY: [(&str, &str); 2] = [("size", "4k"), ("nr_inodes", "1")];

fn read_only(fd: &impl AsFd) -> Result<(), Errno> {
    let attributes = Attributes { set: sys::mount::RDONLY, ..Attributes::default() };
    mount_setattr(fd, c"", false, attributes).map_err(|e| e.errno())
}

/// Whether there is something at the path (not following a last link).
fn exists(tree: &Tree, path: &Path) -> bool {
    tree.open(path, OFlags::PATH | OFlags::NOFOLLOW)
        .is_ok_and(|fd| statat(&fd, "", AtFlags::EMPTY_PATH).is_ok())
}
