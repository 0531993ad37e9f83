//! The walk against the kernel: the same paths lead to the same places, or to the same errors.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{CWD, fstat};

use super::*;

/// A tree with directories, a file, and links of every direction, with something beside it.
fn tree() -> (tempfile::TempDir, OwnedFd) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    fs::write(root.join("f"), "file").unwrap();
    fs::write(root.join("a/f"), "another").unwrap();
    for (target, name) in [
        ("/a", "abs"),
        ("../a/../../a", "a/up"),
        ("a/b/../f", "l"),
        ("missing", "dangling"),
        ("/../../etc", "out"),
        ("loop", "loop"),
        ("../f", "a/b/l"),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    let fd = openat(CWD, &root, directory(), Mode::empty()).unwrap();
    (dir, fd)
}

fn identity(result: Result<OwnedFd, Errno>) -> Result<(u64, u64), Errno> {
    result.map(|fd| fstat(&fd).map(|stat| (stat.st_dev, stat.st_ino)).unwrap())
}

#[test]
fn the_walk_goes_where_the_kernel_goes() {
    let (_dir, root) = tree();
    let names = ["a", "b", "f", "l", "up", "abs", "out", "loop", "dangling", "..", "."];
    let mut paths: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    for _ in 0..3 {
        paths = paths
            .iter()
            .flat_map(|path| names.iter().map(move |name| format!("{path}/{name}")))
            .chain(names.iter().map(|name| (*name).to_owned()))
            .collect();
    }
    let mut found = 0;
    for path in &paths {
        for flags in [
            OFlags::PATH,
            OFlags::PATH | OFlags::DIRECTORY,
            OFlags::PATH | OFlags::NOFOLLOW,
            OFlags::RDONLY,
            OFlags::RDONLY | OFlags::NOFOLLOW,
        ] {
            for no_links in [false, true] {
                let flags = flags | OFlags::CLOEXEC;
                let more = if no_links { ResolveFlags::NO_SYMLINKS } else { ResolveFlags::empty() };
                let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | more;
                let kernel = loop {
                    match openat2(&root, path.as_str(), flags, Mode::empty(), resolve) {
                        Err(Errno::AGAIN) => {}
                        other => break identity(other),
                    }
                };
                let nothing: Make<'_> = &mut |_, _, _| Err(Errno::NOENT);
                let walked = identity(walk(root.as_fd(), Path::new(path), flags, no_links, nothing));
                found += u32::from(kernel.is_ok());
                // `f/.` and `f/..` are errors of the kernel's; a path of components has no trailing `.`.
                if !(path.ends_with("/.") || path.contains("/./") || path.starts_with("./")) {
                    assert_eq!(walked, kernel, "{path} {flags:?} {no_links}");
                }
            }
        }
    }
    assert!(found > 1000, "{found}");
}

#[test]
fn renames_elsewhere_that_never_end_are_no_error() {
    let (dir, root) = tree();
    let (stop, renames) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (stop, renames, dir) = (&stop, &renames, dir.path());
            scope.spawn(move || {
                let (one, other) = (dir.join(format!("{thread}-one")), dir.join(format!("{thread}-other")));
                fs::write(&one, "").unwrap();
                while !stop.load(Ordering::Relaxed) {
                    fs::rename(&one, &other).unwrap();
                    fs::rename(&other, &one).unwrap();
                    renames.fetch_add(2, Ordering::Relaxed);
                }
            });
        }
        // Long enough that there is always a rename before its end: without the walk nearly every lookup fails.
        let path = format!("a/{}f", "b/../".repeat(600));
        let mut lookups = 0;
        while renames.load(Ordering::Relaxed) < 20_000 || lookups < 200 {
            let result = open(&root, Path::new(&path), OFlags::PATH, ResolveFlags::empty());
            if result.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            result.unwrap();
            lookups += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
}
