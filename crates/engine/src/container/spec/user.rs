//! Who the process runs as: `User` and `GroupAdd` looked up in the container's own passwd and group files.
//!
//! Pure over the files' bytes. A numeric user is a number even if some line has it for a name (CVE-2016-3697), numbers
//! beyond 2^31-1 are refused (CVE-2024-40635), and the primary group is among the supplementary ones (CVE-2022-36109).

use errdefs::Result;

/// The largest user or group number that Docker accepts.
const LARGEST: u32 = i32::MAX as u32;

/// The result of a look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Supplementary groups, the primary one first.
    pub(crate) groups: Vec<u32>,
    /// Home directory; `/` without a passwd entry.
    pub(crate) home: String,
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

/// Looks up `user` (`""`, `name`, `uid`, each with `:group`) and the additional groups.
///
/// # Errors
/// Invalid parameter, in Docker's words, if a name is in neither file or a number is out of range.
pub(crate) fn resolve(user: &str, group_add: &[String], passwd: &str, group: &str) -> Result<Identity> {
    let (who, wanted_group) = user.split_once(':').unwrap_or((user, ""));
    let number = parse_number(who)?;
    let account = accounts(passwd).find(|account| match (who, number) {
        ("", _) => account.uid == 0,
        (_, Some(uid)) => account.uid == uid,
        (name, None) => account.name == name,
    });
    let (uid, mut gid, home) = match (&account, number) {
        (Some(account), _) => (account.uid, account.gid, account.home),
        (None, Some(uid)) => (uid, 0, ""),
        (None, None) if who.is_empty() => (0, 0, ""),
        (None, None) => {
            return Err(errdefs::invalid(format!(
                "unable to find user {who}: no matching entries in passwd file"
            )));
        }
    };
    let mut supplementary = Vec::new();
    if wanted_group.is_empty() {
        if let Some(account) = &account {
            let member = |group: &Group<'_>| group.members.split(',').any(|name| name == account.name);
            supplementary.extend(groups(group).filter(member).map(|group| group.gid));
        }
    } else {
        gid = find_group(wanted_group, group)?;
    }
    for name in group_add {
        supplementary.push(find_group(name, group)?);
    }
    let mut all = vec![gid];
    for gid in supplementary {
        if !all.contains(&gid) {
            all.push(gid);
        }
    }
    let home = if home.is_empty() { "/" } else { home }.to_owned();
    Ok(Identity { uid, gid, groups: all, home })
}

fn find_group(wanted: &str, file: &str) -> Result<u32> {
    let number = parse_number(wanted)?;
    let found = groups(file).find(|group| match number {
        Some(gid) => group.gid == gid,
        None => group.name == wanted,
    });
    found.map(|group| group.gid).or(number).ok_or_else(|| {
        errdefs::invalid(format!("unable to find group {wanted}: no matching entries in group file"))
    })
}

/// Digits only are a number; `None` for a name.
fn parse_number(text: &str) -> Result<Option<u32>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse::<u32>() {
        Ok(number) if number <= LARGEST && digits.len() == text.len() => Ok(Some(number)),
        _ => Err(errdefs::invalid(format!("uids and gids must be in range 0-{LARGEST}"))),
    }
}

fn accounts(file: &str) -> impl Iterator<Item = Account<'_>> {
    file.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { name, uid, gid, home: fields.nth(1).unwrap_or_default() })
    })
}

fn groups(file: &str) -> impl Iterator<Item = Group<'_>> {
    file.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
        let gid = fields.nth(1)?.parse().ok()?;
        Some(Group { name, gid, members: fields.next().unwrap_or_default() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# comment\nbroken\n1000:x:0:0::/evil:\n\
                          www:x:33:34:www:/srv:/bin/false\nnohome:x:40:40\n";
    const GROUP: &str = "root:x:0:\nwheel:x:10:root,www\nwww:x:34:\naudio:x:29:www\n";

    fn found(user: &str, add: &[&str]) -> (u32, u32, Vec<u32>, String) {
        let add: Vec<String> = add.iter().map(|name| (*name).to_owned()).collect();
        let id = resolve(user, &add, PASSWD, GROUP).unwrap();
        (id.uid, id.gid, id.groups, id.home)
    }

    #[test]
    fn users_and_groups_resolve_as_dockers() {
        let table: &[(&str, &[&str], (u32, u32, Vec<u32>, &str))] = &[
            ("", &[], (0, 0, vec![0, 10], "/root")),
            ("root", &[], (0, 0, vec![0, 10], "/root")),
            ("www", &[], (33, 34, vec![34, 10, 29], "/srv")),
            ("www:wheel", &[], (33, 10, vec![10], "/srv")),
            ("33:77", &["audio", "5"], (33, 77, vec![77, 29, 5], "/srv")),
            ("1000", &[], (1000, 0, vec![0], "/")),
            ("nohome", &[], (40, 40, vec![40], "/")),
            ("2147483647", &[], (2147483647, 0, vec![0], "/")),
        ];
        for (user, add, (uid, gid, groups, home)) in table {
            assert_eq!(found(user, add), (*uid, *gid, groups.clone(), (*home).to_owned()), "{user:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_refused_in_dockers_words() {
        let table = [
            ("nosuch", "", "unable to find user nosuch: no matching entries in passwd file"),
            ("root:nosuch", "", "unable to find group nosuch: no matching entries in group file"),
            ("root", "nosuchg", "unable to find group nosuchg: no matching entries in group file"),
            ("-1", "", "uids and gids must be in range 0-2147483647"),
            ("+0", "", "uids and gids must be in range 0-2147483647"),
            ("2147483648", "", "uids and gids must be in range 0-2147483647"),
            ("4294967296", "", "uids and gids must be in range 0-2147483647"),
            ("9223372036854775808", "", "uids and gids must be in range 0-2147483647"),
            (" 0", "", "unable to find user  0: no matching entries in passwd file"),
            ("٣", "", "unable to find user ٣: no matching entries in passwd file"),
        ];
        for (user, add, text) in table {
            let add: Vec<String> =
                Some(add).filter(|add| !add.is_empty()).map(str::to_owned).into_iter().collect();
            assert_eq!(resolve(user, &add, PASSWD, GROUP).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn an_image_without_the_files_has_root_and_numbers() {
        assert_eq!(resolve("", &[], "", "").unwrap().uid, 0);
        assert_eq!(resolve("7:8", &[], "", "").unwrap().groups, [8]);
        assert!(resolve("root", &[], "", "").is_err());
    }
}
