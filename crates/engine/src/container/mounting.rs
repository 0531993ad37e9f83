//! Which mounts a container has: volumes of others, `-v`, `--mount`, the image's `VOLUME`s, in that order (semantics
//! 89), and where their sources are when it starts.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use api::container::Mount;
use errdefs::{Context, Result, invalid};

use super::mountpoint::{Kind, MountPoint, clean, destination, parse_long, parse_short, volume_destination};
use super::names;
use super::record::Record;
use super::shared::Shared;
use super::spec::{Bound, Shm};

impl Shared {
    /// The mounts that a new record asks for.
    ///
    /// # Errors
    /// InvalidParameter, in Docker's words; NotFound for containers of `--volumes-from`.
    pub(crate) fn mount_points(&self, record: &Record) -> Result<Vec<MountPoint>> {
        let mut all = Vec::new();
        for entry in record.host.volumes_from.iter().flatten() {
            self.volumes_from(entry, &mut all)?;
        }
        let mut given: Vec<MountPoint> = Vec::new();
        for raw in record.host.binds.iter().flatten() {
            add_given(&mut given, parse_short(raw, &record.host.volume_driver)?)?;
        }
        for mount in record.host.mounts.iter().flatten() {
            add_given(&mut given, parse_long(mount)?)?;
        }
        for target in record.host.tmpfs.keys() {
            let target = destination(target)?;
            if given.iter().any(|point| point.destination == target) {
                return Err(duplicate(&target));
            }
        }
        for point in given {
            all.retain(|have: &MountPoint| have.destination != point.destination);
            all.push(point);
        }
        for target in record.config.volumes.iter().flatten().map(|(target, _)| target) {
            let target = volume_destination(target)?;
            let taken = all.iter().any(|point| point.destination == target)
                || record.host.tmpfs.keys().any(|have| clean(have) == target);
            if !taken {
                // Never through the form of `-v`: an image would name a directory of the host before a colon.
                let mount = Mount { r#type: "volume".to_owned(), target, ..Mount::default() };
                let mut point = parse_long(&mount)?;
                point.driver.clone_from(&record.host.volume_driver);
                point.mode.clear();
                all.push(point);
            }
        }
        for point in &mut all {
            // A volume without a name gets a made-up one, and goes with its container.
            if point.kind == Kind::Volume && point.name.is_empty() {
                point.anonymous = true;
                point.name = names::new_id();
            }
        }
        Ok(all)
    }

    /// `container[:mode]`: its mounts, without filling them.
    fn volumes_from(&self, entry: &str, all: &mut Vec<MountPoint>) -> Result<()> {
        if entry.is_empty() {
            return Err(invalid("volumes-from specification cannot be an empty string"));
        }
        let (name, mode) = entry.split_once(':').unwrap_or((entry, ""));
        let read_only = match mode {
            "" | "rw" | "z" | "Z" | "rw,z" | "rw,Z" => false,
            "ro" | "ro,z" | "ro,Z" => true,
            other => return Err(invalid(format!("invalid mode: {other}"))),
        };
        let other = self.registry.find(name).map_err(|error| invalid(error.to_string()))?;
        for point in &other.record().mounts {
            let mut point = point.clone();
            point.copy_up = false;
            point.read_write &= !read_only;
            mode.clone_into(&mut point.mode);
            all.retain(|have| have.destination != point.destination);
            all.push(point);
        }
        Ok(())
    }

    /// Finds the sources of a run's mounts, making missing directories of `-v`. Volumes are acquired: give them back
    /// with [`Shared::release_volumes`].
    ///
    /// # Errors
    /// In Docker's words, if a source cannot be had.
    pub(crate) fn bind_sources(&self, record: &Record) -> Result<Vec<Bound>> {
        let mut all = Vec::new();
        for point in &record.mounts {
            let (mut source, mut lowers) = (point.source.clone(), Vec::new());
            match point.kind {
                Kind::Bind => {
                    make_source(point)?;
                    check_propagation(point)?;
                }
                Kind::Volume => {
                    self.parts.volumes.acquire(&point.name, &record.id)?;
                    source = self.parts.volumes.get(&point.name)?.mountpoint.to_string_lossy().into_owned();
                    if !point.subpath.is_empty() {
                        source = subpath(&source, &point.subpath)?;
                    }
                }
                Kind::Image => lowers = self.parts.snapshots.lower_dirs(&point.layers)?,
                Kind::Tmpfs => {}
            }
            all.push(Bound { point: point.clone(), source, lowers, propagation: point.propagation.clone() });
        }
        Ok(all)
    }

    /// Gives the volumes of a run back.
    pub(crate) fn release_volumes(&self, record: &Record) {
        for point in record.mounts.iter().filter(|point| point.kind == Kind::Volume) {
            if let Err(error) = self.parts.volumes.release(&point.name, &record.id) {
                tracing::warn!(container = names::short(&record.id), volume = point.name, %error, "release volume");
            }
        }
    }

    /// What is on a container's `/dev/shm`.
    ///
    /// # Errors
    /// NotImplemented for `/dev/shm` shared between containers.
    pub(crate) fn shm(&self, record: &Record) -> Result<Shm> {
        match record.host.ipc_mode.as_str() {
            "none" => Ok(Shm::None),
            "host" => Ok(Shm::Bind("/dev/shm".into())),
            "shareable" => {
                let dir = self.shared_shm(&record.id);
                mount_shm(&dir, record.host.shm_size, super::userns::root_of(record))?;
                Ok(Shm::Bind(dir.to_string_lossy().into_owned()))
            }
            other => match other.strip_prefix("container:") {
                Some(id) if self.registry.find(id)?.record().host.ipc_mode != "shareable" => {
                    Err(invalid(format!(
                        "failed to join IPC namespace: container {id}: non-shareable IPC (hint: use IpcMode:shareable for \
                     the donor container)"
                    )))
                }
                Some(id) => Ok(Shm::Bind(self.shared_shm(id).to_string_lossy().into_owned())),
                None => Ok(Shm::Own(record.host.shm_size)),
            },
        }
    }

    /// Where a shareable `/dev/shm` is mounted.
    pub(crate) fn shared_shm(&self, id: &str) -> std::path::PathBuf {
        self.data_dir(id).join("shm")
    }

    /// Takes a shareable `/dev/shm` away; none is no failure.
    pub(crate) fn unmount_shm(&self, record: &Record) {
        if record.host.ipc_mode == "shareable" {
            let _ = rustix::mount::unmount(self.shared_shm(&record.id), rustix::mount::UnmountFlags::DETACH);
        }
    }
}

/// The one mount that is made in the host's namespace, because other containers must be able to bind it.
fn mount_shm(dir: &Path, size: i64, owner: (u32, u32)) -> Result<()> {
    use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
    fs::create_dir_all(dir).context(|| format!("make {}", dir.display()))?;
    // One left over by a crash would be hidden, not replaced.
    let _ = unmount(dir, UnmountFlags::DETACH);
    let options = format!("mode=1777,size={size},uid={},gid={}", owner.0, owner.1);
    let options = std::ffi::CString::new(options).context(|| "mount options")?;
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV;
    mount("shm", dir, "tmpfs", flags, Some(options.as_c_str())).context(|| format!("mount {}", dir.display()))
}

fn duplicate(target: &str) -> errdefs::Error {
    invalid(format!("Duplicate mount point: {target}"))
}

fn add_given(given: &mut Vec<MountPoint>, point: MountPoint) -> Result<()> {
    if given.iter().any(|have| have.destination == point.destination) {
        return Err(duplicate(&point.destination));
    }
    given.push(point);
    Ok(())
}

/// Makes the missing source directory of `-v`; `--mount` refuses instead (semantics 86).
fn make_source(point: &MountPoint) -> Result<()> {
    if rustix::fs::stat(&*point.source).is_ok() {
        return Ok(());
    }
    if !point.make_source {
        return Err(invalid(format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {}",
            point.source
        )));
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(&point.source)
        .context(|| format!("error while creating mount source path '{}'", point.source))
}

/// What the host's mounts must be for changes to pass between them and the container's.
fn check_propagation(point: &MountPoint) -> Result<()> {
    let (fields, what): (&[&str], &str) = match point.propagation.as_str() {
        "shared" | "rshared" => (&["shared:"], "a shared mount"),
        "slave" | "rslave" => (&["shared:", "master:"], "a shared or slave mount"),
        _ => return Ok(()),
    };
    let source = fs::canonicalize(&point.source).context(|| format!("resolve {}", point.source))?;
    let table = fs::read_to_string("/proc/self/mountinfo").context(|| "read /proc/self/mountinfo")?;
    // Where two mounts are on one point, the later one is on top.
    let (mount, optional) = table
        .lines()
        .filter_map(|line| {
            let (left, _) = line.split_once(" - ")?;
            let left: Vec<&str> = left.split(' ').collect();
            Some((*left.get(4)?, left.get(6..)?.join(" ")))
        })
        .filter(|(mount, _)| source.starts_with(mount))
        .max_by_key(|(mount, _)| mount.len())
        .unwrap_or(("/", String::new()));
    if optional.split(' ').any(|field| fields.iter().any(|wanted| field.starts_with(wanted))) {
        return Ok(());
    }
    Err(errdefs::system(format!("path {} is mounted on {mount} but it is not {what}", source.display())))
}

/// A directory inside a volume, resolved below it; what is bound is what was checked, because the result has no link
/// left in it.
fn subpath(volume: &str, path: &str) -> Result<String> {
    use errdefs::words;
    use rustix::fs::{Mode, OFlags, ResolveFlags, open};
    let whole = format!("{volume}/{path}");
    let gone = |errno: rustix::io::Errno| {
        let class = match errno {
            rustix::io::Errno::NOENT => errdefs::Class::NotFound,
            _ => errdefs::Class::System,
        };
        let text = format!("cannot access path {whole}: lstat {whole}: {}", words(&errno.into()));
        errdefs::Error::new(class, text)
    };
    let what = || format!("cannot access path {whole}");
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = open(volume, flags | OFlags::DIRECTORY, Mode::empty()).context(what)?;
    let fd = sys::inside::open(&root, Path::new(path), flags, ResolveFlags::empty()).map_err(gone)?;
    let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
    Ok(fs::read_link(link).context(what)?.to_string_lossy().into_owned())
}
