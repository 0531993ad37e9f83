//! From here to a container.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use client::container::CopyTo;

use super::Options;
use super::local;
use super::place::{asserts_directory, from_here, link_target, means_content, parent_and_name};
use crate::cli::Cli;
use crate::failure::{Failure, Outcome, on_path};

/// Bits of Go's file mode.
const MODE_DIRECTORY: u32 = 1 << 31;
const MODE_SYMLINK: u32 = 1 << 27;

/// What is at the destination.
struct Destination {
    path: String,
    exists: bool,
    is_directory: bool,
}

/// Copies; gives the bytes that were moved.
pub(super) fn copy(
    cli: &Cli,
    source: &str,
    container: &str,
    destination: &str,
    options: &Options,
) -> Outcome<u64> {
    let client = cli.client()?;
    if destination.is_empty() {
        return Err(Failure::new("no such directory"));
    }
    let target = look(cli, container, destination)?;
    let copy_to = CopyTo { overwrite_dir_with_file: false, copy_uid_gid: options.archive };
    if source == "-" {
        if !target.is_directory {
            return Err(Failure::new(format!(
                "destination \"{container}:{destination}\" must be a directory"
            )));
        }
        client.container_copy_to(container, &target.path, &mut io::stdin().lock(), copy_to)?;
        return Ok(0);
    }
    let source = &from_here(source);
    let (path, name) = local_source(source, options.follow_link)?;
    let is_directory =
        fs::symlink_metadata(&path).map_err(|error| on_path("lstat", source, &error))?.is_dir();
    let (directory, name) = placed(&target, destination, is_directory, &name)?;
    let (mut reader, thread) = local::archive(&path, &name)?;
    let mut counted = Counted { inner: &mut reader, bytes: 0 };
    let sent = client.container_copy_to(container, &directory, &mut counted, copy_to);
    let bytes = counted.bytes;
    // Ends the thread if the engine did not want all.
    drop(reader);
    let archived = thread.join().unwrap_or_else(|_| Err(io::Error::other("archiving panicked")));
    sent?;
    archived?;
    Ok(bytes)
}

struct Counted<'a, R> {
    inner: &'a mut R,
    bytes: u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

/// The path to archive and the name of its top entry.
fn local_source(source: &str, follow_link: bool) -> Outcome<(PathBuf, String)> {
    let (_, name) = parent_and_name(source);
    let content = means_content(source);
    let mut path = PathBuf::from(source.trim_end_matches('/'));
    if path.as_os_str().is_empty() {
        path = PathBuf::from("/");
    }
    if follow_link || content || source.ends_with('/') {
        path = fs::canonicalize(&path)
            .map_err(|error| on_path("lstat", source.trim_end_matches('/'), &error))?;
    }
    let name = if content || name == "/" { ".".to_owned() } else { name };
    Ok((path, name))
}

/// What is at the destination, links followed: one that is not there yet may be what the copy makes.
fn look(cli: &Cli, container: &str, destination: &str) -> Outcome<Destination> {
    let client = cli.client()?;
    let mut path = if destination.is_empty() { "/".to_owned() } else { destination.to_owned() };
    let mut stat = client.container_stat_path(container, &path);
    if let Ok(found) = &stat
        && found.mode & MODE_SYMLINK != 0
    {
        path = link_target(&path, &found.link_target);
        stat = client.container_stat_path(container, &path);
    }
    match stat {
        Ok(stat) => Ok(Destination { path, exists: true, is_directory: stat.mode & MODE_DIRECTORY != 0 }),
        // Whatever is wrong there the engine will say itself when it unpacks.
        Err(_) => Ok(Destination { path, exists: false, is_directory: false }),
    }
}

/// The directory to unpack in, and the name that the top entry must have for it.
fn placed(
    target: &Destination,
    destination: &str,
    is_directory: bool,
    name: &str,
) -> Outcome<(String, String)> {
    let (parent, base) = parent_and_name(&target.path);
    match () {
        () if target.exists && target.is_directory => Ok((target.path.clone(), name.to_owned())),
        () if target.exists && is_directory => Err(Failure::new("cannot copy directory")),
        () if target.exists && destination.ends_with('/') => Err(Failure::new("not a directory")),
        () if !target.exists && !is_directory && asserts_directory(destination) => {
            Err(Failure::new("no such directory"))
        }
        () => Ok((parent, Path::new(&base).display().to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_copy_goes() {
        let target =
            |path: &str, exists, is_directory| Destination { path: path.into(), exists, is_directory };
        let ok = |a: &str, b: &str| Ok((a.to_owned(), b.to_owned()));
        let err = |text: &str| Err(text.to_owned());
        for (target, destination, source_is_directory, wanted) in [
            (target("/d", true, true), "/d", false, ok("/d", "n")),
            (target("/d", true, true), "/d", true, ok("/d", "n")),
            (target("/f", true, false), "/f", false, ok("/", "f")),
            (target("/f", true, false), "/f", true, err("cannot copy directory")),
            (target("/new", false, false), "/new", true, ok("/", "new")),
            (target("/a/new", false, false), "/a/new", false, ok("/a", "new")),
            (target("/new/", false, false), "/new/", false, err("no such directory")),
        ] {
            let got = placed(&target, destination, source_is_directory, "n").map_err(|failure| failure.text);
            assert_eq!(got, wanted, "{destination}");
        }
    }
}
