//! The hostile families: each archive must be refused or stay inside, and a canary outside must never change.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::*;
use crate::limits::{DEPTH_MAX, EXTENDED_HEADER_BYTES_MAX};
use crate::tarball::Writer;
use crate::tests::{apply, dir, file, link, store, tar};
use crate::{ApplyOptions, Snapshots};

/// A place to extract into, beside a tree that must not change.
struct Yard {
    dir: tempfile::TempDir,
}

impl Yard {
    fn new() -> Self {
        let yard = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(yard.root()).unwrap();
        fs::create_dir(yard.outside()).unwrap();
        fs::write(yard.outside().join("canary"), "alive").unwrap();
        fs::set_permissions(yard.outside().join("canary"), fs::Permissions::from_mode(0o640)).unwrap();
        yard
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn outside(&self) -> PathBuf {
        self.dir.path().join("outside")
    }

    fn extract(&self, policy: Policy, archive: &[u8]) -> Result<Extracted> {
        let root = openat(CWD, self.root(), tree::DIRECTORY, Mode::empty()).unwrap();
        Extractor::new(root.as_fd(), Vec::new(), policy)?.run(&mut Reader::new(archive))
    }

    fn layer(&self, entries: &[Entry]) -> Result<Extracted> {
        self.extract(Policy { layer: true, ..Policy::default() }, &tar(entries))
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Everything outside is as it was made.
    #[track_caller]
    fn assert_outside_untouched(&self) {
        let names: Vec<_> = fs::read_dir(self.outside()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["canary"]);
        let canary = fs::metadata(self.outside().join("canary")).unwrap();
        assert_eq!((canary.mode() & 0o7777, canary.uid(), canary.nlink()), (0o640, 0, 1));
        assert_eq!(fs::read_to_string(self.outside().join("canary")).unwrap(), "alive");
        assert_eq!(fs::read_dir(self.dir.path()).unwrap().count(), 2);
    }
}

#[test]
fn cve_2014_9356_paths_that_lead_out_are_refused_and_absolute_ones_stay_inside() {
    for path in ["../outside/x", "a/../../outside/x", "..", "/../x", "./../x"] {
        let yard = Yard::new();
        let error = yard.layer(&[file(path, "evil")]).unwrap_err();
        assert!(error.to_string().contains("leads out of the tree"), "{path}: {error}");
        yard.assert_outside_untouched();
    }
    let yard = Yard::new();
    let absolute = yard.outside().join("canary");
    yard.layer(&[file(absolute.to_str().unwrap(), "inside"), file("//x//y", "1"), file("a/../b", "2")])
        .unwrap();
    assert_eq!(yard.read(absolute.to_str().unwrap().trim_start_matches('/')), "inside");
    assert_eq!((yard.read("x/y"), yard.read("b")), ("1".into(), "2".into()));
    yard.assert_outside_untouched();
}

/// CVE-2026-17106, CVE-2014-6407, CVE-2025-11395: links of every kind, reached in every way, and then written through.
#[test]
fn cve_2026_17106_link_matrix() {
    let mut cases = 0;
    for kind in [Kind::Symlink, Kind::HardLink] {
        for chain in [1, 2, 5, 40] {
            for target_form in 0..5 {
                for then in 0..6 {
                    let yard = Yard::new();
                    let outside = yard.outside();
                    let target = match target_form {
                        0 => outside.to_str().unwrap().to_owned(),
                        1 => outside.join("canary").to_str().unwrap().to_owned(),
                        2 => "../outside".into(),
                        3 => "../../../../../../../../../../../..".to_owned() + outside.to_str().unwrap(),
                        _ => "/proc/self/cwd/../../etc".into(),
                    };
                    let mut entries = vec![link("l1", kind, &target)];
                    entries.extend((2..=chain).map(|n| link(&format!("l{n}"), kind, &format!("l{}", n - 1))));
                    let last = format!("l{chain}");
                    entries.push(match then {
                        0 => file(&format!("{last}/evil"), "evil"),
                        1 => file(&last, "evil"),
                        2 => Entry { uid: 4242, ..Entry::new(last.as_str(), Kind::Dir, 0o777) },
                        3 => link("hard", Kind::HardLink, &format!("{last}/canary")),
                        4 => file(&format!("{last}/.wh.canary"), ""),
                        _ => file(&format!("{last}/.wh..wh..opq"), ""),
                    });
                    // A second write through what may have become of it.
                    entries.push(file("hard", "evil"));
                    let _ = yard.layer(&entries);
                    yard.assert_outside_untouched();
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 240);
}

#[test]
fn cve_2026_33056_a_directory_entry_replaces_a_symlink_and_changes_no_mode_through_it() {
    let yard = Yard::new();
    let outside = yard.outside().to_str().unwrap().to_owned();
    let before = fs::metadata(yard.outside()).unwrap().mode();
    yard.layer(&[
        link("l", Kind::Symlink, &outside),
        Entry { uid: 7, ..Entry::new("l", Kind::Dir, 0o777) },
        file("l/inside", "1"),
    ])
    .unwrap();
    assert_eq!(fs::metadata(yard.outside()).unwrap().mode(), before);
    let made = fs::symlink_metadata(yard.root().join("l")).unwrap();
    assert!(made.is_dir() && made.mode() & 0o7777 == 0o777 && made.uid() == 7);
    assert_eq!(yard.read("l/inside"), "1");
    yard.assert_outside_untouched();
}

#[test]
fn links_in_the_middle_of_a_path_lead_inside() {
    let yard = Yard::new();
    yard.layer(&[
        dir("usr"),
        dir("usr/lib"),
        link("lib", Kind::Symlink, "/usr/lib"),
        link("up", Kind::Symlink, "../../../usr"),
        file("lib/a", "1"),
        file("up/lib/b", "2"),
        link("hard", Kind::HardLink, "lib/a"),
    ])
    .unwrap();
    assert_eq!(
        (yard.read("usr/lib/a"), yard.read("usr/lib/b"), yard.read("hard")),
        ("1".into(), "2".into(), "1".into())
    );
    let dangling = yard.layer(&[link("d", Kind::Symlink, "/not/there"), file("d/x", "")]).unwrap_err();
    assert!(dangling.to_string().contains("open \"d\""), "{dangling}");
}

#[test]
fn later_entries_replace_earlier_ones_and_directories_merge() {
    let yard = Yard::new();
    yard.layer(&[
        dir("d"),
        file("d/kept", "1"),
        Entry { uid: 5, ..Entry::new("d", Kind::Dir, 0o700) },
        file("f", "old"),
        file("f", "new"),
        dir("was_dir"),
        file("was_dir/deep", ""),
        file("was_dir", "file"),
        file("was_file", ""),
        file("was_file/", ""),
        link("s", Kind::Symlink, "f"),
        file("s", "own"),
    ])
    .unwrap();
    let d = fs::metadata(yard.root().join("d")).unwrap();
    assert_eq!((d.mode() & 0o7777, d.uid(), yard.read("d/kept")), (0o700, 5, "1".into()));
    assert_eq!(
        (yard.read("f"), yard.read("was_dir"), yard.read("s")),
        ("new".into(), "file".into(), "own".into())
    );
    assert!(yard.root().join("was_file").is_dir());
}

#[test]
fn replacing_one_name_of_a_hard_link_leaves_the_other() {
    let yard = Yard::new();
    yard.layer(&[file("a", "1"), link("b", Kind::HardLink, "/a"), file("a", "2")]).unwrap();
    assert_eq!((yard.read("a"), yard.read("b")), ("2".into(), "1".into()));
    for entry in [
        link("b", Kind::HardLink, "b"),
        link("c", Kind::HardLink, "missing"),
        link("c", Kind::HardLink, "../x"),
        link("c", Kind::HardLink, "/"),
    ] {
        assert!(yard.layer(std::slice::from_ref(&entry)).is_err(), "{entry:?}");
    }
    assert_eq!(yard.read("b"), "1");
}

fn is_whiteout(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_char_device() && m.rdev() == 0)
}

fn is_opaque(path: &Path) -> bool {
    let mut value = [0; 4];
    rustix::fs::lgetxattr(path, whiteout::OPAQUE_XATTR, &mut value).is_ok_and(|count| &value[..count] == b"y")
}

#[test]
fn whiteouts_become_those_of_overlayfs() {
    let yard = Yard::new();
    let done = yard
        .layer(&[
            file(".wh.gone", ""),
            file("new/.wh.gone", ""),
            file("opaque/.wh..wh..opq", ""),
            file("opaque/kept", "1"),
            // Beside an entry of the same name, in either order.
            file("file", "2"),
            file(".wh.file", ""),
            dir("dir"),
            file("dir/x", "3"),
            file(".wh.dir", ""),
            file(".wh.later", ""),
            dir("later"),
            file("later/y", "4"),
            file(".wh.later_file", ""),
            file("later_file", "5"),
            // Leavings of an old union filesystem.
            dir(".wh..wh.plnk"),
            file(".wh..wh.plnk/12.34", ""),
            file(".wh..wh.aufs", ""),
        ])
        .unwrap();
    assert!(!done.opaque_root);
    let path = |name: &str| yard.root().join(name);
    assert!(is_whiteout(&path("gone")) && is_whiteout(&path("new/gone")));
    assert!(is_opaque(&path("opaque")) && !path("opaque/.wh..wh..opq").exists());
    assert!(is_opaque(&path("dir")) && is_opaque(&path("later")) && !is_opaque(&path("new")));
    for (name, content) in
        [("opaque/kept", "1"), ("file", "2"), ("dir/x", "3"), ("later/y", "4"), ("later_file", "5")]
    {
        assert_eq!(yard.read(name), content);
    }
    let names: Vec<_> = fs::read_dir(yard.root()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_str().unwrap().starts_with(".wh.")), "{names:?}");
    assert!(yard.layer(&[file(".wh..wh..opq", "")]).unwrap().opaque_root);
    assert!(!is_opaque(&yard.root()));
}

#[test]
fn whiteout_family_of_hostile_names_is_refused() {
    for entry in [
        file(".wh.", ""),
        file(".wh..", ""),
        file(".wh...", ""),
        file("a/.wh...", ""),
        file(".wh.a/b", ""),
        Entry { device: (0, 0), ..Entry::new("zero", Kind::Char, 0o600) },
    ] {
        let yard = Yard::new();
        let error = yard.layer(std::slice::from_ref(&entry)).expect_err(&entry.display());
        assert_eq!(error.class(), errdefs::Class::InvalidParameter, "{error}");
        yard.assert_outside_untouched();
    }
    let yard = Yard::new();
    let error = yard.layer(&[file(".wh.a", ""), link("b", Kind::HardLink, "a")]).unwrap_err();
    assert!(error.to_string().contains("hard link to a deletion"), "{error}");
    // Outside of layers these names mean nothing.
    yard.extract(Policy::default(), &tar(&[file(".wh.x", "plain"), file(".wh..wh..opq", "plain")])).unwrap();
    assert_eq!((yard.read(".wh.x"), yard.read(".wh..wh..opq")), ("plain".into(), "plain".into()));
}

#[test]
fn orders_to_overlayfs_in_attributes_are_dropped() {
    let yard = Yard::new();
    let mut entry = dir("d");
    for (name, value) in [
        ("trusted.overlay.opaque", "y"),
        ("trusted.overlay.redirect", "/etc"),
        ("user.overlay.opaque", "y"),
        ("trusted.other", "1"),
        ("security.selinux", "label"),
        ("user.kept", "yes"),
    ] {
        entry.xattrs.push((name.into(), value.into()));
    }
    yard.layer(&[entry]).unwrap();
    let mut list = [0u8; 1024];
    let size = rustix::fs::llistxattr(yard.root().join("d"), &mut list).unwrap();
    assert_eq!(String::from_utf8_lossy(&list[..size]), "user.kept\0");
}

#[test]
fn modes_owners_times_and_devices_are_as_told() {
    let yard = Yard::new();
    let time = Time { seconds: 1_000_000_000, nanoseconds: 123_456_789 };
    let with = |mut entry: Entry, mode, uid, gid| {
        (entry.mode, entry.uid, entry.gid, entry.mtime) = (mode, uid, gid, time);
        entry
    };
    yard.layer(&[
        with(dir("d"), 0o3777, 1, 2),
        with(file("d/suid", "x"), 0o6755, 3, 4),
        with(file("d/rootsuid", "x"), 0o4711, 0, 0),
        with(file("d/plain", "x"), 0o666, 0, 0),
        with(link("d/s", Kind::Symlink, "plain"), 0o777, 5, 6),
        with(Entry { device: (1, 3), ..Entry::new("d/null", Kind::Char, 0) }, 0o666, 7, 0),
        with(Entry { device: (7, 300), ..Entry::new("d/loop", Kind::Block, 0) }, 0o660, 0, 8),
        with(Entry::new("d/fifo", Kind::Fifo, 0), 0o622, 9, 9),
        with(file("big_ids", ""), 0o644, u32::MAX - 1, 3_000_000_000),
    ])
    .unwrap();
    for (path, mode, uid, gid) in [
        ("d", 0o043_777, 1, 2),
        ("d/suid", 0o106_755, 3, 4),
        ("d/rootsuid", 0o104_711, 0, 0),
        ("d/plain", 0o100_666, 0, 0),
        ("d/s", 0o120_777, 5, 6),
        ("d/null", 0o020_666, 7, 0),
        ("d/loop", 0o060_660, 0, 8),
        ("d/fifo", 0o010_622, 9, 9),
        ("big_ids", 0o100_644, u32::MAX - 1, 3_000_000_000),
    ] {
        let m = fs::symlink_metadata(yard.root().join(path)).unwrap();
        assert_eq!((m.mode(), m.uid(), m.gid()), (mode, uid, gid), "{path}");
        assert_eq!((m.mtime(), m.mtime_nsec()), (time.seconds, i64::from(time.nanoseconds)), "{path}");
    }
    let rdev = |path: &str| fs::symlink_metadata(yard.root().join(path)).unwrap().rdev();
    assert_eq!(rdev("d/null"), rustix::fs::makedev(1, 3));
    assert_eq!(rdev("d/loop"), rustix::fs::makedev(7, 300));
}

#[test]
fn cve_2017_14992_bombs_meet_limits() {
    let yard = Yard::new();
    let policy = Policy { layer: true, max_bytes: Some(1000), ..Policy::default() };
    let error = yard
        .extract(policy.clone(), &tar(&[file("a", &"x".repeat(600)), file("b", &"x".repeat(600))]))
        .unwrap_err();
    assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
    yard.extract(policy, &tar(&[file("c", &"x".repeat(1000))])).unwrap();
    // A tree too deep to walk, and names too long to have.
    let deep = "d/".repeat(DEPTH_MAX + 1);
    assert!(yard.layer(&[dir(&deep)]).unwrap_err().to_string().contains("too deep"));
    assert!(
        yard.layer(&[file(&"n".repeat(256), "")]).unwrap_err().to_string().contains("component is too long")
    );
    assert!(yard.layer(&[file(&"n/".repeat(2100), "")]).unwrap_err().to_string().contains("too long"));
    // An attribute of gigabytes: told by the header alone, before anything is read.
    let mut header = tar(&[file("x", "")]);
    header[156] = b'x';
    header[124..136].copy_from_slice(b"77777777777\0");
    fix_checksum(&mut header);
    let endless =
        std::io::BufReader::new(std::io::Cursor::new(header[..512].to_vec()).chain(std::io::repeat(b'1')));
    let root = openat(CWD, yard.root(), tree::DIRECTORY, Mode::empty()).unwrap();
    let error = Extractor::new(root.as_fd(), Vec::new(), Policy::default())
        .unwrap()
        .run(&mut Reader::new(endless))
        .unwrap_err();
    assert!(error.to_string().contains(&format!("the limit here is {EXTENDED_HEADER_BYTES_MAX}")), "{error}");
    yard.assert_outside_untouched();
}

#[test]
fn a_sparse_file_of_exbibytes_is_what_the_filesystem_says_and_a_refused_one_leaves_no_layer() {
    let (dir, snapshots) = store();
    let mut bytes = tar(&[file("x", "")]);
    bytes[156] = b'S';
    bytes[257..265].copy_from_slice(b"ustar  \0");
    // The real size, base-256: 2^63 - 1.
    bytes[483..495].copy_from_slice(&[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    fix_checksum(&mut bytes);
    let applied = snapshots.apply(&ApplyOptions::default(), bytes.as_slice());
    // ext4 and xfs have files of some tebibytes, tmpfs of any size that a number can say.
    match fs::File::create(dir.path().join("probe")).unwrap().set_len(i64::MAX as u64) {
        Ok(()) => assert_eq!(applied.unwrap().size, i64::MAX as u64),
        Err(_) => {
            let error = applied.unwrap_err();
            assert!(error.to_string().contains("make a sparse file"), "{error}");
            assert!(snapshots.list_layers().unwrap().is_empty());
        }
    }
}

fn fix_checksum(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block[..512].iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn a_tarball_of_zeros_without_end_is_read_without_being_held() {
    // A layer of a terabyte of zeros after its end: streamed, hashed, never stored. Cut off here after 256 MiB.
    let (_dir, snapshots) = store();
    let stream = std::io::Cursor::new(tar(&[file("a", "1")])).chain(std::io::repeat(0).take(256 << 20));
    let before = peak_memory();
    let applied = snapshots.apply(&ApplyOptions::default(), stream).unwrap();
    assert_eq!(applied.size, 1);
    assert!(peak_memory() - before < 64 << 20, "{} bytes more", peak_memory() - before);
}

fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn no_overwrite_dir_non_dir_refuses_in_both_directions() {
    let policy = Policy { no_overwrite_dir_non_dir: true, ..Policy::default() };
    let yard = Yard::new();
    yard.layer(&[dir("d"), file("d/x", "1"), file("f", "2")]).unwrap();
    let error = yard.extract(policy.clone(), &tar(&[file("d", "evil")])).unwrap_err();
    assert!(error.to_string().contains("cannot overwrite directory \"d\" with non-directory"), "{error}");
    let error = yard.extract(policy.clone(), &tar(&[dir("f")])).unwrap_err();
    assert!(error.to_string().contains("cannot overwrite non-directory \"f\" with directory"), "{error}");
    assert_eq!((yard.read("d/x"), yard.read("f")), ("1".into(), "2".into()));
    yard.extract(policy, &tar(&[dir("d"), file("f", "3")])).unwrap();
    assert_eq!((yard.read("d/x"), yard.read("f")), ("1".into(), "3".into()));
}

#[test]
fn chown_gives_everything_to_one_owner() {
    let yard = Yard::new();
    let policy = Policy { chown: Some((12, 34)), ..Policy::default() };
    yard.extract(
        policy,
        &tar(&[
            dir("d"),
            file("d/f", ""),
            link("d/s", Kind::Symlink, "f"),
            Entry { uid: 9, ..file("g", "") },
        ]),
    )
    .unwrap();
    for path in ["d", "d/f", "d/s", "g"] {
        let m = fs::symlink_metadata(yard.root().join(path)).unwrap();
        assert_eq!((m.uid(), m.gid()), (12, 34), "{path}");
    }
}

pub(crate) struct StopOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// CVE-2018-15664, CVE-2025-47290, CVE-2026-42306: someone swaps a directory for a link to outside, all the time.
#[test]
fn cve_2018_15664_a_swapping_thread_never_gets_a_write_outside() {
    const ROUNDS: usize = 2000;
    let yard = Yard::new();
    fs::create_dir(yard.root().join("d")).unwrap();
    symlink(yard.outside(), yard.root().join("evil")).unwrap();
    let archive = tar(&[
        dir("d"),
        file("d/canary", "evil"),
        file("d/new", "evil"),
        dir("d/sub"),
        file("d/sub/deep", "evil"),
        link("d/hard", Kind::HardLink, "d/canary"),
        Entry { uid: 4242, ..Entry::new("d", Kind::Dir, 0o777) },
    ]);
    let stop = AtomicBool::new(false);
    let root = yard.root();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let _ = renameat_with(CWD, root.join("d"), CWD, root.join("evil"), RenameFlags::EXCHANGE);
            }
        });
        let _stop = StopOnDrop(&stop); // also when an assertion fails, or the scope would wait for ever
        let mut successes = 0;
        for round in 0..ROUNDS {
            // Errors are fine (the ground moves); so is success, inside.
            successes += usize::from(yard.extract(Policy::default(), &archive).is_ok());
            if round % 100 == 0 {
                yard.assert_outside_untouched();
            }
            // The extractor replaces a link that is in a directory's place; put one back for the next round.
            if fs::symlink_metadata(root.join("evil")).is_ok_and(|m| m.is_dir())
                && fs::symlink_metadata(root.join("d")).is_ok_and(|m| m.is_dir())
            {
                let _ = fs::remove_dir_all(root.join("evil"));
                let _ = symlink(yard.outside(), root.join("evil"));
            }
        }
        assert!(successes > 0, "the race must not make everything fail, or it tests nothing");
    });
    yard.assert_outside_untouched();
}

#[test]
fn layers_applied_in_parallel_do_not_meet() {
    let (_dir, snapshots) = store();
    let make = |snapshots: &Snapshots, n: usize| {
        let entries: Vec<_> = (0..50).map(|f| file(&format!("dir{n}/f{f}"), &format!("{n}"))).collect();
        apply(snapshots, &entries).unwrap()
    };
    // Every layer twice, from two threads.
    let layers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|n| (n / 2, &snapshots)).map(|(n, s)| scope.spawn(move || make(s, n))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (n, layer) in layers.iter().enumerate() {
        let content =
            fs::read_to_string(snapshots.layer_dir(layer).join(format!("dir{}/f49", n / 2))).unwrap();
        assert_eq!(content, format!("{}", n / 2));
    }
    assert_eq!(snapshots.list_layers().unwrap().len(), 4);
}

#[test]
fn many_directories_keep_their_times() {
    let yard = Yard::new();
    let mut writer = Writer::new(Vec::new());
    for n in 0..200 {
        let mut entry = dir(&format!("d{n}"));
        entry.mtime = Time { seconds: n, nanoseconds: 0 };
        writer.append(&entry, &mut std::io::empty()).unwrap();
    }
    for n in 0..200 {
        writer.append(&Entry::new(format!("d{n}/f"), Kind::File, 0o600), &mut std::io::empty()).unwrap();
    }
    yard.extract(Policy::default(), &writer.finish().unwrap()).unwrap();
    for n in 0..200 {
        assert_eq!(fs::metadata(yard.root().join(format!("d{n}"))).unwrap().mtime(), n);
    }
}
