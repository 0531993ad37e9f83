//! Hostile trees: every path ends inside, or is refused.

use rustix::fs::FileType;

use super::*;
use std::fs;
use std::os::unix::fs::symlink;

/// A directory with `root` in it and a canary beside.
fn tree() -> (tempfile::TempDir, Tree) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("root")).unwrap();
    fs::create_dir(dir.path().join("outside")).unwrap();
    let root = openat(rustix::fs::CWD, dir.path().join("root"), directory(), Mode::empty()).unwrap();
    (dir, Tree::new(root))
}

fn is_dir(fd: &OwnedFd) -> bool {
    FileType::from_raw_mode(rustix::fs::fstat(fd).unwrap().st_mode) == FileType::Directory
}

#[test]
fn makes_what_is_missing() {
    let (dir, tree) = tree();
    assert!(is_dir(&tree.ensure(Path::new("/a/b/c"), Make::Directory).unwrap()));
    assert!(!is_dir(&tree.ensure(Path::new("/a/b/f"), Make::File).unwrap()));
    assert!(dir.path().join("root/a/b/c").is_dir());
    assert!(dir.path().join("root/a/b/f").is_file());
}

/// Debian's `/var/run`: below `/var` alone the link would lead to itself.
#[test]
fn a_link_to_its_own_name_at_the_top_is_followed() {
    let (dir, tree) = tree();
    fs::create_dir(dir.path().join("root/run")).unwrap();
    fs::create_dir(dir.path().join("root/var")).unwrap();
    symlink("/run", dir.path().join("root/var/run")).unwrap();
    tree.ensure(Path::new("/var/run/docker.sock"), Make::File).unwrap();
    assert!(dir.path().join("root/run/docker.sock").is_file());
}

#[test]
fn links_never_lead_outside() {
    for target in ["/outside", "../outside", "../../outside", "/../outside", "/x/../../../outside/y"] {
        let (dir, tree) = tree();
        symlink(target, dir.path().join("root/link")).unwrap();
        tree.ensure(Path::new("/link/new"), Make::File).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("outside")).unwrap().count(), 0, "{target}");
        assert!(dir.path().join("root/outside").exists(), "{target}");
    }
}

#[test]
fn a_dangling_link_is_filled_inside() {
    let (dir, tree) = tree();
    symlink("../run/systemd/resolv.conf", dir.path().join("root/conf")).unwrap();
    tree.ensure(Path::new("/conf"), Make::File).unwrap();
    assert!(dir.path().join("root/run/systemd/resolv.conf").is_file());
}

#[test]
fn loops_and_magic_links_are_refused() {
    let (dir, tree) = tree();
    symlink("b", dir.path().join("root/a")).unwrap();
    symlink("a", dir.path().join("root/b")).unwrap();
    assert_eq!(tree.ensure(Path::new("/a/x"), Make::File).unwrap_err(), Errno::LOOP);
    let proc = Tree::new(openat(rustix::fs::CWD, "/proc", directory(), Mode::empty()).unwrap());
    assert_eq!(proc.open(Path::new("/self/root"), OFlags::PATH).unwrap_err(), Errno::LOOP);
    // The walk's own descriptors come and go while it walks.
    for number in 0..40 {
        let path = format!("/self/fd/{number}/new");
        assert!(proc.ensure(Path::new(&path), Make::Directory).is_err(), "{number}");
    }
}

#[test]
fn a_file_in_the_way_is_an_error() {
    let (dir, tree) = tree();
    fs::write(dir.path().join("root/f"), "").unwrap();
    assert_eq!(tree.ensure(Path::new("/f/x"), Make::Directory).unwrap_err(), Errno::NOTDIR);
}
