//! Mounts: option words to bits, and what may be mounted where.

use std::path::{Path, PathBuf};

use errdefs::{Result, invalid, not_implemented};
use oci::runtime::Mount as OciMount;
use sys::mount::{
    ATIME, NOATIME, NODEV, NODIRATIME, NOEXEC, NOSUID, NOSYMFOLLOW, PRIVATE, RDONLY, SHARED, SLAVE,
    STRICTATIME, UNBINDABLE,
};

use super::absolute;
use crate::plan::{Mount, MountSource, Propagation};

/// Files of `/proc` that may be covered one by one, as lxcfs does; all else inside `/proc` is the kernel's word.
const PROC_FILES: [&str; 11] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/dev",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys/crypto/fips_enabled",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/uptime",
];

/// Options of a mount itself: word, bits to set, bits to clear. With an `r` in front: of all mounts below too.
const FLAGS: [(&str, u64, u64); 17] = [
    ("ro", RDONLY, 0),
    ("rw", 0, RDONLY),
    ("nosuid", NOSUID, 0),
    ("suid", 0, NOSUID),
    ("nodev", NODEV, 0),
    ("dev", 0, NODEV),
    ("noexec", NOEXEC, 0),
    ("exec", 0, NOEXEC),
    ("noatime", NOATIME, ATIME),
    ("atime", 0, ATIME),
    ("relatime", 0, ATIME),
    ("norelatime", 0, ATIME),
    ("strictatime", STRICTATIME, ATIME),
    ("nostrictatime", 0, ATIME),
    ("nodiratime", NODIRATIME, 0),
    ("diratime", 0, NODIRATIME),
    ("nosymfollow", NOSYMFOLLOW, 0),
];

/// Option of an overlay that is only read: the path in it that is mounted.
pub const SUBPATH: &str = "x-hythe.subpath";

/// Compiles the mounts.
pub(super) fn compile(mounts: &[OciMount], bundle: &Path) -> Result<Vec<Mount>> {
    let mut compiled = Vec::with_capacity(mounts.len());
    for mount in mounts {
        let one = one(mount, bundle)?;
        refuse_in_proc(&one)?;
        compiled.push(one);
    }
    Ok(compiled)
}

/// Whether it is a bind mount.
pub(super) fn is_bind(mount: &Mount) -> bool {
    matches!(mount.what, MountSource::Bind { .. })
}

/// What the option words say.
#[derive(Default)]
struct Options {
    set: u64,
    clear: u64,
    set_recursive: u64,
    clear_recursive: u64,
    propagation: Option<Propagation>,
    bind: Option<bool>,
    data: Vec<(String, Option<String>)>,
}

fn one(mount: &OciMount, bundle: &Path) -> Result<Mount> {
    if !mount.uid_mappings.is_empty() || !mount.gid_mappings.is_empty() {
        return Err(not_implemented("idmapped mounts are not supported"));
    }
    // runc takes a relative destination as one from the root; so do specs that rely on it.
    let destination = if mount.destination.starts_with('/') {
        mount.destination.clone()
    } else {
        format!("/{}", mount.destination)
    };
    let target = absolute(&destination)?;
    if target == Path::new("/") {
        return Err(invalid("a mount on the root of the container is not allowed"));
    }
    let mut options = options(mount)?;
    if mount.kind == "bind" && options.bind.is_none() {
        options.bind = Some(false);
    }
    let what = match (options.bind, mount.kind.as_str()) {
        (Some(recursive), _) => {
            if let Some((name, _)) = options.data.first() {
                return Err(invalid(format!("unknown option {name:?} of the bind mount at {destination:?}")));
            }
            MountSource::Bind { source: source(&mount.source, bundle)?, recursive }
        }
        (None, "cgroup" | "cgroup2") => MountSource::Cgroup,
        (None, "overlay") if !options.data.iter().any(|(name, _)| name == "upperdir") => {
            layers(&options.data)?
        }
        (None, "") => return Err(invalid(format!("the mount at {destination:?} has no type"))),
        (None, fstype) => MountSource::New {
            fstype: fstype.to_owned(),
            source: if mount.source.is_empty() { fstype.to_owned() } else { mount.source.clone() },
            options: options.data,
            copy_up: false,
        },
    };
    let Options { set, clear, set_recursive, clear_recursive, propagation, .. } = options;
    Ok(Mount { target, what, set, clear, set_recursive, clear_recursive, propagation })
}

/// Layers that are only read: an overlay of any number of them, of one too, and perhaps only a path in it.
fn layers(options: &[(String, Option<String>)]) -> Result<MountSource> {
    let (mut lowers, mut subpath) = (Vec::new(), PathBuf::new());
    for (name, value) in options {
        match (name.as_str(), value) {
            ("lowerdir", Some(list)) => lowers.extend(list.split(':').map(PathBuf::from)),
            (SUBPATH, Some(path)) => subpath = path.into(),
            _ => return Err(not_implemented(format!("the option {name:?} of an overlay is not supported"))),
        }
    }
    if lowers.is_empty() || lowers.iter().any(|lower| !lower.is_absolute()) {
        return Err(invalid("an overlay needs absolute paths as its lowerdir"));
    }
    Ok(MountSource::Layers { lowers, subpath })
}

fn source(source: &str, bundle: &Path) -> Result<PathBuf> {
    if source.is_empty() || source.contains('\0') {
        return Err(invalid(format!("invalid source of a bind mount: {source:?}")));
    }
    Ok(bundle.join(source))
}

fn options(mount: &OciMount) -> Result<Options> {
    let mut options = Options::default();
    for option in &mount.options {
        if option.contains('\0') {
            return Err(invalid(format!("invalid mount option {option:?}")));
        }
        if let Some(propagation) = propagation(option) {
            options.propagation = Some(propagation);
            continue;
        }
        match option.as_str() {
            "" | "defaults" => continue,
            "bind" => {
                options.bind = Some(options.bind.unwrap_or(false));
                continue;
            }
            "rbind" => {
                options.bind = Some(true);
                continue;
            }
            "tmpcopyup" | "idmap" | "ridmap" => {
                return Err(not_implemented(format!("the mount option {option:?} is not supported")));
            }
            _ => {}
        }
        let find = |word: &str| FLAGS.iter().find(|(name, ..)| *name == word);
        if let Some((_, set, clear)) = find(option) {
            // A later word wins over an earlier one.
            options.set = (options.set & !clear) | set;
            options.clear = (options.clear & !set) | clear | (set & ATIME);
        } else if let Some((_, set, clear)) = option.strip_prefix('r').and_then(find) {
            options.set_recursive = (options.set_recursive & !clear) | set;
            options.clear_recursive = (options.clear_recursive & !set) | clear;
        } else {
            let (name, value) =
                option.split_once('=').map_or((option.as_str(), None), |(n, v)| (n, Some(v.to_owned())));
            options.data.push((name.to_owned(), value));
        }
    }
    Ok(options)
}

fn propagation(option: &str) -> Option<Propagation> {
    let (word, recursive) = match option.strip_prefix('r') {
        Some(word) => (word, true),
        None => (option, false),
    };
    let kind = match word {
        "private" => PRIVATE,
        "shared" => SHARED,
        "slave" => SLAVE,
        "unbindable" => UNBINDABLE,
        _ => return None,
    };
    Some(Propagation { kind, recursive })
}

/// Security modules, and every program that asks the kernel about itself, trust `/proc`.
fn refuse_in_proc(mount: &Mount) -> Result<()> {
    let target = mount.target.as_path();
    if !target.starts_with("/proc") {
        return Ok(());
    }
    let allowed = match &mount.what {
        MountSource::New { fstype, .. } => fstype == "proc" && target == Path::new("/proc"),
        // The host's own `/proc` as a whole is a procfs too; what it is in truth is the user's affair.
        MountSource::Bind { source, .. } => {
            (target == Path::new("/proc") && source == Path::new("/proc"))
                || PROC_FILES.iter().any(|file| target == Path::new(file))
        }
        MountSource::Cgroup | MountSource::Layers { .. } => false,
    };
    if allowed {
        return Ok(());
    }
    Err(invalid(format!("{:?} cannot be mounted because it is inside /proc", target.display().to_string())))
}
