//! Paths as users give them to `cp`: cleaned by name, with what their end says kept.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;

use errdefs::{Context, Result, invalid, system};
use rustix::fs::{OFlags, readlinkat};
use rustix::io::Errno;

use crate::limits::{PATH_BYTES_MAX, SYMLINKS_MAX};
use crate::tree::{HANDLE, join, open_in, split};

/// A path inside a container.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ContainerPath {
    clean: Vec<u8>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Name,
    Slash,
    Dot,
}

impl ContainerPath {
    pub(super) fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(invalid("bad parameter: path cannot be empty"));
        }
        if text.len() > PATH_BYTES_MAX || text.contains('\0') {
            return Err(invalid("bad parameter: invalid path"));
        }
        let clean = clean(text.as_bytes());
        let end = match text.rsplit('/').next() {
            Some(".") => End::Dot,
            Some("") if !clean.is_empty() => End::Slash,
            _ => End::Name,
        };
        Ok(Self { clean, end })
    }

    /// The path from the root, without a slash at either end; empty for the root.
    pub(super) fn clean(&self) -> &[u8] {
        &self.clean
    }

    /// True if a symbolic link at its end is to be followed: to a directory.
    pub(super) fn follows(&self) -> bool {
        self.end != End::Name
    }

    /// The name its archive starts with.
    pub(super) fn name(&self) -> String {
        match (self.end, self.clean.is_empty()) {
            (End::Dot, _) => ".".into(),
            (_, true) => "/".into(),
            _ => String::from_utf8_lossy(split(&self.clean).1).into_owned(),
        }
    }

    /// The path for messages.
    pub(super) fn shown(&self) -> String {
        let end = match self.end {
            End::Name => "",
            End::Slash => "/",
            End::Dot if self.clean.is_empty() => ".",
            End::Dot => "/.",
        };
        format!("/{}{end}", String::from_utf8_lossy(&self.clean))
    }
}

/// Cleans by name; above the root is the root.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut cleaned: Vec<u8> = Vec::with_capacity(path.len());
    for component in path.split(|b| *b == b'/') {
        match component {
            b"" | b"." => {}
            b".." => cleaned.truncate(cleaned.iter().rposition(|b| *b == b'/').unwrap_or(0)),
            _ => cleaned = join(&cleaned, component),
        }
    }
    cleaned
}

/// Where the path leads when every link in it is followed, inside the root; what does not exist stays as it is named.
///
/// For telling the user only: by the time it is told, it may be wrong. Nothing is opened by it.
pub(super) fn resolve(root: BorrowedFd<'_>, path: &[u8]) -> Result<Vec<u8>> {
    let parts = |path: &[u8]| path.split(|b| *b == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let mut todo: VecDeque<Vec<u8>> = parts(path).into();
    let mut done = Vec::new();
    let mut links = 0;
    while let Some(component) = todo.pop_front() {
        match component.as_slice() {
            b"" | b"." => continue,
            b".." => {
                done = split(&done).0.to_vec();
                continue;
            }
            _ => {}
        }
        let target = open_in(root, &done, HANDLE | OFlags::DIRECTORY)
            .and_then(|dir| readlinkat(dir, component.as_slice(), Vec::new()));
        match target {
            Ok(target) => {
                links += 1;
                if links > SYMLINKS_MAX {
                    return Err(system("too many levels of symbolic links"));
                }
                if target.to_bytes().starts_with(b"/") {
                    done.clear();
                }
                for part in parts(target.to_bytes()).into_iter().rev() {
                    todo.push_front(part);
                }
            }
            Err(Errno::INVAL | Errno::NOENT | Errno::NOTDIR) => done = join(&done, &component),
            Err(error) => return Err(error).context(|| "readlink"),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ends_are_those_of_docker() {
        for (text, clean, follows, name, shown) in [
            ("/etc/nd", "etc/nd", false, "nd", "/etc/nd"),
            ("etc/nd", "etc/nd", false, "nd", "/etc/nd"),
            ("/etc/nd/", "etc/nd", true, "nd", "/etc/nd/"),
            ("/etc/nd/.", "etc/nd", true, ".", "/etc/nd/."),
            ("/etc/nd/sub/../sub", "etc/nd/sub", false, "sub", "/etc/nd/sub"),
            ("/", "", false, "/", "/"),
            ("/.", "", true, ".", "/."),
            (".", "", true, ".", "/."),
            ("../../x", "x", false, "x", "/x"),
            ("/..", "", false, "/", "/"),
        ] {
            let path = ContainerPath::parse(text).unwrap();
            assert_eq!(path.clean(), clean.as_bytes(), "{text}");
            assert_eq!((path.follows(), path.name().as_str()), (follows, name), "{text}");
            assert_eq!(path.shown(), shown, "{text}");
        }
        assert!(ContainerPath::parse("").is_err());
        assert!(ContainerPath::parse("a\0b").is_err());
    }
}
