//! `cp`: reading and writing files of a container as tar streams (semantics 91 to 93).
//!
//! All paths are resolved by the kernel below descriptors: the root of the running container in its own mount namespace,
//! or, of a stopped one, a view of its layers with its volumes and files mounted. No helper process enters the container's
//! tree, and nothing of it is ever executed.

use std::io::{BufRead, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use api::Time;
use api::container::PathStat;
use errdefs::{Class, Context, Error, Result, invalid, not_found};
use idmap::IdMap;
use parking_lot::MutexGuard;
use runtime::view::{Part, View};
use snapshot::MountOptions;
use snapshot::archive::{self, UntarOptions};

use super::mountpoint::{Kind, clean};
use super::record::Record;
use super::shared::{Container, Shared};
use super::state::Phase;
use super::{Containers, PutOptions, userns};

/// A tree of files of a container, to be written as a tar stream.
pub struct Archive {
    root: View,
    ids: Option<IdMap>,
    path: String,
    stat: PathStat,
    told: (Arc<Shared>, Arc<Container>),
}

impl Archive {
    /// What the path leads to, for the response's header.
    pub fn stat(&self) -> &PathStat {
        &self.stat
    }

    /// Writes the tar stream.
    ///
    /// # Errors
    /// If reading the files or writing fails.
    pub fn write(self, out: &mut dyn Write) -> Result<()> {
        let (shared, container) = &self.told;
        let record = container.record();
        shared.tell_volumes(&record, "mount");
        let written = archive::tar_path(self.root.as_fd(), &self.path, self.ids.as_ref(), out);
        if written.is_ok() {
            shared.tell(&record, "archive-path", &[]);
        }
        shared.tell_volumes(&record, "unmount");
        written?;
        Ok(())
    }
}

/// A path with the root it is below.
struct Place {
    root: View,
    /// What the ids of its files are on the host, whose numbers the view shows.
    ids: Option<IdMap>,
    path: String,
    read_only: Option<&'static str>,
}

impl Containers {
    /// What a path in it leads to.
    ///
    /// # Errors
    /// NotFound `Could not find the file x in container y`.
    pub fn archive_stat(&self, reference: &str, path: &str) -> Result<PathStat> {
        let container = self.shared.registry.find(reference)?;
        let (place, _) = self.shared.place(&container, path)?;
        let record = container.record();
        self.shared.tell_volumes(&record, "mount");
        let stat = stat(&place, reference, path);
        self.shared.tell_volumes(&record, "unmount");
        stat
    }

    /// Opens a path in it for reading as a tar stream.
    ///
    /// # Errors
    /// NotFound `Could not find the file x in container y`.
    pub fn archive_get(&self, reference: &str, path: &str) -> Result<Archive> {
        let container = self.shared.registry.find(reference)?;
        let (place, _) = self.shared.place(&container, path)?;
        let stat = stat(&place, reference, path)?;
        let told = (Arc::clone(&self.shared), container);
        Ok(Archive { root: place.root, ids: place.ids, path: place.path, stat, told })
    }

    /// Unpacks a tar stream into a directory of it.
    ///
    /// # Errors
    /// NotFound; InvalidParameter if it is no directory or read-only.
    pub fn archive_put(
        &self,
        reference: &str,
        path: &str,
        options: PutOptions,
        tar: &mut (dyn Read + Send),
    ) -> Result<()> {
        let container = self.shared.registry.find(reference)?;
        let record = container.record();
        let (place, _operation) = self.shared.place(&container, path)?;
        self.shared.tell_volumes(&record, "mount");
        let put = self.put(&container, &place, reference, path, options, tar);
        if put.is_ok() {
            self.shared.tell(&record, "extract-to-dir", &[]);
        }
        self.shared.tell_volumes(&record, "unmount");
        put
    }

    fn put(
        &self,
        container: &Container,
        place: &Place,
        reference: &str,
        path: &str,
        options: PutOptions,
        tar: &mut (dyn Read + Send),
    ) -> Result<()> {
        if let Some(text) = place.read_only {
            return Err(invalid(text));
        }
        let chown =
            if options.copy_uid_gid { self.shared.owner(container, &container.record())? } else { None };
        let untar = UntarOptions {
            no_overwrite_dir_non_dir: options.no_overwrite_dir_non_dir,
            chown,
            ids: place.ids.clone(),
        };
        idmap::as_root(place.ids.as_ref(), || put(place, reference, path, &untar, tar))
    }
}

/// Unpacks the stream.
fn put(
    place: &Place,
    reference: &str,
    path: &str,
    untar: &UntarOptions,
    tar: &mut (dyn Read + Send),
) -> Result<()> {
    // The archive may be compressed in any way, as one may be that is loaded.
    let mut reader = std::io::BufReader::with_capacity(READ, distribution::compression::decompress(tar)?);
    // An empty body is an empty archive.
    if reader.fill_buf()?.is_empty() {
        let stat = stat(place, reference, path)?;
        if stat.mode & (GO_DIR | GO_SYMLINK) == 0 {
            return Err(invalid("extraction point is not a directory"));
        }
        return Ok(());
    }
    // By our own decoders: never by a program of the container's (CVE-2026-41567).
    let reader = std::io::BufReader::with_capacity(READ, distribution::compression::decompress(reader)?);
    archive::untar_into(place.root.as_fd(), &place.path, untar, reader)
        .map_err(|error| missing(error, reference, path))
}

/// Bits of Go's `fs.FileMode`.
const GO_DIR: u32 = 1 << 31;
const GO_SYMLINK: u32 = 1 << 27;
/// Bytes read from the client at a time.
const READ: usize = 128 * 1024;

fn stat(place: &Place, reference: &str, path: &str) -> Result<PathStat> {
    let stat =
        archive::stat(place.root.as_fd(), &place.path).map_err(|error| missing(error, reference, path))?;
    let mtime = jiff::Timestamp::try_from(stat.mtime).context(|| "modification time")?;
    Ok(PathStat {
        name: stat.name,
        size: stat.size,
        mode: stat.mode,
        mtime: Time::from(mtime),
        link_target: stat.link_target,
    })
}

fn missing(error: Error, reference: &str, path: &str) -> Error {
    if error.class() == Class::NotFound {
        return not_found(format!("Could not find the file {path} in container {reference}"));
    }
    error
}

impl Shared {
    /// The root below which `path` is to be resolved, and the rest of the path.
    ///
    /// The files of a container that does not run are mounted for this, and no other mount may be made of them meanwhile (a
    /// start's, another copy's): the kernel clears a work directory when it mounts it, and whoever writes by way of it fails.
    /// So its operation lock is given too, to be kept for as long as something is written.
    fn place<'a>(&self, container: &'a Container, path: &str) -> Result<(Place, Option<MutexGuard<'a, ()>>)> {
        if path.is_empty() {
            return Err(invalid("bad parameter: pathcannot be empty"));
        }
        let record = container.record();
        // Kept as it is but for the leading slash: a trailing "/." has a meaning.
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let mount = record
            .mounts
            .iter()
            .filter(|point| below(&clean(&path), &point.destination).is_some())
            .max_by_key(|point| point.destination.len());
        let read_only = match mount {
            Some(point) if !point.read_write => Some("mounted volume is marked read-only"),
            None if record.host.readonly_rootfs => Some("container rootfs is marked read-only"),
            _ => None,
        };
        if let Some(root) = running_root(container)? {
            let root = View::whole(root);
            return Ok((Place { root, ids: record.ids.clone(), path, read_only }, None));
        }
        let operation = container.operation.lock();
        // It may have been started by now.
        if let Some(root) = running_root(container)? {
            let root = View::whole(root);
            return Ok((Place { root, ids: record.ids.clone(), path, read_only }, None));
        }
        let dir = self.data_dir(&record.id);
        // What `--rm` has ended is on its way out: its files are looked at, not mounted for writing again.
        let ending = record.auto_remove && record.state.started_at.is_some();
        let own = self.seen_root(&record, ending).map_err(|error| going(container, error))?;
        let assembled = View::assemble(own, &self.parts_of(&record), &dir, userns::root_of(&record));
        let root = assembled.map_err(|error| going(container, error))?;
        Ok((Place { root, ids: record.ids.clone(), path, read_only }, Some(operation)))
    }

    /// What stands in a container's tree beside its layers: the files about its network once it has run, and its mounts.
    fn parts_of(&self, record: &Record) -> Vec<Part> {
        let files = self.network_files(record).into_iter().filter(|_| record.state.started_at.is_some());
        let files =
            files.map(|(target, source)| Part { source, destination: target.into(), read_only: false });
        let mut points: Vec<_> = record
            .mounts
            .iter()
            .filter(|point| matches!(point.kind, Kind::Bind | Kind::Volume) && !point.source.is_empty())
            .collect();
        points.sort_by_key(|point| point.destination.len());
        let mounts = points.into_iter().map(|point| Part {
            source: point.source.clone().into(),
            destination: point.destination.clone().into(),
            read_only: !point.read_write,
        });
        files.chain(mounts).collect()
    }

    /// The container's own files without its volumes, mounted nowhere, to be read, also while it runs. They have the ids
    /// that the container sees.
    pub(crate) fn own_root(&self, record: &Record) -> Result<OwnedFd> {
        let options = MountOptions { read_only: true, volatile: false };
        self.parts.snapshots.mount_detached(&self.all_layers(record)?, None, options)
    }

    /// The same by the host's ids, and writable unless `seen_only`.
    fn seen_root(&self, record: &Record, seen_only: bool) -> Result<OwnedFd> {
        let options = MountOptions { read_only: seen_only, volatile: false };
        if seen_only {
            return self.mount(record, &self.all_layers(record)?, None, options);
        }
        let snapshots = &self.parts.snapshots;
        let (lowers, writable) =
            (snapshots.container_lowers(&record.layers)?, snapshots.writable(&record.id)?);
        self.mount(record, &lowers, Some(&writable), options)
    }

    /// A running container's own mount has the upper directory for writing; read-only it may be a layer of ours.
    fn all_layers(&self, record: &Record) -> Result<Vec<PathBuf>> {
        let mut lowers = self.parts.snapshots.container_lowers(&record.layers)?;
        lowers.insert(0, self.parts.snapshots.writable(&record.id)?.upper);
        Ok(lowers)
    }

    /// Whom copied files belong to with `--archive` reversed: the container's user.
    fn owner(&self, container: &Container, record: &Record) -> Result<Option<(u32, u32)>> {
        if record.config.user.is_empty() {
            return Ok(None);
        }
        let root = match running_root(container)? {
            Some(root) => root,
            None => self.own_root(record)?,
        };
        let identity = runtime::user::look_up(root, &record.config.user, &[])?;
        Ok(Some((identity.uid, identity.gid)))
    }
}

/// What failed because the container is being removed: there is no such container.
fn going(container: &Container, error: Error) -> Error {
    let removing =
        container.record().state.phase == Phase::Removing || container.progress.now().removed.is_some();
    if removing { not_found(format!("No such container: {}", container.id)) } else { error }
}

/// The root of a running container; `None` if it does not run, or ends in this moment.
fn running_root(container: &Container) -> Result<Option<OwnedFd>> {
    let Ok(handle) = container.handle() else { return Ok(None) };
    match handle.root_fd() {
        Err(error) if error.class() == Class::Conflict => Ok(None),
        root => root.map(Some),
    }
}

/// The rest of a clean `path` below `dir`.
pub(super) fn below<'a>(path: &'a str, dir: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(dir)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_is_by_whole_names() {
        assert_eq!(below("/vv", "/v"), None);
        assert_eq!(below("/v", "/v"), Some(""));
    }
}
