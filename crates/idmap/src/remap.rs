//! `userns-remap`: from the words of the daemon's configuration to the mapping of its containers.
//!
//! The words name a user and a group; only the user counts for the ranges, as in Docker. `default` is the user
//! `dockremap`, which is made if it is not there.

use std::path::Path;
use std::process::Command;

use errdefs::{Error, Result, invalid, system};

use crate::passwd::{Database, Key};
use crate::{IdMap, subid};

/// The word for the user that the daemon makes.
pub const DEFAULT: &str = "default";
/// That user.
const DEFAULT_USER: &str = "dockremap";
/// How many ids it gets.
const DEFAULT_SIZE: u32 = 65_536;
/// The first id that may be given to it, as in Docker.
const DEFAULT_FIRST: u32 = 100_000;

/// A user and a group to whose ranges containers are mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub user: String,
    /// Its number.
    pub uid: u32,
    /// The group.
    pub group: String,
}

/// Reads `default`, `USER`, `USER:GROUP`, `UID` or `UID:GID`, looking the parts up on the host.
///
/// # Errors
/// InvalidParameter in `dockerd`'s words.
pub fn owner(words: &str) -> Result<Owner> {
    let (first, second) = match words.split(':').collect::<Vec<_>>()[..] {
        [first] => (first, None),
        [first, second] => (first, Some(second)),
        _ => return Err(invalid(format!("Invalid user/group specification in --userns-remap: {words:?}"))),
    };
    let (user, uid) = match number(first) {
        Some(uid) => Database::Users
            .find(Key::Number(uid))
            .map_err(|why| invalid(format!("Uid {uid} has no entry in /etc/passwd: {why}")))?,
        None if first == DEFAULT => match Database::Users.find(Key::Name(DEFAULT_USER)) {
            Ok(found) => found,
            Err(_) => make_default_user()?,
        },
        None => Database::Users
            .find(Key::Name(first))
            .map_err(|why| invalid(format!("Error during uid lookup for {first:?}: {why}")))?,
    };
    let group = match second {
        Some(second) => match number(second) {
            Some(gid) => Database::Groups
                .find(Key::Number(gid))
                .map_err(|why| invalid(format!("Gid {gid} has no entry in /etc/passwd: {why}")))?,
            None => Database::Groups
                .find(Key::Name(second))
                .map_err(|why| invalid(format!("Error during groupname lookup for {second:?}: {why}")))?,
        },
        // Without a group it is the one of the same number, or of the same name.
        None if number(first).is_some() => Database::Groups
            .find(Key::Number(uid))
            .map_err(|why| invalid(format!("Gid {uid} has no entry in /etc/passwd: {why}")))?,
        None => Database::Groups
            .find(Key::Name(&user))
            .map_err(|why| invalid(format!("Error during gid lookup for {user:?}: {why}")))?,
    };
    Ok(Owner { user, uid, group: group.0 })
}

/// The mapping to the ranges that a user has in `/etc/subuid` and `/etc/subgid`.
///
/// # Errors
/// `Can't create ID mappings: ...` with what is wrong.
pub fn mapping(owner: &Owner) -> Result<IdMap> {
    mapping_from(owner, Path::new("/etc/subuid"), Path::new("/etc/subgid"))
}

fn mapping_from(owner: &Owner, subuid: &Path, subgid: &Path) -> Result<IdMap> {
    let ranges = |path| subid::read(path, &owner.user, owner.uid);
    ranges(subuid)
        .and_then(|uids| IdMap::new(uids, ranges(subgid)?))
        .map_err(|error| error.context("Can't create ID mappings"))
}

/// A number as `strconv.ParseInt` takes one for 32 bits, without the signs.
fn number(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok().filter(|number| *number <= i32::MAX as u32))?
}

/// Makes the user and group and gives them ids that nobody has, by the host's own programs: they know how the host's
/// databases are locked.
fn make_default_user() -> Result<(String, u32)> {
    let failed = |why: String| system(format!("Error during {DEFAULT_USER:?} user creation: {why}"));
    run("useradd", &["-r", "-s", "/bin/false", DEFAULT_USER]).map_err(&failed)?;
    let found = Database::Users.find(Key::Name(DEFAULT_USER)).map_err(|why| {
        failed(format!("error trying to find uid/gid for new user {DEFAULT_USER:?}: {why}"))
    })?;
    for (path, option) in [("/etc/subuid", "-v"), ("/etc/subgid", "-w")] {
        let text = std::fs::read(path).unwrap_or_default();
        // `useradd` may have done it.
        if !subid::parse(&text, DEFAULT_USER, found.1).map_err(|error| failed(error.to_string()))?.is_empty()
        {
            continue;
        }
        let ranges = |error: String| failed(format!("couldn't create subordinate ID ranges: {error}"));
        let first = free(&text).ok_or_else(|| ranges("no free IDs".to_owned()))?;
        let range = format!("{first}-{}", first + DEFAULT_SIZE - 1);
        run("usermod", &[option, &range, DEFAULT_USER]).map_err(ranges)?;
    }
    Ok(found)
}

/// The first ids, from Docker's own start on, that lie in nobody's range.
fn free(text: &[u8]) -> Option<u32> {
    let mut taken: Vec<(u64, u64)> = text
        .split(|&byte| byte == b'\n')
        .filter_map(|line| {
            let mut fields = std::str::from_utf8(line).ok()?.trim().split(':').skip(1);
            let first: u64 = fields.next()?.parse().ok()?;
            Some((first, first.saturating_add(fields.next()?.parse().ok()?)))
        })
        .collect();
    taken.sort_unstable();
    let mut first = u64::from(DEFAULT_FIRST);
    for (start, end) in taken {
        if start < first.saturating_add(u64::from(DEFAULT_SIZE)) && end > first {
            first = end;
        }
    }
    // The last number of all means "none".
    (first.saturating_add(u64::from(DEFAULT_SIZE)) < u64::from(u32::MAX)).then_some(first as u32)
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    match Command::new(program).args(args).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(format!("failed to run {program}: {}", String::from_utf8_lossy(&output.stderr).trim_end()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err("cannot add user; no useradd/adduser binary found".to_owned())
        }
        Err(error) => Err(Error::from(error).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_name_nobody_are_dockerds_errors() {
        for (words, text) in [
            ("a:b:c", "Invalid user/group specification in --userns-remap: \"a:b:c\""),
            ("no-such-user", "Error during uid lookup for \"no-such-user\": "),
            ("4000000", "Uid 4000000 has no entry in /etc/passwd: "),
            ("root:no-such-group", "Error during groupname lookup for \"no-such-group\": "),
            ("root:4000000", "Gid 4000000 has no entry in /etc/passwd: "),
            ("", "Error during uid lookup for \"\": "),
            ("-1", "Error during uid lookup for \"-1\": "),
            ("4294967296", "Error during uid lookup for \"4294967296\": "),
        ] {
            let error = owner(words).unwrap_err().to_string();
            assert!(error.starts_with(text), "{words}: {error}");
        }
        let root = Owner { user: "root".into(), uid: 0, group: "root".into() };
        for words in ["root", "0", "0:0", "root:root", "root:0"] {
            assert_eq!(owner(words).unwrap(), root, "{words}");
        }
    }

    #[test]
    fn a_user_without_ranges_is_dockerds_error() {
        let dir = tempfile::tempdir().unwrap();
        let (uids, gids) = (dir.path().join("subuid"), dir.path().join("subgid"));
        let owner = Owner { user: "ann".into(), uid: 1000, group: "ann".into() };
        std::fs::write(&uids, "ann:100000:65536\n").unwrap();
        std::fs::write(&gids, "bob:100000:65536\n").unwrap();
        let error = mapping_from(&owner, &uids, &gids).unwrap_err().to_string();
        assert_eq!(error, "Can't create ID mappings: no subuid ranges found for user \"ann\"");
        std::fs::write(&gids, "1000:200000:10\nann:300000:5\n").unwrap();
        let map = mapping_from(&owner, &uids, &gids).unwrap();
        assert_eq!(map.lines(), ("0 100000 65536\n".into(), "0 200000 10\n10 300000 5\n".into()));
        assert_eq!(map.root(), (100_000, 200_000));
    }

    #[test]
    fn new_ids_are_nobodys() {
        for (text, first) in [
            ("", Some(100_000)),
            ("a:100000:65536\n", Some(165_536)),
            ("b:165536:65536\na:100000:65536\n", Some(231_072)),
            // Room below, between and above.
            ("a:1000:10\nb:300000:65536\n", Some(100_000)),
            ("a:150000:10\n", Some(150_010)),
            ("a:100000:4294867290\n", None),
            ("a:99999:18446744073709551615\n", None),
            ("junk\nx:y:z\n", Some(100_000)),
        ] {
            assert_eq!(free(text.as_bytes()), first, "{text}");
        }
    }
}
