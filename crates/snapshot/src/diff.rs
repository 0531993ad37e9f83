//! What a container changed: as a list (`docker diff`) and as a layer's tar (commit, build).
//!
//! Only the upper directory is walked: everything that was changed is in it, or has a mark in it. The lowers are
//! asked only for the names found there, as overlayfs would find them.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use errdefs::{Context, Result, system};
use oci::digest::{Digest, Hasher};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2};
use rustix::io::Errno;

use crate::info::Info;
use crate::limits::DEPTH_MAX;
use crate::tree::{self, DIRECTORY, HANDLE};
use crate::walk::{Walk, is_opaque, open_dir};
use crate::{Applied, Snapshots};

/// Size of the pieces in which an archive is given on.
const OUTPUT_BUFFER: usize = 256 << 10;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// `C`, 0 in the API.
    Changed,
    /// `A`, 1 in the API.
    Added,
    /// `D`, 2 in the API.
    Deleted,
}

/// One changed path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Change {
    /// Absolute in the container; bytes, for names need not be UTF-8.
    pub path: Vec<u8>,
    /// What happened.
    pub kind: ChangeKind,
}

impl Snapshots {
    /// What the writable layer changed against `lowers` (those it was made with), sorted by path.
    ///
    /// Docker's rules: a directory is listed if its owner or mode changed or something in it did; a directory that
    /// is new, or is gone, with all that is below it or only by its name; a file that was copied up and is the same
    /// is not listed; neither is the root.
    pub fn changes(&self, id: &str, lowers: &[PathBuf]) -> Result<Vec<Change>> {
        let open = |dir: &PathBuf| {
            openat(CWD, dir, DIRECTORY, Mode::empty()).context(|| format!("open {}", dir.display()))
        };
        let upper = open(&self.writable(id)?.upper)?;
        let lowers: Vec<OwnedFd> = lowers.iter().map(open).collect::<Result<_>>()?;
        let all = (0..lowers.len()).collect();
        let mut changes = Changes { lowers, found: Vec::new() };
        changes.visit(upper.as_fd(), b"", &Below::Dir(all), 0)?;
        Ok(changes.found)
    }

    /// Writes the writable layer as the tar of an image layer: deterministic order, deletions as `.wh.` files.
    /// Gives the sum of the sizes of the regular files in it. It is not for a layer that is being written to.
    pub fn write_diff(&self, id: &str, out: impl Write) -> Result<u64> {
        let upper = self.writable(id)?.upper;
        let dir =
            openat(CWD, &upper, DIRECTORY, Mode::empty()).context(|| format!("open {}", upper.display()))?;
        let mut walk = Walk::new(BufWriter::with_capacity(OUTPUT_BUFFER, out), true, None);
        walk.children(dir.as_fd(), b"", 0)?;
        Ok(walk.finish()?.1)
    }

    /// Makes the writable layer a read-only one without copying: its diff is written to `out` and hashed, and its
    /// upper directory becomes the layer of that diff id. The writable layer is gone afterwards. It must not be mounted.
    pub fn seal_writable(&self, id: &str, out: impl Write) -> Result<Applied> {
        let mut out = Hashed { out, hasher: Hasher::new() };
        let size = self.write_diff(id, &mut out)?;
        let diff_id: Digest = out.hasher.finish();
        let staged = self.stage()?;
        let (home, upper) = (self.writable_home(id)?, self.writable(id)?.upper);
        std::fs::rename(&upper, staged.join("fs")).context(|| format!("seal {}", upper.display()))?;
        self.inner.trash.take(&home)?;
        self.name_layer(&diff_id, Info { size, ..Info::default() }, &staged)?;
        Ok(Applied { diff_id, size })
    }
}

struct Hashed<W> {
    out: W,
    hasher: Hasher,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What the lowers have at a path.
enum Below {
    /// No directory.
    Nothing,
    /// A directory, made of those of these lowers (by index, topmost first).
    Dir(Vec<usize>),
}

struct Changes {
    lowers: Vec<OwnedFd>,
    found: Vec<Change>,
}

impl Changes {
    /// Compares the upper directory `dir` at `path` with what is below it.
    fn visit(&mut self, dir: BorrowedFd<'_>, path: &[u8], below: &Below, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(system(format!("{:?} is too deep", String::from_utf8_lossy(path))));
        }
        let shown = || format!("compare /{}", String::from_utf8_lossy(path));
        let mut names: BTreeSet<Vec<u8>> = tree::sorted_names(dir).context(shown)?.into_iter().collect();
        let mut replaced = BTreeSet::new();
        // The root cannot be opaque; any other opaque directory hides names that have no mark of their own.
        if depth > 0 && is_opaque(dir)? {
            replaced = self.names_below(path, below)?;
            replaced.retain(|name| !names.contains(name));
            names.extend(replaced.iter().cloned());
        }
        for name in names {
            let child = tree::join(path, &name);
            if replaced.contains(&name) {
                self.push(&child, ChangeKind::Deleted);
                continue;
            }
            match openat(dir, &name, HANDLE | OFlags::NOFOLLOW, Mode::empty()) {
                Err(Errno::NOENT) => {} // a running container may remove it
                other => self.entry(other.context(shown)?.as_fd(), &child, below, depth)?,
            }
        }
        Ok(())
    }

    fn entry(&mut self, handle: BorrowedFd<'_>, path: &[u8], parent: &Below, depth: usize) -> Result<()> {
        let stat = fstat(handle).context(|| "stat")?;
        let (below, stat_below) = self.below(path, parent)?;
        let kind = match stat_below {
            None => ChangeKind::Added,
            Some(_) => ChangeKind::Changed,
        };
        if tree::is_whiteout(&stat) {
            if stat_below.is_some() {
                self.push(path, ChangeKind::Deleted);
            }
            return Ok(());
        }
        let before = self.found.len();
        if tree::file_type(&stat).is_dir() {
            let dir = open_dir(handle)?;
            self.visit(dir.as_fd(), path, &below, depth + 1)?;
        }
        let inside = self.found.len() > before;
        if inside || stat_below.is_none_or(|old| differs(&old, &stat)) {
            self.found.insert(before, change(path, kind));
        }
        Ok(())
    }

    fn push(&mut self, path: &[u8], kind: ChangeKind) {
        self.found.push(change(path, kind));
    }

    /// What overlayfs finds below at `path`, whose parent is `parent`.
    fn below(&self, path: &[u8], parent: &Below) -> Result<(Below, Option<Stat>)> {
        let Below::Dir(parents) = parent else { return Ok((Below::Nothing, None)) };
        let mut dirs = Vec::new();
        let mut first = None;
        for index in parents {
            let Some(handle) = self.open_below(*index, path, HANDLE | OFlags::NOFOLLOW)? else { continue };
            let stat = fstat(&handle).context(|| "stat")?;
            if !tree::file_type(&stat).is_dir() {
                // Seen only if nothing is above; a deletion shows nothing. Either way it hides what is below.
                if dirs.is_empty() && !tree::is_whiteout(&stat) {
                    return Ok((Below::Nothing, Some(stat)));
                }
                break;
            }
            first.get_or_insert(stat);
            dirs.push(*index);
            if is_opaque(open_dir(handle.as_fd())?.as_fd())? {
                break;
            }
        }
        Ok((if dirs.is_empty() { Below::Nothing } else { Below::Dir(dirs) }, first))
    }

    /// The names overlayfs shows in the directory below.
    fn names_below(&self, path: &[u8], below: &Below) -> Result<BTreeSet<Vec<u8>>> {
        let Below::Dir(dirs) = below else { return Ok(BTreeSet::new()) };
        let (mut shown, mut hidden) = (BTreeSet::new(), BTreeSet::new());
        for index in dirs {
            let Some(dir) = self.open_below(*index, path, DIRECTORY)? else { continue };
            for name in tree::sorted_names(&dir).context(|| "list a lower directory")? {
                let stat = tree::stat_at(&dir, &name).context(|| "stat in a lower directory")?;
                if tree::is_whiteout(&stat) && !shown.contains(&name) {
                    hidden.insert(name);
                } else if !hidden.contains(&name) {
                    shown.insert(name);
                }
            }
        }
        Ok(shown)
    }

    fn open_below(&self, index: usize, path: &[u8], flags: OFlags) -> Result<Option<OwnedFd>> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let path = if path.is_empty() { b"." } else { path };
        match openat2(&self.lowers[index], path, flags, Mode::empty(), resolve) {
            Ok(fd) => Ok(Some(fd)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) => Err(error).context(|| format!("open /{} below", String::from_utf8_lossy(path))),
        }
    }
}

fn change(path: &[u8], kind: ChangeKind) -> Change {
    Change { path: [b"/", path].concat(), kind }
}

/// Docker's idea of a change: of a directory only owner and mode count.
fn differs(old: &Stat, new: &Stat) -> bool {
    let look = |stat: &Stat| (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_rdev);
    let content = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
    look(old) != look(new) || (!tree::file_type(new).is_dir() && content(old) != content(new))
}
