//! Users and groups of the host, as far as a mapping needs them: a name's number and a number's name.
//!
//! From `/etc/passwd` and `/etc/group`, then from `getent`, which knows the other places a host may have its users in.

use std::fs;
use std::process::Command;

/// A database of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// `/etc/passwd`.
    Users,
    /// `/etc/group`.
    Groups,
}

impl Database {
    fn name(self) -> &'static str {
        match self {
            Self::Users => "passwd",
            Self::Groups => "group",
        }
    }

    /// The name and number of the entry with this name, or with this number if that is given.
    ///
    /// # Errors
    /// Docker's words for why there is none.
    pub fn find(self, key: Key<'_>) -> Result<(String, u32), String> {
        let file = fs::read(format!("/etc/{}", self.name())).unwrap_or_default();
        if let Some(found) = search(&file, key) {
            return Ok(found);
        }
        let wanted = match key {
            Key::Name(name) => name.to_owned(),
            Key::Number(number) => number.to_string(),
        };
        // `--` keeps a name with a dash from being an option.
        let asked = Command::new("getent").args([self.name(), "--", &wanted]).output();
        let missing = || match self {
            Self::Users => format!("getent unable to find entry {wanted:?} in passwd database"),
            Self::Groups => format!("getent unable to find entry {wanted:?} in group database"),
        };
        match asked {
            Ok(output) => search(&output.stdout, key).ok_or_else(missing),
            Err(_) => Err(match self {
                Self::Users => "no matching entries in passwd file".to_owned(),
                Self::Groups => "no matching entries in group file".to_owned(),
            }),
        }
    }
}

/// What an entry is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// Its name.
    Name(&'a str),
    /// Its number.
    Number(u32),
}

/// The first entry of that name or number in the text of such a database.
fn search(text: &[u8], key: Key<'_>) -> Option<(String, u32)> {
    text.split(|&byte| byte == b'\n').find_map(|line| {
        let line = std::str::from_utf8(line).ok()?;
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?.parse().ok()?);
        let found = match key {
            Key::Name(wanted) => name == wanted,
            Key::Number(wanted) => number == wanted,
        };
        (found && !name.is_empty()).then(|| (name.to_owned(), number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_found_by_its_name_or_its_number() {
        let text = b"root:x:0:0:root:/root:/bin/sh\nbroken\n:x:7:7::/:\n\xff:x:8:8\nann:x:1000:100:,,,:/home/ann:/bin/sh";
        assert_eq!(search(text, Key::Name("ann")), Some(("ann".into(), 1000)));
        assert_eq!(search(text, Key::Number(0)), Some(("root".into(), 0)));
        for missing in [Key::Name(""), Key::Name("an"), Key::Number(7), Key::Number(8), Key::Number(100)] {
            assert_eq!(search(text, missing), None, "{missing:?}");
        }
    }

    #[test]
    fn getent_is_asked_for_what_the_file_has_not() {
        assert_eq!(Database::Users.find(Key::Name("root")), Ok(("root".into(), 0)));
        let error = Database::Groups.find(Key::Name("--no-such-group")).unwrap_err();
        assert!(error.contains("--no-such-group") || error.contains("no matching"), "{error}");
    }
}
