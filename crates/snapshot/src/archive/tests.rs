//! `cp` and `export` against what Docker 28 answered to the same requests, and against a tree that is being swapped.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use errdefs::Class;
use rustix::fs::{CWD, Mode, RenameFlags, openat, renameat_with};

use super::*;
use crate::extract::tests::StopOnDrop;
use crate::tarball::{Entry, Kind};
use crate::tests::{dir, file, link, tar};

/// A root with what the requests are about, beside a directory that must not be reached.
fn container() -> (tempfile::TempDir, OwnedFd) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("etc/nd/sub")).unwrap();
    fs::write(root.join("etc/nd/sub/f"), "y\n").unwrap();
    fs::write(root.join("etc/passwd"), "root").unwrap();
    fs::write(root.join("new"), "x\n").unwrap();
    fs::set_permissions(root.join("new"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(root.join("new"), root.join("new2")).unwrap();
    symlink("nowhere", root.join("lnk")).unwrap();
    symlink("/etc", root.join("le")).unwrap();
    symlink("le/nd/../../le", root.join("chain")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    rustix::fs::mknodat(CWD, root.join("ff"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    fs::create_dir(dir.path().join("outside")).unwrap();
    fs::write(dir.path().join("outside/canary"), "alive").unwrap();
    symlink(dir.path().join("outside"), root.join("out")).unwrap();
    let root = openat(CWD, &root, tree::DIRECTORY, Mode::empty()).unwrap();
    (dir, root)
}

/// Names, with `->` for links, of the archive of a path.
fn names(root: &OwnedFd, path: &str) -> Result<Vec<String>> {
    let mut bytes = Vec::new();
    tar_path(root.as_fd(), path, None, &mut bytes)?;
    Ok(names_in(&bytes))
}

fn names_in(mut bytes: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(&mut bytes);
    let mut names = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let link = if entry.link.is_empty() {
            String::new()
        } else {
            format!(" -> {}", String::from_utf8_lossy(&entry.link))
        };
        names.push(format!("{}{link}", entry.display()));
    }
    names
}

#[test]
fn stat_answers_as_docker_does() {
    let (_dir, root) = container();
    for (path, name, mode, size, target) in [
        ("/etc/nd", "nd", 2_147_484_141, None, ""),
        ("etc/nd", "nd", 2_147_484_141, None, ""),
        ("/etc/nd/", "nd", 2_147_484_141, None, ""),
        ("/etc/nd/.", ".", 2_147_484_141, None, ""),
        ("/new", "new", 8_389_101, Some(2), ""),
        ("/lnk", "lnk", 134_218_239, Some(7), "/nowhere"),
        ("/le", "le", 134_218_239, Some(4), "/etc"),
        ("/chain", "chain", 134_218_239, Some(14), "/etc"),
        ("/le/", "le", 2_147_484_141, None, ""),
        ("/le/.", ".", 2_147_484_141, None, ""),
        ("/", "/", 2_147_484_141, None, ""),
        (".", ".", 2_147_484_141, None, ""),
        ("/ff", "ff", 33_554_852, Some(0), ""),
        ("/etc/nd/sub/../sub", "sub", 2_147_484_141, None, ""),
        ("/le/passwd", "passwd", 420, Some(4), ""),
    ] {
        let found = stat(root.as_fd(), path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(
            (found.name.as_str(), found.mode, found.link_target.as_str()),
            (name, mode, target),
            "{path}"
        );
        assert!(size.is_none_or(|size| size == found.size), "{path}: {}", found.size);
    }
    for (path, class, words) in [
        ("", Class::InvalidParameter, "bad parameter: path cannot be empty"),
        ("/nope", Class::NotFound, "lstat /nope: no such file or directory"),
        ("/nope/", Class::NotFound, "lstat /nope/: no such file or directory"),
        ("/lnk/", Class::NotFound, "lstat /lnk/: no such file or directory"),
        ("/new/", Class::System, "lstat /new/: not a directory"),
        ("/new/.", Class::System, "lstat /new/.: not a directory"),
        ("/loop", Class::System, "too many levels of symbolic links"),
        // The link leads to a directory of this name inside the root, and there is none.
        ("/out/canary", Class::NotFound, "lstat /out/canary: no such file or directory"),
    ] {
        let error = stat(root.as_fd(), path).expect_err(path);
        assert_eq!((error.class(), error.to_string().as_str()), (class, words), "{path}");
    }
}

#[test]
fn tars_are_named_as_docker_names_them() {
    let (_dir, root) = container();
    for (path, expected) in [
        ("/etc/nd", &["nd/", "nd/sub/", "nd/sub/f"][..]),
        ("/etc/nd/", &["nd/", "nd/sub/", "nd/sub/f"]),
        ("/etc/nd/.", &["./", "./sub/", "./sub/f"]),
        ("/new", &["new"]),
        ("/lnk", &["lnk -> nowhere"]),
        ("/le", &["le -> /etc"]),
        ("/le/", &["le/", "le/nd/", "le/nd/sub/", "le/nd/sub/f", "le/passwd"]),
        ("/ff", &["ff"]),
    ] {
        assert_eq!(names(&root, path).unwrap(), expected, "{path}");
    }
    assert_eq!(names(&root, "/").unwrap()[..3], ["/", "/chain -> le/nd/../../le", "/etc/"]);
    assert_eq!(names(&root, "/.").unwrap()[0], "./");
    assert_eq!(names(&root, "/nope").unwrap_err().class(), Class::NotFound);
    let mut exported = Vec::new();
    tar_root(root.as_fd(), &mut exported).unwrap();
    let exported = names_in(&exported);
    assert_eq!(exported[..4], ["chain -> le/nd/../../le", "etc/", "etc/nd/", "etc/nd/sub/"]);
    assert!(exported.contains(&"new2 -> new".to_owned()), "{exported:?}");
    assert!(!exported.iter().any(|name| name.contains("canary")));
}

#[test]
fn untar_goes_into_directories_only_and_through_links_to_them() {
    let (dir, root) = container();
    let archive = tar(&[crate::tests::dir("d"), file("d/f", "1")]);
    let into = |path: &str| untar_into(root.as_fd(), path, &UntarOptions::default(), archive.as_slice());
    for (path, class, words) in [
        ("/nope", Class::NotFound, "lstat /nope: no such file or directory"),
        ("/new", Class::InvalidParameter, "extraction point is not a directory"),
        ("/etc/passwd/", Class::System, "lstat /etc/passwd/: not a directory"),
        ("/out", Class::NotFound, "lstat /out: no such file or directory"),
    ] {
        let error = into(path).expect_err(path);
        assert_eq!((error.class(), error.to_string().as_str()), (class, words), "{path}");
    }
    into("/le").unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("root/etc/d/f")).unwrap(), "1");
    into("/").unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("root/d/f")).unwrap(), "1");
    let error = untar_into(root.as_fd(), "/", &UntarOptions::default(), tar(&[file("../x", "")]).as_slice())
        .unwrap_err();
    assert!(error.to_string().contains("leads out"), "{error}");
}

#[test]
fn untar_replaces_links_keeps_the_target_and_chowns() {
    let (dir, root) = container();
    let archive = tar(&[
        file("le", "now a file"),
        Entry { uid: 5, gid: 6, ..file("new", "z") },
        crate::tests::dir("ff"),
    ]);
    let options = UntarOptions { chown: Some((1000, 1001)), ..UntarOptions::default() };
    untar_into(root.as_fd(), "/", &options, archive.as_slice()).unwrap();
    let at = |path: &str| fs::symlink_metadata(dir.path().join("root").join(path)).unwrap();
    assert!(at("le").is_file() && at("ff").is_dir() && at("etc/passwd").is_file());
    assert_eq!((at("new").uid(), at("new").gid(), at("new").mode() & 0o7777), (1000, 1001, 0o644));
    assert_eq!(
        at("new2").mode() & 0o7777,
        0o4755,
        "the other name of the file that was replaced is untouched"
    );
    let refuse = UntarOptions { no_overwrite_dir_non_dir: true, ..UntarOptions::default() };
    let error = untar_into(root.as_fd(), "/", &refuse, tar(&[file("etc", "")]).as_slice()).unwrap_err();
    assert!(error.to_string().contains("cannot overwrite directory \"etc\" with non-directory"), "{error}");
}

#[test]
fn what_cp_takes_out_it_puts_back() {
    let (dir, root) = container();
    rustix::fs::setxattr(
        dir.path().join("root/etc/passwd"),
        "user.note",
        b"n",
        rustix::fs::XattrFlags::empty(),
    )
    .unwrap();
    let mut bytes = Vec::new();
    tar_path(root.as_fd(), "/.", None, &mut bytes).unwrap();
    let (other_dir, other) = container();
    fs::remove_dir_all(other_dir.path().join("root/etc")).unwrap();
    untar_into(other.as_fd(), "/", &UntarOptions::default(), bytes.as_slice()).unwrap();
    let mut again = Vec::new();
    tar_path(other.as_fd(), "/.", None, &mut again).unwrap();
    // The root directory itself is left as it is by `cp`, so its time may differ: one header.
    assert_eq!(bytes[512..], again[512..]);
}

/// CVE-2018-15664 and CVE-2026-41568, reading and writing through one swapped directory.
#[test]
fn cve_2018_15664_cp_with_a_swapping_thread_stays_inside() {
    const ROUNDS: usize = 1500;
    let (dir, root) = container();
    let inside = dir.path().join("root");
    fs::create_dir(inside.join("d")).unwrap();
    fs::write(inside.join("d/canary"), "inside").unwrap();
    let archive = tar(&[file("canary", "evil"), file("new", "evil")]);
    let stop = AtomicBool::new(false);
    let mut good = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, inside.join("d"), CWD, inside.join("out"), RenameFlags::EXCHANGE).unwrap();
            }
        });
        let _stop = StopOnDrop(&stop);
        let mut rounds = 0;
        // On a busy machine the swapping thread may have won each of them.
        while rounds < ROUNDS || good == 0 && rounds < 100 * ROUNDS {
            rounds += 1;
            let mut bytes = Vec::new();
            if tar_path(root.as_fd(), "/d/.", None, &mut bytes).is_ok() {
                assert!(!String::from_utf8_lossy(&bytes).contains("alive"), "read from outside");
                good += 1;
            }
            let _ = tar_path(root.as_fd(), "/d", None, &mut bytes);
            let _ = stat(root.as_fd(), "/d/canary");
            good += usize::from(
                untar_into(root.as_fd(), "/d", &UntarOptions::default(), archive.as_slice()).is_ok(),
            );
            assert!(!String::from_utf8_lossy(&bytes).contains("alive"), "read from outside");
        }
    });
    assert!(good > 0, "the race must not make everything fail, or it tests nothing");
    assert_eq!(fs::read_to_string(dir.path().join("outside/canary")).unwrap(), "alive");
    assert_eq!(fs::read_dir(dir.path().join("outside")).unwrap().count(), 1);
}

#[test]
fn files_that_shrink_or_vanish_meanwhile_leave_a_whole_archive() {
    const ROUNDS: usize = 300;
    let (dir, root) = container();
    let path = dir.path().join("root/etc/nd/changing");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let big = vec![b'x'; 100_000];
            while !stop.load(Ordering::Relaxed) {
                fs::write(&path, &big).unwrap();
                fs::write(&path, b"small").unwrap();
                fs::remove_file(&path).unwrap();
            }
        });
        let _stop = StopOnDrop(&stop);
        for _ in 0..ROUNDS {
            let names = names(&root, "/etc/nd").unwrap();
            assert_eq!(names.last().map(String::as_str), Some("nd/sub/f"), "what comes after must be there");
        }
    });
}

#[test]
fn devices_and_sockets_are_not_opened() {
    let (dir, root) = container();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("root/etc/nd/socket")).unwrap();
    // Opening a pipe for reading would wait for a writer for ever.
    let path = dir.path().join("root/etc/nd/pipe");
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert_eq!(names(&root, "/etc/nd").unwrap(), ["nd/", "nd/pipe", "nd/sub/", "nd/sub/f"]);
}

#[test]
fn hard_links_point_into_the_archive_of_the_whole() {
    let (_dir, root) = container();
    let archive = tar(&[dir("x"), file("x/a", "1"), link("x/b", Kind::HardLink, "x/a")]);
    untar_into(root.as_fd(), "/etc", &UntarOptions::default(), archive.as_slice()).unwrap();
    assert_eq!(names(&root, "/etc/x").unwrap(), ["x/", "x/a", "x/b -> x/a"]);
}

#[test]
fn proc_and_its_like_are_empty_directories() {
    let root = openat(CWD, "/", tree::DIRECTORY, Mode::empty()).unwrap();
    assert_eq!(names(&root, "/proc").unwrap(), ["proc/"]);
    assert_eq!(names(&root, "/sys/.").unwrap(), ["./"]);
    for path in ["/proc/cpuinfo", "/proc/self", "/sys/kernel"] {
        assert_eq!(stat(root.as_fd(), path).expect_err(path).class(), Class::NotFound, "{path}");
        assert_eq!(names(&root, path).expect_err(path).class(), Class::NotFound, "{path}");
    }
    // A link of the kernel's to another root is not followed at all.
    assert!(stat(root.as_fd(), "/proc/self/root/etc/passwd").is_err());
}
