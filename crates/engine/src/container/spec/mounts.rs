//! The mounts of a run: Docker's default ones, then the user's, the shallow ones first (semantics 72, 81, 87).

use std::path::PathBuf;

use errdefs::Result;
use oci::runtime::Mount;

use super::Run;
use crate::container::mountpoint::{Kind, MountPoint, destination};
use crate::container::record::Record;

/// What a container has on `/dev/shm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shm {
    /// A file system of its own of so many bytes.
    Own(i64),
    /// A directory of the host (another container's, or the host's own).
    Bind(String),
    /// Nothing.
    None,
}

/// A mount point whose source has been found.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) point: MountPoint,
    /// The host path to bind.
    pub(crate) source: String,
    /// The layers of an image, the top one first.
    pub(crate) lowers: Vec<PathBuf>,
    pub(crate) propagation: String,
}

/// Where a read-only root leaves the default mounts writable.
const STAY_WRITABLE: [&str; 5] = ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"];

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
    Mount {
        destination: destination.to_owned(),
        kind: kind.to_owned(),
        source: source.to_owned(),
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        ..Mount::default()
    }
}

/// All mounts in their order.
///
/// # Errors
/// InvalidParameter for a malformed `--tmpfs`.
pub(super) fn of_run(record: &Record, run: &Run) -> Result<Vec<Mount>> {
    let user = user_mounts(record, run)?;
    let mut all = defaults(record, run);
    all.retain(|default| !user.iter().any(|mount| mount.destination == default.destination));
    // A user's mount on /dev or /proc hides Docker's mounts below it.
    for parent in ["/dev", "/sys", "/proc"] {
        if user.iter().any(|mount| mount.destination == parent) {
            all.retain(|default| !default.destination.starts_with(&format!("{parent}/")));
        }
    }
    if record.host.readonly_rootfs {
        for default in &mut all {
            let stays = STAY_WRITABLE.contains(&default.destination.as_str());
            if !stays && !default.options.iter().any(|option| option == "ro") {
                default.options.push("ro".to_owned());
            }
        }
    }
    all.extend(user);
    Ok(all)
}

fn defaults(record: &Record, run: &Run) -> Vec<Mount> {
    let privileged = record.host.privileged;
    let writable_cgroup = privileged
        || super::security::Options::parse(record.host.security_opt.as_deref().unwrap_or_default())
            .is_ok_and(|options| options.writable_cgroups);
    let sys: &[&str] =
        if privileged { &["nosuid", "noexec", "nodev"] } else { &["nosuid", "noexec", "nodev", "ro"] };
    let cgroup: &[&str] =
        if writable_cgroup { &["nosuid", "noexec", "nodev"] } else { &["ro", "nosuid", "noexec", "nodev"] };
    let mut all = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
            "/dev/pts",
            "devpts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        mount("/sys", "sysfs", "sysfs", sys),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", cgroup),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
    ];
    match &run.shm {
        Shm::Own(size) => {
            let mut shm = mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777"]);
            shm.options.push(format!("size={size}"));
            all.push(shm);
        }
        Shm::Bind(source) => all.push(mount("/dev/shm", "bind", source, &["rbind", "rprivate"])),
        Shm::None => {}
    }
    all
}

/// `--tmpfs`, volumes, binds, and the network's files, the shallow ones first.
fn user_mounts(record: &Record, run: &Run) -> Result<Vec<Mount>> {
    let mut all = Vec::new();
    for (target, options) in &record.host.tmpfs {
        all.push(tmpfs(&destination(target)?, options));
    }
    for bound in &run.mounts {
        all.push(match bound.point.kind {
            Kind::Tmpfs => tmpfs(&bound.point.destination, &tmpfs_options(&bound.point)),
            Kind::Image => image(bound),
            _ => bind(bound),
        });
    }
    for (target, path) in &run.files {
        if !all.iter().any(|mount: &Mount| mount.destination == *target) {
            let mut file = mount(target, "bind", &path.to_string_lossy(), &["rbind", "rprivate"]);
            if record.host.readonly_rootfs {
                file.options.push("ro".into());
            }
            all.push(file);
        }
    }
    // Stable: of two on one level the first one given is mounted first.
    all.sort_by_key(|mount| mount.destination.matches('/').count());
    Ok(all)
}

fn bind(bound: &Bound) -> Mount {
    let options = &bound.point.bind;
    let mut made = mount(&bound.point.destination, "bind", &bound.source, &[]);
    made.options.push(if options.non_recursive { "bind".into() } else { "rbind".into() });
    if !bound.point.read_write {
        let deep =
            bound.point.kind == Kind::Bind && !options.read_only_non_recursive && !options.non_recursive;
        made.options.push(if deep { "rro".into() } else { "ro".into() });
    }
    if !bound.propagation.is_empty() {
        made.options.push(bound.propagation.clone());
    }
    made
}

/// The files of an image, read-only.
fn image(bound: &Bound) -> Mount {
    let lowers: Vec<_> = bound.lowers.iter().map(|lower| lower.to_string_lossy()).collect();
    let mut made = mount(&bound.point.destination, "overlay", "overlay", &["ro"]);
    made.options.push(format!("lowerdir={}", lowers.join(":")));
    if !bound.point.subpath.is_empty() {
        made.options.push(format!("{}={}", runtime::compile::SUBPATH, bound.point.subpath));
    }
    made
}

/// A tmpfs with Docker's defaults, which single options of the user's replace.
fn tmpfs(target: &str, options: &str) -> Mount {
    let mut all = vec!["noexec", "nosuid", "nodev"];
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let opposite = match option {
            "exec" => "noexec",
            "suid" => "nosuid",
            "dev" => "nodev",
            "rw" => "ro",
            "ro" => "rw",
            _ => "",
        };
        all.retain(|have| *have != opposite && *have != option);
        all.push(option);
    }
    all.push("rprivate");
    mount(target, "tmpfs", "tmpfs", &all)
}

fn tmpfs_options(point: &MountPoint) -> String {
    let mut options = Vec::new();
    if !point.read_write {
        options.push("ro".to_owned());
    }
    if point.tmpfs.mode != 0 {
        options.push(format!("mode={:o}", point.tmpfs.mode));
    }
    if point.tmpfs.size_bytes != 0 {
        options.push(format!("size={}", point.tmpfs.size_bytes));
    }
    for option in point.tmpfs.options.iter().flatten() {
        options.push(option.join("="));
    }
    options.join(",")
}
