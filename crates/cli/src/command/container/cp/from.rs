//! From a container to here.
//!
//! The archive comes from a container, so it is hostile: entries are unpacked only below a directory of ours, never
//! through links that the archive itself made. A copy under another name is unpacked beside its place and renamed.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use tar::Archive;

use super::Options;
use super::place::{asserts_directory, from_here, link_target, parent_and_name};
use crate::cli::Cli;
use crate::failure::{Failure, Outcome, on_path};
use crate::format::outfile;
use crate::session;

/// The bits of Go's file mode for directories and symbolic links.
const MODE_DIRECTORY: u32 = 1 << 31;
const MODE_SYMLINK: u32 = 1 << 27;

/// Counts what passes.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Copies; gives the bytes that were moved.
pub(super) fn copy(
    cli: &Cli,
    container: &str,
    source: &str,
    destination: &str,
    options: &Options,
) -> Outcome<u64> {
    let client = cli.client()?;
    let whole;
    let destination = if destination == "-" {
        destination
    } else {
        whole = from_here(destination);
        &whole
    };
    let mut source = source.to_owned();
    let mut name = parent_and_name(&source).1;
    if destination != "-" {
        outfile::check_parent(Path::new(destination)).map_err(Failure::new)?;
    }
    if options.follow_link
        && let Ok(stat) = client.container_stat_path(container, &source)
        && stat.mode & MODE_SYMLINK != 0
    {
        source = link_target(&source, &stat.link_target);
    }
    let (body, stat) = client.container_copy_from(container, &source)?;
    if destination == "-" {
        return Ok(io::copy(&mut { body }, &mut session::output()?)?);
    }
    let archived = parent_and_name(&source).1;
    if name == "/" {
        name = String::from(".");
    }
    let mut counted = Counted { inner: body, bytes: 0 };
    let is_directory = stat.mode & MODE_DIRECTORY != 0;
    place(&mut counted, destination, is_directory, &archived, &name)?;
    // The end of the archive is not read by those who look for entries only.
    io::copy(&mut counted, &mut io::sink())?;
    Ok(counted.bytes)
}

/// Unpacks the archive at `destination`, where its top entry is called `archived` and is to be called `name`.
fn place(
    archive: &mut impl Read,
    destination: &str,
    is_directory: bool,
    archived: &str,
    name: &str,
) -> Outcome {
    let target = Path::new(destination);
    let existing = fs::metadata(target).ok();
    match existing {
        // The root has no name to go by: what is in it goes into the directory.
        Some(meta) if meta.is_dir() && (archived == name || archived == "/") => unpack(archive, target),
        Some(meta) if meta.is_dir() => unpack_as(archive, &target.join(name), archived),
        Some(_) if is_directory => Err(Failure::new("cannot copy directory")),
        Some(_) if destination.ends_with('/') => Err(Failure::new("not a directory")),
        Some(_) => unpack_as(archive, &fs::canonicalize(target)?, archived),
        None if !is_directory && asserts_directory(destination) => Err(Failure::new("no such directory")),
        None => unpack_as(archive, Path::new(destination.trim_end_matches('/')), archived),
    }
}

/// Unpacks all entries below `directory`.
fn unpack(archive: &mut impl Read, directory: &Path) -> Outcome {
    let mut archive = Archive::new(archive);
    archive.set_preserve_permissions(true);
    archive.set_preserve_mtime(true);
    // Directories last: their times change with each entry made in them, and they may be read-only.
    let mut directories = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_dir() {
            let path = entry.path()?.into_owned();
            let existing = directory.join(&path).is_dir();
            if !existing {
                entry.unpack_in(directory)?;
            }
            if !existing && let Ok(mode) = entry.header().mode() {
                directories.push((path, mode));
            }
            make_writable(directory, directories.last());
        } else if entry.header().entry_type().is_hard_link() {
            hard_link(directory, &entry.path()?, &entry.link_name()?.unwrap_or_default())?;
        } else {
            let path = entry.path()?.display().to_string();
            if !entry.unpack_in(directory)? {
                return Err(Failure::new(format!("archive entry {path:?} is outside of its directory")));
            }
        }
    }
    for (path, mode) in directories.iter().rev() {
        set_mode(&directory.join(path), *mode);
    }
    Ok(())
}

/// Makes `path` another name of `target`, both counted from `directory`: in an archive of a container's root they begin with
/// a slash.
fn hard_link(directory: &Path, path: &Path, target: &Path) -> Outcome {
    let [from, to] = [inside(directory, target)?, inside(directory, path)?];
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    // What was there gives way, as an ordinary file's does.
    match fs::remove_file(&to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(on_path("remove", to.display(), &error));
        }
        _ => {}
    }
    fs::hard_link(&from, &to).map_err(|error| on_path("link", to.display(), &error))
}

/// The place of an entry below `directory`.
fn inside(directory: &Path, entry: &Path) -> Outcome<PathBuf> {
    let outside = || {
        Failure::new(format!("archive entry {:?} is outside of its directory", entry.display().to_string()))
    };
    let mut place = directory.to_owned();
    for part in entry.components() {
        match part {
            Component::Normal(name) => place.push(name),
            Component::ParentDir => return Err(outside()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    // A link among its parents, perhaps from an entry before, must not lead out; the name itself is not followed.
    let mut parents = place.ancestors().skip(1).filter(|parent| parent.exists());
    let parent = parents.next().map(fs::canonicalize).transpose()?;
    let directory = fs::canonicalize(directory)?;
    if parent.is_some_and(|parent| parent.starts_with(&directory)) { Ok(place) } else { Err(outside()) }
}

/// Entries may come into a directory whose own mode forbids it.
fn make_writable(directory: &Path, made: Option<&(PathBuf, u32)>) {
    if let Some((path, mode)) = made
        && mode & 0o700 != 0o700
    {
        set_mode(&directory.join(path), mode | 0o700);
    }
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    // A link in the directory's place is not followed; a mode that cannot be set was refused by the file system.
    if fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) {
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777));
    }
}

/// Unpacks beside `target` and renames the entry `archived` to it.
fn unpack_as(archive: &mut impl Read, target: &Path, archived: &str) -> Outcome {
    let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let staged = parent.join(format!(".hythe-cp-{}", std::process::id()));
    fs::create_dir(&staged).map_err(|error| on_path("mkdir", staged.display(), &error))?;
    let made = unpack(archive, &staged);
    let renamed = made.and_then(|()| {
        // The content of a directory (`/.`) has no entry of its own: the staging directory is the copy.
        let from = if archived == "." || archived == "/" { staged.clone() } else { staged.join(archived) };
        fs::rename(&from, target).map_err(|error| on_path("rename", target.display(), &error))
    });
    // Gone already when it was itself renamed.
    let _ = fs::remove_dir_all(&staged);
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, Option<&str>)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_mode(if content.is_some() { 0o640 } else { 0o555 });
            header.set_entry_type(if content.is_some() {
                tar::EntryType::Regular
            } else {
                tar::EntryType::Directory
            });
            let bytes = content.unwrap_or_default().as_bytes();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, path, bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn where_a_copy_goes() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        let file = archive(&[("f", Some("x"))]);
        let tree = archive(&[("d/", None), ("d/g", Some("y"))]);
        fs::create_dir(at("in")).unwrap();
        place(&mut &file[..], &at("in"), false, "f", "f").unwrap();
        assert_eq!(read("in/f"), "x");
        place(&mut &file[..], &at("new"), false, "f", "f").unwrap();
        assert_eq!(read("new"), "x");
        place(&mut &tree[..], &at("in"), true, "d", "d").unwrap();
        assert_eq!(read("in/d/g"), "y");
        place(&mut &tree[..], &at("newdir"), true, "d", "d").unwrap();
        assert_eq!(read("newdir/g"), "y");
        let error = |destination: &str, bytes: &[u8], is_directory| {
            place(&mut &bytes[..], destination, is_directory, "d", "d").unwrap_err().text
        };
        assert_eq!(error(&at("new"), &tree, true), "cannot copy directory");
        assert_eq!(error(&at("no/"), &file, false), "no such directory");
    }

    /// An archive of a file `f`, a link `out` to the parent directory, and a hard link.
    fn with_hard_link(name: &str, target: &str) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o644);
        builder.append_data(&mut header, "f", &b"x"[..]).unwrap();
        for (kind, name, target) in
            [(tar::EntryType::Symlink, "out", ".."), (tar::EntryType::Link, name, target)]
        {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(0);
            builder.append_link(&mut header, name, target).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn hard_links_stay_what_they_are_and_where_they_belong() {
        use std::os::unix::fs::MetadataExt as _;
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("in");
        fs::create_dir(&inner).unwrap();
        fs::write(directory.path().join("secret"), "s").unwrap();
        // Twice: the second time there is one already. As in an archive of a root, and as in others.
        for target in ["/f", "f"] {
            unpack(&mut &with_hard_link("g", target)[..], &inner).unwrap();
            assert_eq!(
                fs::metadata(inner.join("f")).unwrap().ino(),
                fs::metadata(inner.join("g")).unwrap().ino()
            );
            assert_eq!(fs::metadata(inner.join("g")).unwrap().nlink(), 2);
        }
        for (name, target) in [("h", "../secret"), ("h", "out/secret"), ("out/h", "f"), ("h", "/../secret")] {
            let error = unpack(&mut &with_hard_link(name, target)[..], &inner).unwrap_err();
            assert!(error.text.contains("outside of its directory"), "{name} {target}: {}", error.text);
            assert!(!inner.join("h").exists() && !directory.path().join("h").exists(), "{name} {target}");
        }
    }

    #[test]
    fn nothing_leaves_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("in");
        fs::create_dir(&inner).unwrap();
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "l", "..").unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o644);
        builder.append_data(&mut header, "l/evil", &b"x"[..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        assert!(unpack(&mut &bytes[..], &inner).is_err());
        assert!(!directory.path().join("evil").exists());
    }
}
