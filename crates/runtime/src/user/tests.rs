//! Lookups against hostile and ordinary files.

use super::*;
use std::fs;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n1000:x:0:0:evil:/:/bin/sh\napp:x:1000:1000:App:/home/app:/bin/sh\n\
                      broken\nbig:x:4294967295:0::/:\nonly:x:7:8\n";
const GROUP: &str = "root:x:0:\nwheel:x:10:root,app\napp:x:1000:\naudio:x:29:app\n1000:x:0:\n";

fn check(user: &str, extra: &[&str]) -> Result<(u32, u32, Vec<u32>)> {
    let extra: Vec<String> = extra.iter().map(|s| (*s).to_owned()).collect();
    resolve(PASSWD, GROUP, user, &extra).map(|id| (id.uid, id.gid, id.groups))
}

#[test]
fn names_and_numbers() {
    for (user, uid, gid, groups) in [
        ("", 0, 0, vec![0, 10]),
        ("root", 0, 0, vec![0, 10]),
        ("app", 1000, 1000, vec![1000, 10, 29]),
        // A number is a number, whatever name the image gives it.
        ("1000", 1000, 1000, vec![1000, 10, 29]),
        ("4242", 4242, 0, vec![0]),
        ("app:wheel", 1000, 10, vec![10]),
        ("app:1000", 1000, 1000, vec![1000]),
        ("5:6", 5, 6, vec![6]),
        (":wheel", 0, 10, vec![10]),
        ("only", 7, 8, vec![8]),
    ] {
        assert_eq!(check(user, &[]).unwrap(), (uid, gid, groups), "{user:?}");
    }
}

#[test]
fn further_groups_are_added_once() {
    assert_eq!(check("5:6", &["audio", "7", "6"]).unwrap().2, [6, 29, 7]);
}

#[test]
fn texts_are_dockers() {
    for (user, text) in [
        ("nosuch", "unable to find user nosuch: no matching entries in passwd file"),
        ("app:nosuch", "unable to find group nosuch: no matching entries in group file"),
        ("4294967295", "uids and gids must be in range 0-2147483647"),
    ] {
        assert_eq!(check(user, &[]).unwrap_err().to_string(), text);
    }
}

#[test]
fn user_cve_2024_40635_ids_out_of_range_are_refused() {
    for user in [
        "-1",
        "2147483648",
        "4294967296",
        "4294967295",
        "9223372036854775808",
        "+0",
        "-0",
        "big",
        "0:-1",
        "0:+1",
    ] {
        assert!(check(user, &[]).is_err(), "{user:?}");
    }
    // Not ASCII digits and not trimmed: names that do not exist.
    for user in [" 0", "0 ", "١", "0x0"] {
        assert!(check(user, &[]).unwrap_err().to_string().contains("unable to find user"), "{user:?}");
    }
}

fn in_tree(prepare: impl FnOnce(&Path)) -> Result<Identity> {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("etc")).unwrap();
    prepare(&dir.path().join("etc"));
    let root =
        rustix::fs::openat(rustix::fs::CWD, dir.path(), crate::tree::directory(), rustix::fs::Mode::empty());
    look_up(root.unwrap(), "app", &[])
}

#[test]
fn dos_cve_2026_47262_only_regular_files_of_sane_size_are_read() {
    assert_eq!(in_tree(|etc| fs::write(etc.join("passwd"), PASSWD).unwrap()).unwrap().uid, 1000);
    let fifo = in_tree(|etc| {
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        rustix::fs::mkfifoat(rustix::fs::CWD, etc.join("passwd"), mode).unwrap();
    });
    assert!(fifo.unwrap_err().to_string().contains("not a regular file"));
    let huge =
        in_tree(|etc| fs::File::create(etc.join("passwd")).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap());
    assert!(huge.unwrap_err().to_string().contains("larger than"));
    // A link leads to what is there inside the tree (nothing), not to the host's file.
    let link = in_tree(|etc| std::os::unix::fs::symlink("/etc/shadow", etc.join("passwd")).unwrap());
    assert!(link.unwrap_err().to_string().contains("unable to find user app"));
}
