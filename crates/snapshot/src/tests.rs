//! The whole of it on real overlay mounts: apply, mount, change, compare, diff, apply again.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, XattrFlags, mkdirat, mknodat, openat, renameat, setxattr, unlinkat,
};

use super::*;
use crate::tarball::{Entry, Kind, Writer};

pub(crate) fn store() -> (tempfile::TempDir, Snapshots) {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    (dir, snapshots)
}

/// An archive of these entries; a file's content is its link field here.
pub(crate) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for entry in entries {
        let mut entry = entry.clone();
        let content = if entry.kind == Kind::File { std::mem::take(&mut entry.link) } else { Vec::new() };
        entry.size = content.len() as u64;
        writer.append(&entry, &mut content.as_slice()).unwrap();
    }
    writer.finish().unwrap()
}

pub(crate) fn file(path: &str, content: &str) -> Entry {
    Entry { link: content.into(), ..Entry::new(path, Kind::File, 0o644) }
}

pub(crate) fn dir(path: &str) -> Entry {
    Entry::new(path, Kind::Dir, 0o755)
}

pub(crate) fn link(path: &str, kind: Kind, target: &str) -> Entry {
    Entry { link: target.into(), ..Entry::new(path, kind, 0o777) }
}

pub(crate) fn apply(snapshots: &Snapshots, entries: &[Entry]) -> Result<Digest> {
    Ok(snapshots.apply(&ApplyOptions::default(), tar(entries).as_slice())?.diff_id)
}

fn base(snapshots: &Snapshots) -> Digest {
    let entries = [
        dir("etc"),
        dir("etc/apt"),
        file("etc/apt/sources", "s"),
        file("etc/apt/keys", "k"),
        file("etc/passwd", "root"),
        file("etc/issue", "i"),
        dir("opt"),
        dir("srv"),
        file("srv/page", "p"),
        dir("var"),
        dir("var/cache"),
        file("var/cache/one", "1"),
        link("lib", Kind::Symlink, "usr/lib"),
    ];
    apply(snapshots, &entries).unwrap()
}

fn shown(changes: &[Change]) -> Vec<String> {
    let letter = |kind| match kind {
        ChangeKind::Added => 'A',
        ChangeKind::Changed => 'C',
        ChangeKind::Deleted => 'D',
    };
    changes.iter().map(|c| format!("{} {}", letter(c.kind), String::from_utf8_lossy(&c.path))).collect()
}

/// What a container does in the differential test against Docker whose answer is in `docker_diff_rules`.
fn change_as_a_container(root: &std::os::fd::OwnedFd) {
    let write = |path: &str, bytes: &[u8], mode| {
        let fd =
            openat(root, path, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC, Mode::from_raw_mode(mode));
        rustix::io::write(fd.unwrap(), bytes).unwrap();
    };
    let mkdir = |path: &str| mkdirat(root, path, Mode::from_raw_mode(0o755)).unwrap();
    let unlink = |path: &str| unlinkat(root, path, AtFlags::empty()).unwrap();
    let rmdir = |path: &str| unlinkat(root, path, AtFlags::REMOVEDIR).unwrap();
    write("new", b"x", 0o644);
    rustix::fs::linkat(root, "new", root, "new2", AtFlags::empty()).unwrap();
    mkdir("etc/nd");
    write("etc/nd/f", b"y", 0o600);
    unlink("etc/issue");
    unlink("etc/apt/sources");
    unlink("etc/apt/keys");
    rmdir("etc/apt");
    mkdir("etc/apt");
    write("etc/apt/q", b"z", 0o644);
    write("etc/passwd", b"root:changed", 0o644);
    rustix::fs::chmodat(root, "opt", Mode::from_raw_mode(0o700), AtFlags::empty()).unwrap();
    unlink("var/cache/one");
    unlink("srv/page");
    rmdir("srv");
    write("srv", b"", 0o644);
    mknodat(root, "ff", FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    rustix::fs::symlinkat("nowhere", root, "lnk").unwrap();
    rustix::fs::chmodat(root, "new", Mode::from_raw_mode(0o4755), AtFlags::empty()).unwrap();
}

#[test]
fn docker_diff_rules() {
    let (_dir, snapshots) = store();
    let base = base(&snapshots);
    let lowers = snapshots.container_lowers(&[base]).unwrap();
    let writable = snapshots.create_writable("c1", &lowers).unwrap();
    let root = snapshots.mount_detached(&lowers, Some(&writable), MountOptions::default()).unwrap();
    assert!(snapshots.changes("c1", &lowers).unwrap().is_empty());
    change_as_a_container(&root);
    drop(root);
    // Letter for letter what `docker diff` of Docker 28 lists after the same commands, sorted by path.
    let expected = [
        "C /etc",
        "C /etc/apt",
        "D /etc/apt/keys",
        "A /etc/apt/q",
        "D /etc/apt/sources",
        "D /etc/issue",
        "A /etc/nd",
        "A /etc/nd/f",
        "C /etc/passwd",
        "A /ff",
        "A /lnk",
        "A /new",
        "A /new2",
        "C /opt",
        "C /srv",
        "C /var",
        "C /var/cache",
        "D /var/cache/one",
    ];
    assert_eq!(shown(&snapshots.changes("c1", &lowers).unwrap()), expected);
    // `new` has two names and counts once; `x`, `y`, `z`, `root:changed`, and the target of the link.
    assert_eq!(snapshots.writable_size("c1").unwrap(), 1 + 1 + 1 + 12 + 7);
}

/// Paths, types, modes, owners, sizes and targets below a directory.
fn listing(root: &Path) -> Vec<String> {
    fn visit(dir: &Path, root: &Path, lines: &mut Vec<String>) {
        let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let m = fs::symlink_metadata(&path).unwrap();
            let target = fs::read_link(&path).unwrap_or_default();
            let size = if m.is_dir() { 0 } else { m.size() };
            let name = path.strip_prefix(root).unwrap().display();
            let opaque = rustix::fs::lgetxattr(&path, "trusted.overlay.opaque", &mut [0u8; 8]).is_ok();
            lines.push(format!(
                "{name} {:o} {}:{} {size} {} x{} {} {opaque}",
                m.mode(),
                m.uid(),
                m.gid(),
                m.rdev(),
                m.nlink() * u64::from(m.is_file()),
                target.display()
            ));
            if m.is_dir() {
                visit(&path, root, lines);
            }
        }
    }
    let mut lines = Vec::new();
    visit(root, root, &mut lines);
    lines
}

#[test]
fn a_diff_applied_is_the_upper_directory_again() {
    let (_dir, snapshots) = store();
    let base = base(&snapshots);
    let lowers = snapshots.container_lowers(&[base]).unwrap();
    let writable = snapshots.create_writable("c1", &lowers).unwrap();
    let root = snapshots.mount_detached(&lowers, Some(&writable), MountOptions::default()).unwrap();
    change_as_a_container(&root);
    drop(root);
    setxattr(writable.upper.join("new"), "security.capability", &CAPABILITY, XattrFlags::empty()).unwrap();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let size = snapshots.write_diff("c1", &mut one).unwrap();
    snapshots.write_diff("c1", &mut two).unwrap();
    assert_eq!(one, two, "the same tree must give the same bytes");
    let applied = snapshots.apply(&ApplyOptions::default(), one.as_slice()).unwrap();
    assert_eq!((applied.diff_id, applied.size), (Digest::of(&one), size));
    let layer = snapshots.layer_dir(&applied.diff_id);
    assert_eq!(listing(&layer), listing(&writable.upper));
    let mut value = [0; 64];
    let count = rustix::fs::getxattr(layer.join("new"), "security.capability", &mut value).unwrap();
    assert_eq!(value[..count], CAPABILITY, "a newline in the value must survive");
    // And seen through overlayfs, deletions delete.
    let seen = snapshots
        .mount_detached(
            &snapshots.lower_dirs(&[base, applied.diff_id]).unwrap(),
            None,
            MountOptions::default(),
        )
        .unwrap();
    let exists = |path: &str| rustix::fs::statat(&seen, path, AtFlags::SYMLINK_NOFOLLOW).is_ok();
    assert!(exists("etc/apt/q") && exists("etc/passwd") && exists("lib"));
    assert!(!exists("etc/apt/keys") && !exists("etc/issue") && !exists("var/cache/one"));
}

/// VFS_CAP_REVISION_2 with bits that make a newline byte (0x0a): CAP_DAC_OVERRIDE and CAP_FOWNER.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn sealing_makes_the_upper_directory_a_layer() {
    let (_dir, snapshots) = store();
    let base = base(&snapshots);
    let lowers = snapshots.lower_dirs(&[base]).unwrap();
    let writable = snapshots.create_writable("step", &lowers).unwrap();
    let root = snapshots
        .mount_detached(&lowers, Some(&writable), MountOptions { volatile: true, ..MountOptions::default() })
        .unwrap();
    change_as_a_container(&root);
    drop(root);
    let before = listing(&writable.upper);
    let mut diff = Vec::new();
    let sealed = snapshots.seal_writable("step", &mut diff).unwrap();
    assert_eq!(sealed.diff_id, Digest::of(&diff));
    assert_eq!(listing(&snapshots.layer_dir(&sealed.diff_id)), before);
    assert!(snapshots.writable("step").is_err());
    assert_eq!(snapshots.lower_dirs(&[base, sealed.diff_id]).unwrap().len(), 2);
    assert_eq!(snapshots.layer_size(&sealed.diff_id).unwrap(), sealed.size);
}

#[test]
fn containers_see_the_init_layer_and_it_is_in_no_diff() {
    let (_dir, snapshots) = store();
    let entries = [Entry { uid: 7, ..Entry::new("etc", Kind::Dir, 0o700) }, file("etc/hosts", "the image's")];
    let image = apply(&snapshots, &entries).unwrap();
    let lowers = snapshots.container_lowers(&[image]).unwrap();
    let writable = snapshots.create_writable("c", &lowers).unwrap();
    let root = snapshots.mount_detached(&lowers, Some(&writable), MountOptions::default()).unwrap();
    let stat = |path: &str| rustix::fs::statat(&root, path, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    for path in [".dockerenv", "etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/console"] {
        assert_eq!((stat(path).st_mode, stat(path).st_size), (0o100_755, 0), "{path}");
    }
    for path in ["dev/pts", "dev/shm", "proc", "sys", "dev"] {
        assert_eq!(stat(path).st_mode, 0o40755, "{path}");
    }
    assert_eq!(rustix::fs::readlinkat(&root, "etc/mtab", Vec::new()).unwrap().to_bytes(), b"/proc/mounts");
    assert_eq!((stat("etc").st_mode, stat("etc").st_uid), (0o40700, 7), "the image's own look stays");
    drop(root);
    assert!(snapshots.changes("c", &lowers).unwrap().is_empty());
    let plain = snapshots.container_lowers(&[base(&snapshots)]).unwrap();
    assert_ne!(plain[0], lowers[0]);
    assert_eq!(plain[0], snapshots.container_lowers(&[]).unwrap()[0]);
}

#[test]
fn the_upper_directory_looks_like_the_root_of_the_image() {
    let (_dir, snapshots) = store();
    let mode =
        |id: &str| fs::metadata(snapshots.writable(id).unwrap().upper).unwrap().permissions().mode() & 0o7777;
    let with_root = apply(&snapshots, &[Entry { gid: 5, ..Entry::new("./", Kind::Dir, 0o1770) }]).unwrap();
    let without = apply(&snapshots, &[file("a", "")]).unwrap();
    for (id, layers, expected) in [
        ("none", &[][..], 0o755),
        ("plain", &[without], 0o755),
        ("top", &[with_root], 0o1770),
        ("below", &[with_root, without], 0o1770),
    ] {
        snapshots.create_writable(id, &snapshots.container_lowers(layers).unwrap()).unwrap();
        assert_eq!(mode(id), expected, "{id}");
    }
}

#[test]
fn writables_are_found_and_removed_and_ids_are_no_paths() {
    let (dir, snapshots) = store();
    let lowers = snapshots.lower_dirs(&[]).unwrap();
    snapshots.create_writable("c", &lowers).unwrap();
    assert_eq!(snapshots.create_writable("c", &lowers).unwrap_err().class(), errdefs::Class::Conflict);
    assert_eq!(snapshots.list_writables().unwrap(), ["c"]);
    for bad in ["", ".", "..", "../x", "a/b", "a\0", "\u{e9}", &"a".repeat(201)] {
        assert_eq!(
            snapshots.create_writable(bad, &lowers).unwrap_err().class(),
            errdefs::Class::InvalidParameter,
            "{bad:?}"
        );
    }
    snapshots.remove_writable("c").unwrap();
    snapshots.remove_writable("c").unwrap();
    assert_eq!(snapshots.writable("c").unwrap_err().class(), errdefs::Class::NotFound);
    assert_eq!(
        fs::read_dir(dir.path().join("trash")).unwrap().count(),
        2,
        "the layer, and the loser's stage"
    );
    snapshots.empty_trash().unwrap();
    assert_eq!(fs::read_dir(dir.path().join("trash")).unwrap().count(), 0);
}

#[test]
fn layers_are_applied_once_and_removed() {
    let (_dir, snapshots) = store();
    let bytes = tar(&[file("a", "12345"), file("b", "1")]);
    let digest = Digest::of(&bytes);
    let wrong = ApplyOptions { expected: Some(Digest::of(b"other")), ..ApplyOptions::default() };
    let error = snapshots.apply(&wrong, bytes.as_slice()).unwrap_err();
    assert!(error.to_string().contains("layer verification failed"), "{error}");
    assert!(snapshots.list_layers().unwrap().is_empty());
    let right = ApplyOptions { expected: Some(digest), ..ApplyOptions::default() };
    for _ in 0..2 {
        assert_eq!(snapshots.apply(&right, bytes.as_slice()).unwrap(), Applied { diff_id: digest, size: 6 });
    }
    assert_eq!(snapshots.list_layers().unwrap(), [digest]);
    snapshots.remove_layer(&digest).unwrap();
    assert_eq!(snapshots.remove_layer(&digest).unwrap_err().class(), errdefs::Class::NotFound);
    assert_eq!(snapshots.lower_dirs(&[digest]).unwrap_err().class(), errdefs::Class::NotFound);
}

#[test]
fn an_opaque_root_hides_the_layers_below() {
    let (_dir, snapshots) = store();
    let below = apply(&snapshots, &[file("below", "")]).unwrap();
    let opaque = apply(&snapshots, &[file(".wh..wh..opq", ""), file("above", "")]).unwrap();
    assert_eq!(snapshots.lower_dirs(&[below, opaque]).unwrap(), [snapshots.layer_dir(&opaque)]);
    let twice = snapshots.lower_dirs(&[below, below]).unwrap();
    assert_eq!(twice, [snapshots.layer_dir(&below)], "overlayfs refuses one directory twice");
}

#[test]
fn a_crash_leaves_nothing_half_done() {
    let (dir, snapshots) = store();
    let kept = apply(&snapshots, &[file("kept", "")]).unwrap();
    snapshots.sync().unwrap();
    let lost = apply(&snapshots, &[file("lost", "")]).unwrap();
    let half = dir.path().join("staging/half");
    fs::create_dir_all(half.join("fs/deep")).unwrap();
    drop(snapshots);
    // The daemon was killed: everything whole stays.
    let snapshots = Snapshots::open(dir.path()).unwrap();
    assert!(!half.exists());
    assert!(snapshots.layer_exists(&kept).unwrap() && snapshots.layer_exists(&lost).unwrap());
    drop(snapshots);
    // The power was cut: what no barrier covered is gone.
    let boot = fs::read_dir(dir.path().join("unsynced")).unwrap().next().unwrap().unwrap().path();
    fs::rename(boot, dir.path().join("unsynced/another-boot")).unwrap();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    assert!(snapshots.layer_exists(&kept).unwrap() && !snapshots.layer_exists(&lost).unwrap());
}

#[test]
fn what_cannot_be_deleted_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    let trash = dir.path().join("trash");
    fs::create_dir_all(trash.join("one/busy")).unwrap();
    // A mount is in the way, as descriptors that are missing may be.
    rustix::mount::mount("none", trash.join("one/busy"), "tmpfs", rustix::mount::MountFlags::empty(), None)
        .unwrap();
    snapshots.empty_trash_in_the_end().unwrap_err();
    assert!(trash.join("one/busy").is_dir());
    rustix::mount::unmount(trash.join("one/busy"), rustix::mount::UnmountFlags::DETACH).unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while trash.join("one").exists() {
        assert!(std::time::Instant::now() < until, "it is still there");
        std::thread::yield_now();
    }
}

#[test]
fn trash_is_deleted_however_deep() {
    let (_dir, snapshots) = store();
    let writable = snapshots.create_writable("c", &snapshots.lower_dirs(&[]).unwrap()).unwrap();
    // Deeper than any path can be: made by moving trees into one another.
    let mut at = openat(rustix::fs::CWD, &writable.upper, tree::HANDLE, Mode::empty()).unwrap();
    for _ in 0..3000 {
        mkdirat(&at, "deeper", Mode::from_raw_mode(0o700)).unwrap();
        at = openat(&at, "deeper", tree::HANDLE, Mode::empty()).unwrap();
    }
    snapshots.remove_writable("c").unwrap();
    snapshots.empty_trash().unwrap();
    assert_eq!(fs::read_dir(snapshots.inner.root.join("trash")).unwrap().count(), 0);
}

#[test]
fn mounts_are_detached_and_read_only_ones_refuse_writes() {
    let (_dir, snapshots) = store();
    let lowers = snapshots.lower_dirs(&[base(&snapshots)]).unwrap();
    let before = fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count();
    let root = snapshots.mount_detached(&lowers, None, MountOptions::default()).unwrap();
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count(), before);
    let error = mkdirat(&root, "x", Mode::from_raw_mode(0o700)).unwrap_err();
    assert_eq!(error, rustix::io::Errno::ROFS);
    let missing = [Path::new("/nonexistent/lower").to_path_buf()];
    assert!(snapshots.mount_detached(&missing, None, MountOptions::default()).is_err());
    // Renaming a directory of a lower layer: with redirects it would succeed and a diff would lose its content.
    let writable = snapshots.create_writable("c", &lowers).unwrap();
    let root = snapshots.mount_detached(&lowers, Some(&writable), MountOptions::default()).unwrap();
    assert_eq!(renameat(&root, "etc", &root, "etc2").unwrap_err(), rustix::io::Errno::XDEV);
}

#[test]
fn a_layer_equals_what_gnu_tar_makes_of_it() {
    let source = tempfile::tempdir().unwrap();
    let s = source.path();
    fs::create_dir_all(s.join("a/b/c")).unwrap();
    fs::write(s.join("a/b/c").join("n".repeat(250)), "long name").unwrap();
    fs::write(s.join("a/setuid"), "x").unwrap();
    std::os::unix::fs::chown(s.join("a/setuid"), Some(1000), Some(2_000_000_000)).unwrap();
    fs::set_permissions(s.join("a/setuid"), fs::Permissions::from_mode(0o6751)).unwrap();
    fs::hard_link(s.join("a/setuid"), s.join("a/z-link")).unwrap();
    symlink("../../outside", s.join("a/sym")).unwrap();
    symlink("t".repeat(200), s.join("a/long-target")).unwrap();
    mknodat(
        rustix::fs::CWD,
        s.join("a/null"),
        FileType::CharacterDevice,
        Mode::from_raw_mode(0o666),
        rustix::fs::makedev(1, 3),
    )
    .unwrap();
    mknodat(rustix::fs::CWD, s.join("a/fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let sparse = File::create(s.join("a/sparse")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"middle", 1 << 20).unwrap();
    sparse.set_len(3 << 20).unwrap();
    fs::set_permissions(s.join("a/b"), fs::Permissions::from_mode(0o2775)).unwrap();
    setxattr(s.join("a/b/c"), "user.note", b"1\n2", XattrFlags::empty()).unwrap();
    for format in [
        &["--format=gnu"][..],
        &["--format=gnu", "--sparse"],
        &["--format=posix", "--xattrs"],
        &["--format=posix", "--sparse"],
        &["--format=posix", "--sparse", "--sparse-version=0.1"],
    ] {
        let archive = std::process::Command::new("tar")
            .args(format)
            .args(["--numeric-owner", "-C"])
            .arg(s)
            .args(["-cf", "-", "."])
            .output()
            .unwrap();
        assert!(archive.status.success(), "{archive:?}");
        let (_dir, snapshots) = store();
        let applied = snapshots
            .apply(&ApplyOptions::default(), archive.stdout.as_slice())
            .unwrap_or_else(|error| panic!("{format:?}: {error}"));
        let layer = snapshots.layer_dir(&applied.diff_id);
        assert_eq!(listing(&layer), listing(s), "{format:?}");
        assert_eq!(
            fs::read(layer.join("a/sparse")).unwrap(),
            fs::read(s.join("a/sparse")).unwrap(),
            "{format:?}"
        );
        assert_eq!(
            fs::metadata(layer.join("a/b")).unwrap().mtime(),
            fs::metadata(s.join("a/b")).unwrap().mtime()
        );
        assert!(fs::metadata(layer.join("a/fifo")).unwrap().file_type().is_fifo());
        if format.contains(&"--sparse") {
            assert!(
                fs::metadata(layer.join("a/sparse")).unwrap().blocks() < 1000,
                "{format:?}: holes must stay holes"
            );
        }
        if format.contains(&"--xattrs") {
            let mut value = [0; 8];
            let count = rustix::fs::getxattr(layer.join("a/b/c"), "user.note", &mut value).unwrap();
            assert_eq!(&value[..count], b"1\n2");
        }
    }
}

#[test]
fn damaged_streams_leave_nothing() {
    let (_dir, snapshots) = store();
    let bytes = tar(&[dir("a"), file("a/b", "content")]);
    for end in [1, 511, 512, 600, 1024, 1500] {
        let result = snapshots.apply(&ApplyOptions::default(), &bytes[..end]);
        // A cut between entries cannot be told from an end, as in every tar reader: the digest tells.
        assert_eq!(result.is_ok(), end == 512, "{end}");
    }
    let mut flipped = bytes.clone();
    flipped[0] ^= 1;
    assert!(
        snapshots
            .apply(&ApplyOptions::default(), flipped.as_slice())
            .unwrap_err()
            .to_string()
            .contains("checksum")
    );
    assert!(snapshots.apply(&ApplyOptions::default(), io::repeat(7).take(2048)).is_err());
    assert_eq!(snapshots.list_layers().unwrap().len(), 1);
}
