//! Writable layers: the upper and work directories of containers and build steps.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use errdefs::{Context, Result, conflict, invalid, not_found};
use oci::digest::Digest;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{self, Errno};

use crate::limits::DEPTH_MAX;
use crate::tree::{self, DIRECTORY};
use crate::{Snapshots, layer};

/// Longest id of a writable layer, in bytes: it is a file name, with room for a suffix.
const ID_BYTES_MAX: usize = 200;

/// The directories that make an overlay writable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writable {
    /// overlayfs `upperdir`.
    pub upper: PathBuf,
    /// overlayfs `workdir`.
    pub work: PathBuf,
}

impl Snapshots {
    /// Makes the writable layer `id` (letters, digits, `-`, `_`, `.`). Its upper directory, which is the container's
    /// `/`, gets the owner and mode that the topmost image layer with an entry for its root gives it. One that exists
    /// is a conflict.
    pub fn create_writable(&self, id: &str, lowers: &[PathBuf]) -> Result<Writable> {
        self.create_sized_writable(id, lowers, None)
    }

    /// The same with a limit to the bytes in it. A file system that cannot do that is an error in Docker's words.
    pub fn create_sized_writable(
        &self,
        id: &str,
        lowers: &[PathBuf],
        bytes: Option<u64>,
    ) -> Result<Writable> {
        let writable = self.writable_paths(id)?;
        let staged = self.stage()?;
        let home = self.writable_home(id)?;
        let limited = bytes.map_or(Ok(()), |bytes| self.limit(&staged, bytes));
        let made =
            limited.and_then(|()| self.fill_writable(&staged, lowers)).and_then(|()| {
                match fs::rename(&staged, home) {
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists
                        ) =>
                    {
                        Err(conflict(format!("writable layer {id} exists")))
                    }
                    other => other.context(|| format!("name writable layer {id}")),
                }
            });
        if let Err(error) = made {
            // Best effort, on a full disk: what stays is taken away when the daemon starts.
            let _ = self.inner.trash.take(&staged);
            return Err(error);
        }
        Ok(writable)
    }

    /// Whether writable layers can be limited here.
    ///
    /// # Errors
    /// What the file system lacks, in Docker's words.
    pub fn check_limits(&self) -> Result<()> {
        let staged = self.stage()?;
        // A limit that nothing reaches.
        let limited = self.limit(&staged, u64::MAX >> 1);
        fs::remove_dir(&staged).context(|| format!("remove {}", staged.display()))?;
        limited
    }

    fn limit(&self, staged: &Path, bytes: u64) -> Result<()> {
        let homes = ["containers", "staging", "trash"].map(|name| self.inner.root.join(name));
        self.inner.projects.limit(staged, bytes, &homes)
    }

    fn fill_writable(&self, staged: &Path, lowers: &[PathBuf]) -> Result<()> {
        let upper = staged.join("upper");
        layer::make_root(&upper)?;
        self.copy_root_look(&upper, lowers)?;
        crate::make_dirs(&staged.join("work"))
    }

    fn copy_root_look(&self, upper: &Path, lowers: &[PathBuf]) -> Result<()> {
        let Some(dir) = lowers.iter().find(|dir| self.has_root_entry(dir)) else { return Ok(()) };
        let stat = rustix::fs::stat(dir).context(|| format!("stat {}", dir.display()))?;
        if (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid) == (layer::ROOT_MODE, 0, 0) {
            return Ok(());
        }
        std::os::unix::fs::chown(upper, Some(stat.st_uid), Some(stat.st_gid))
            .and_then(|()| fs::set_permissions(upper, fs::Permissions::from_mode(stat.st_mode & 0o7777)))
            .context(|| format!("set mode of {}", upper.display()))
    }

    /// True for the tree of a layer whose archive had an entry for its root.
    fn has_root_entry(&self, tree: &Path) -> bool {
        let home = tree.parent().filter(|home| home.parent() == Some(&self.inner.root.join("layers")));
        let name = home.and_then(Path::file_name).and_then(|name| name.to_str());
        name.and_then(|name| Digest::from_hex(name).ok())
            .and_then(|diff_id| self.info(&diff_id).ok())
            .is_some_and(|info| info.root_entry)
    }

    pub(crate) fn writable_home(&self, id: &str) -> Result<PathBuf> {
        let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if id.is_empty() || id.len() > ID_BYTES_MAX || id.starts_with('.') || !id.bytes().all(ok) {
            return Err(invalid(format!("invalid id of a writable layer: {id:?}")));
        }
        Ok(self.inner.root.join("containers").join(id))
    }

    fn writable_paths(&self, id: &str) -> Result<Writable> {
        let home = self.writable_home(id)?;
        Ok(Writable { upper: home.join("upper"), work: home.join("work") })
    }

    /// The writable layer `id`.
    pub fn writable(&self, id: &str) -> Result<Writable> {
        let writable = self.writable_paths(id)?;
        if fs::exists(&writable.upper).context(|| format!("look for {}", writable.upper.display()))? {
            return Ok(writable);
        }
        Err(not_found(format!("writable layer {id} does not exist")))
    }

    /// Removes the writable layer: gone at once for every observer, deleted by [`Snapshots::empty_trash`]. One that
    /// does not exist is no error.
    pub fn remove_writable(&self, id: &str) -> Result<()> {
        self.inner.trash.take(&self.writable_home(id)?).map(drop)
    }

    /// The ids of all writable layers.
    pub fn list_writables(&self) -> Result<Vec<String>> {
        let dir = self.inner.root.join("containers");
        let mut ids = Vec::new();
        for entry in fs::read_dir(&dir).context(|| format!("list {}", dir.display()))? {
            ids.extend(entry?.file_name().into_string().ok());
        }
        Ok(ids)
    }

    /// The bytes of the files in the writable layer, as Docker counts them (`docker ps -s`): the sizes of
    /// everything but directories, each inode once.
    pub fn writable_size(&self, id: &str) -> Result<u64> {
        let upper = self.writable(id)?.upper;
        let dir =
            openat(CWD, &upper, DIRECTORY, Mode::empty()).context(|| format!("open {}", upper.display()))?;
        let mut seen = HashSet::new();
        size_below(dir.as_fd(), &mut seen, DEPTH_MAX).context(|| format!("measure {}", upper.display()))
    }
}

fn size_below(dir: BorrowedFd<'_>, seen: &mut HashSet<u64>, depth: usize) -> io::Result<u64> {
    let mut total = 0;
    for name in tree::sorted_names(dir)? {
        let stat = match tree::stat_at(dir, &name) {
            Err(Errno::NOENT) => continue, // a running container may remove it
            other => other?,
        };
        if !tree::file_type(&stat).is_dir() {
            let again = stat.st_nlink > 1 && !seen.insert(stat.st_ino);
            total += if again { 0 } else { u64::try_from(stat.st_size).unwrap_or(0) };
            continue;
        }
        if depth == 0 {
            continue; // deeper than any path can name
        }
        match openat(dir, &name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            other => total += size_below(other?.as_fd(), seen, depth - 1)?,
        }
    }
    Ok(total)
}
