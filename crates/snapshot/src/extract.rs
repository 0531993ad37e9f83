//! Extracting a tar into a tree: the one place where an archive becomes files.
//!
//! Each entry's parent is resolved in the root (a symbolic link in the middle of a path leads inside the tree, as
//! with Docker and containerd), and the entry is then made by its single last name below that descriptor, with
//! `O_EXCL`, `O_NOFOLLOW` and friends: nothing is ever opened, chmod'ed or chown'ed through a link. What is in the
//! way is removed and the entry made anew, but for directories, which are merged.
//!
//! Owner, mode and times are set only where they differ from what the kernel gave at creation: a plain file of root
//! costs open, write, utimens, close. Times of directories come last, because files made in them change them.

mod node;
pub(crate) mod whiteout;

pub(crate) use node::is_kept;

use std::collections::HashMap;
use std::io::BufRead;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use errdefs::{Context, Result, invalid};
use idmap::IdMap;
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps, fstat, mkdirat, openat, utimensat};
use rustix::io::Errno;

use crate::limits::RESOLVE_ATTEMPTS_MAX;
use crate::tarball::{Entry, Kind, Reader, Time};
use crate::tree::{self, HANDLE, open_in};

/// How many parent directories are kept open. Archives are mostly sorted, so few are needed at a time.
const PARENTS_MAX: usize = 64;
/// How many directories wait for their times (about 100 bytes each): an archive of nothing but directories must not
/// fill the memory. Those beyond get their times at once, and lose them if files follow.
const PENDING_TIMES_MAX: usize = 1 << 18;
/// The mode of directories that an archive implies but does not have.
const IMPLIED_MODE: u32 = 0o755;

/// What is done with the entries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    /// The archive is an image layer: `.wh.` names are deletions and are made in overlayfs's form, attributes that
    /// overlayfs would obey are dropped, and the entry of the root itself counts.
    pub(crate) layer: bool,
    /// See [`crate::archive::UntarOptions::no_overwrite_dir_non_dir`].
    pub(crate) no_overwrite_dir_non_dir: bool,
    /// See [`crate::archive::UntarOptions::chown`].
    pub(crate) chown: Option<(u32, u32)>,
    /// See [`crate::archive::UntarOptions::ids`].
    pub(crate) ids: Option<IdMap>,
    /// Most bytes of content.
    pub(crate) max_bytes: Option<u64>,
}

/// What an archive had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Extracted {
    /// The sum of the sizes of the regular files and of what symbolic links lead to.
    pub(crate) size: u64,
    /// Bytes of content written: `size` without the holes.
    bytes: u64,
    /// There was an entry for the root itself.
    pub(crate) root_entry: bool,
    /// There was an opaque mark in the root: nothing below this layer is to be seen.
    pub(crate) opaque_root: bool,
}

/// An open parent directory.
struct Parent {
    fd: OwnedFd,
    /// New files take its group, so theirs must be set.
    setgid: bool,
}

/// Extracts archives below one directory of one tree.
pub(crate) struct Extractor<'a> {
    root: BorrowedFd<'a>,
    /// Clean path of the directory that the archive's paths are below.
    base: Vec<u8>,
    policy: Policy,
    umask: u32,
    parents: HashMap<Vec<u8>, Parent>,
    pending_times: Vec<(Vec<u8>, Time)>,
    done: Extracted,
}

impl<'a> Extractor<'a> {
    pub(crate) fn new(root: BorrowedFd<'a>, base: Vec<u8>, policy: Policy) -> Result<Self> {
        Ok(Self {
            root,
            base,
            policy,
            umask: umask()?,
            parents: HashMap::new(),
            pending_times: Vec::new(),
            done: Extracted::default(),
        })
    }

    /// Extracts all entries.
    pub(crate) fn run(mut self, reader: &mut Reader<impl BufRead>) -> Result<Extracted> {
        while let Some(mut entry) = reader.next_entry()? {
            (entry.uid, entry.gid) = self.owner_of(&entry)?;
            self.entry(reader, &entry).context(|| format!("extract {:?}", entry.display()))?;
        }
        for (path, time) in std::mem::take(&mut self.pending_times).iter().rev() {
            self.set_time_of_dir(path, *time)?;
        }
        Ok(self.done)
    }

    fn entry(&mut self, reader: &mut Reader<impl BufRead>, entry: &Entry) -> Result<()> {
        let path = tree::clean(&entry.path)?;
        if path.is_empty() {
            return self.root_entry(entry);
        }
        let (parent, name) = tree::split(&path);
        if self.policy.layer {
            match whiteout::Mark::of(parent, name)? {
                None => {}
                Some(whiteout::Mark::Ignored) => return Ok(()),
                Some(whiteout::Mark::Opaque) if parent.is_empty() => {
                    self.done.opaque_root = true;
                    return Ok(());
                }
                Some(mark) => return whiteout::make(self.parent(parent)?.fd.as_fd(), mark),
            }
        }
        match entry.kind {
            Kind::File => self.file(reader, entry, parent, name),
            Kind::Dir => self.dir(entry, &path),
            Kind::HardLink => self.hard_link(entry, parent, name),
            Kind::Symlink => {
                // As Docker counts it: what a link leads to is what it has in it.
                self.done.size = self.done.size.saturating_add(entry.link.len() as u64);
                self.symlink(entry, parent, name)
            }
            Kind::Char | Kind::Block | Kind::Fifo => self.device(entry, parent, name),
        }
    }

    /// The entry of the directory that the archive is extracted into.
    fn root_entry(&mut self, entry: &Entry) -> Result<()> {
        if entry.kind != Kind::Dir {
            return Err(invalid("the root of the archive is not a directory"));
        }
        // `cp` into a directory leaves that directory as it is.
        if self.policy.layer {
            self.done.root_entry = true;
            let root = open_in(self.root, &self.base, tree::DIRECTORY).context(|| "open the root")?;
            self.set_all(root.as_fd(), entry, true)?;
            self.time_of_dir_later(Vec::new(), entry.mtime)?;
        }
        Ok(())
    }

    /// Whom an entry is to belong to, by the ids that the tree shows.
    fn owner_of(&self, entry: &Entry) -> Result<(u32, u32)> {
        let (uid, gid) = self.policy.chown.unwrap_or((entry.uid, entry.gid));
        self.policy.ids.as_ref().map_or(Ok((uid, gid)), |ids| ids.to_host(uid, gid))
    }

    /// Whom files belong to that are made here.
    fn maker(&self) -> (u32, u32) {
        self.policy.ids.as_ref().map_or((0, 0), IdMap::root)
    }

    /// The directory `path` below the base, made if it is missing.
    fn parent(&mut self, path: &[u8]) -> Result<&Parent> {
        if !self.parents.contains_key(path) {
            if self.parents.len() >= PARENTS_MAX {
                self.parents.clear();
            }
            let fd = self.open_or_make(path)?;
            let setgid = fstat(&fd).context(|| "look at the parent")?.st_mode & 0o2000 != 0;
            self.parents.insert(path.to_vec(), Parent { fd, setgid });
        }
        Ok(&self.parents[path])
    }

    fn open_or_make(&self, path: &[u8]) -> Result<OwnedFd> {
        let whole = tree::join(&self.base, path);
        match open_in(self.root, &whole, HANDLE | OFlags::DIRECTORY) {
            Err(Errno::NOENT) => {}
            other => return other.context(|| format!("open {:?}", String::from_utf8_lossy(path))),
        }
        let mut dir =
            open_in(self.root, &self.base, HANDLE | OFlags::DIRECTORY).context(|| "open the root")?;
        let mut at = self.base.clone();
        for component in path.split(|b| *b == b'/') {
            at = tree::join(&at, component);
            dir = match open_in(self.root, &at, HANDLE | OFlags::DIRECTORY) {
                Err(Errno::NOENT) => {
                    // A dangling link in the way makes this fail: what it leads to is not made up.
                    match mkdirat(&dir, component, Mode::from_raw_mode(IMPLIED_MODE)) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(error).context(|| "make a parent directory"),
                    }
                    openat(&dir, component, HANDLE | OFlags::DIRECTORY | OFlags::NOFOLLOW, Mode::empty())
                }
                other => other,
            }
            .context(|| format!("open {:?}", String::from_utf8_lossy(&at)))?;
        }
        Ok(dir)
    }

    /// Removes what is in the way of `entry`, or says that it is a directory to merge with.
    fn make_room(&mut self, entry: &Entry, parent: &[u8], name: &[u8]) -> Result<Room> {
        let dir = self.parent(parent)?.fd.as_fd();
        let there = match tree::stat_at(dir, name) {
            Err(Errno::NOENT) => return Ok(Room::Free),
            other => other.context(|| "look at what is in the way")?,
        };
        let there_is_dir = tree::file_type(&there).is_dir();
        if there_is_dir && entry.kind == Kind::Dir {
            return Ok(Room::Merge);
        }
        if self.policy.no_overwrite_dir_non_dir {
            // The client's users know these words.
            let path = String::from_utf8_lossy(name).into_owned();
            match (there_is_dir, entry.kind == Kind::Dir) {
                (true, false) => {
                    return Err(invalid(format!(
                        "cannot overwrite directory \"{path}\" with non-directory \"{path}\""
                    )));
                }
                (false, true) => {
                    return Err(invalid(format!(
                        "cannot overwrite non-directory \"{path}\" with directory \"{path}\""
                    )));
                }
                _ => {}
            }
        }
        let was_whiteout = self.policy.layer && tree::is_whiteout(&there);
        tree::remove_at(self.parent(parent)?.fd.as_fd(), name).context(|| "remove what is in the way")?;
        // Paths through what is gone may lead elsewhere now.
        self.parents.clear();
        Ok(if was_whiteout { Room::FreeOfWhiteout } else { Room::Free })
    }

    /// Tries `make` until nothing is in the way. Bounded, since something may be put there again and again.
    fn make<T>(
        &mut self,
        entry: &Entry,
        parent: &[u8],
        name: &[u8],
        make: impl Fn(&Parent) -> rustix::io::Result<T>,
    ) -> Result<T> {
        for _ in 0..RESOLVE_ATTEMPTS_MAX {
            match make(self.parent(parent)?) {
                Err(Errno::EXIST) => self.make_room(entry, parent, name)?,
                other => return other.context(|| "make it"),
            };
        }
        Err(Errno::EXIST).context(|| "something is put in the way again and again")
    }

    fn time_of_dir_later(&mut self, path: Vec<u8>, time: Time) -> Result<()> {
        if self.pending_times.len() < PENDING_TIMES_MAX {
            self.pending_times.push((path, time));
            return Ok(());
        }
        self.set_time_of_dir(&path, time)
    }

    fn set_time_of_dir(&self, path: &[u8], time: Time) -> Result<()> {
        let whole = tree::join(&self.base, path);
        match open_in(self.root, &whole, HANDLE | OFlags::DIRECTORY | OFlags::NOFOLLOW) {
            // A later entry replaced it.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
            other => other
                .and_then(|dir| utimensat(dir, "", &timestamps(time), AtFlags::EMPTY_PATH))
                .context(|| format!("set time of {:?}", String::from_utf8_lossy(path))),
        }
    }
}

/// What became of the place for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Free,
    /// A deletion of the same name, by the same layer, was there: what is below must stay hidden.
    FreeOfWhiteout,
    Merge,
}

fn timestamps(time: Time) -> Timestamps {
    let time = Timespec { tv_sec: time.seconds, tv_nsec: i64::from(time.nanoseconds) };
    Timestamps { last_access: time, last_modification: time }
}

/// The process's umask, read where reading does not change it.
fn umask() -> Result<u32> {
    const STATUS: &str = "/proc/self/status";
    let status = std::fs::read_to_string(STATUS).context(|| format!("read {STATUS}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|text| u32::from_str_radix(text.trim(), 8).ok())
        .ok_or_else(|| errdefs::system(format!("no umask in {STATUS}")))
}

#[cfg(test)]
pub(crate) mod tests;
