//! Whom a process runs as: Docker's `USER` string looked up in the image's own `/etc/passwd` and `/etc/group`.
//!
//! Invariants: the files are read only if they are regular files inside the tree, and only up to a limit; a numeric user
//! is a number and is never looked for among the names, so an image cannot give `USER 1000` another id; ids are 0 to
//! 2^31-1 as in Docker; the primary group is always among the groups.
//!
//! Why not the C library: it would load and run code from the image.

use std::io::Read;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use errdefs::{Result, invalid, system};
use rustix::fs::{FileType, OFlags, ResolveFlags, fstat};
use rustix::io::Errno;

use crate::tree::Tree;

/// Largest passwd or group file that is read; real ones have some kilobytes.
pub const MAX_FILE_BYTES: u64 = 10 << 20;
/// Largest user or group id (Docker's limit).
pub const MAX_ID: u32 = i32::MAX as u32;

/// A user as numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Supplementary groups, the primary one first.
    pub groups: Vec<u32>,
    /// Home directory by passwd.
    pub home: Option<String>,
}

/// One line of passwd.
struct Passwd<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

/// One line of group.
struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

/// Looks up Docker's `USER` string and further groups (names or numbers) in the tree below `root`.
///
/// # Errors
/// `InvalidParameter` in Docker's words: `unable to find user x: no matching entries in passwd file`, `unable to find
/// group x: no matching entries in group file`, `uids and gids must be in range 0-2147483647`.
pub fn look_up(root: OwnedFd, user: &str, groups: &[String]) -> Result<Identity> {
    look_up_in(&Tree::new(root), user, groups)
}

pub(crate) fn look_up_in(tree: &Tree, user: &str, groups: &[String]) -> Result<Identity> {
    let passwd = read(tree, Path::new("/etc/passwd"))?;
    let group = read(tree, Path::new("/etc/group"))?;
    resolve(&passwd, &group, user, groups)
}

/// The home directory of a numeric user in the tree, for `HOME`.
pub(crate) fn home(tree: &Tree, uid: u32) -> Option<String> {
    let passwd = read(tree, Path::new("/etc/passwd")).ok()?;
    users(&passwd).find(|entry| entry.uid == uid).map(|entry| entry.home.to_owned())
}

/// The lookup on the texts of the two files.
fn resolve(passwd: &str, group: &str, user: &str, groups: &[String]) -> Result<Identity> {
    let (name, group_name) = user.split_once(':').unwrap_or((user, ""));
    let mut found = Identity::default();
    let mut login = name;
    let entry = match number(name)? {
        None if name.is_empty() => users(passwd).find(|entry| entry.uid == 0),
        None => Some(users(passwd).find(|entry| entry.name == name).ok_or_else(|| no_user(name))?),
        Some(uid) => {
            found.uid = uid;
            users(passwd).find(|entry| entry.uid == uid)
        }
    };
    if let Some(entry) = &entry {
        (found.uid, found.gid, login) = (entry.uid, entry.gid, entry.name);
        found.home = Some(entry.home.to_owned());
    }
    if group_name.is_empty() {
        found.groups.push(found.gid);
        if entry.is_some() {
            let member = |g: &Group<'_>| g.members.split(',').any(|member| member == login);
            found.groups.extend(group_lines(group).filter(member).map(|g| g.gid));
        }
    } else {
        found.gid = group_id(group, group_name)?;
        found.groups.push(found.gid);
    }
    for name in groups {
        found.groups.push(group_id(group, name)?);
    }
    if found.uid > MAX_ID || found.groups.iter().any(|&gid| gid > MAX_ID) {
        return Err(out_of_range());
    }
    let mut seen = Vec::new();
    found.groups.retain(|gid| {
        !seen.contains(gid) && {
            seen.push(*gid);
            true
        }
    });
    Ok(found)
}

fn group_id(group: &str, name: &str) -> Result<u32> {
    match number(name)? {
        Some(gid) => Ok(gid),
        None => group_lines(group).find(|entry| entry.name == name).map(|entry| entry.gid).ok_or_else(|| {
            invalid(format!("unable to find group {name}: no matching entries in group file"))
        }),
    }
}

fn no_user(name: &str) -> errdefs::Error {
    invalid(format!("unable to find user {name}: no matching entries in passwd file"))
}

fn out_of_range() -> errdefs::Error {
    invalid(format!("uids and gids must be in range 0-{MAX_ID}"))
}

/// `Some` if the text is a number: then it is never a name. A number that is no id is an error, not a name.
fn number(text: &str) -> Result<Option<u32>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse::<u32>() {
        Ok(id) if id <= MAX_ID && digits.len() == text.len() => Ok(Some(id)),
        _ => Err(out_of_range()),
    }
}

/// Lines that are not passwd lines (too few fields, ids that are no numbers) are skipped, as everyone does.
fn users(text: &str) -> impl Iterator<Item = Passwd<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let home = fields.nth(1).unwrap_or("");
        Some(Passwd { name, uid: uid.parse().ok()?, gid: gid.parse().ok()?, home })
            .filter(|p| !p.name.is_empty())
    })
}

fn group_lines(text: &str) -> impl Iterator<Item = Group<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _, gid) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Group { name, gid: gid.parse().ok()?, members: fields.next().unwrap_or("") })
            .filter(|g| !g.name.is_empty())
    })
}

/// The file's text; nothing if it is missing.
fn read(tree: &Tree, path: &Path) -> Result<String> {
    let refused = |why: &str| system(format!("{} in the container: {why}", path.display()));
    // O_NONBLOCK: opening a named pipe must not wait. Links are fine, as long as they stay inside.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    // O_PATH first: opening a device for reading can have effects of its own.
    let file = match tree.open(path, OFlags::PATH) {
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(String::new()),
        Err(errno) => return Err(refused(&errno.to_string())),
        Ok(handle) => {
            if !is_regular(rustix::fd::AsFd::as_fd(&handle))? {
                return Err(refused("not a regular file"));
            }
            match tree.open_with(path, flags, ResolveFlags::empty()) {
                // Taken away, or exchanged for something that leads nowhere, meanwhile.
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(String::new()),
                other => other.map_err(|errno| refused(&errno.to_string()))?,
            }
        }
    };
    if !is_regular(rustix::fd::AsFd::as_fd(&file))? {
        return Err(refused("not a regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::from(file)
        .take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refused(&error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(refused("larger than 10 MiB"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_regular(fd: BorrowedFd<'_>) -> Result<bool> {
    let stat = fstat(fd).map_err(|errno| system(format!("fstat: {errno}")))?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

#[cfg(test)]
mod tests;
