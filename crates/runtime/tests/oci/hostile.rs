//! Images and specs that try to get out.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::json;

use crate::bundle::Bundle;

/// A directory outside the root that nothing may touch.
fn canary(bundle: &Bundle) -> PathBuf {
    let path = bundle.dir.path().join("canary");
    fs::create_dir(&path).unwrap();
    path
}

fn replace(bundle: &Bundle, name: &str, target: &std::path::Path) {
    let path = bundle.root().join(name);
    fs::remove_dir_all(&path).unwrap();
    symlink(target, path).unwrap();
}

/// CVE-2019-19921, CVE-2023-27561, CVE-2023-28642.
#[test]
fn path_cve_2019_19921_proc_and_sys_may_not_be_links() {
    for name in ["proc", "sys"] {
        let bundle = Bundle::new("true");
        fs::create_dir(bundle.root().join("real")).unwrap();
        replace(&bundle, name, "/real".as_ref());
        let ran = bundle.run();
        assert_ne!(ran.code, 0);
        assert!(
            ran.err.contains("must be mounted on an ordinary directory")
                || ran.err.contains("create mountpoint"),
            "{ran:?}"
        );
        bundle.finish();
    }
}

/// CVE-2026-41579 and its kin: every top directory an absolute, a relative and a looping link.
#[test]
fn path_cve_2026_41579_top_directories_that_are_links_lead_nowhere_outside() {
    for name in ["dev", "etc", "tmp", "root"] {
        for kind in ["absolute", "relative", "loop"] {
            let mut bundle = Bundle::new("true");
            let canary = canary(&bundle);
            let target = match kind {
                "absolute" => canary.clone(),
                "relative" => {
                    PathBuf::from("../../../../../../../../../..").join(canary.strip_prefix("/").unwrap())
                }
                _ => PathBuf::from(name),
            };
            replace(&bundle, name, &target);
            let mounts = bundle.spec["mounts"].as_array_mut().unwrap();
            mounts.push(json!({ "destination": format!("/{name}/sub/file"), "type": "bind", "source": "config.json", "options": ["bind"] }));
            let ran = bundle.run();
            assert!(
                ran.code == 0 || ran.err.contains("too many levels") || kind == "loop",
                "{name} {kind}: {ran:?}"
            );
            assert_eq!(fs::read_dir(&canary).unwrap().count(), 0, "{name} {kind}");
            bundle.finish();
        }
    }
}

/// CVE-2024-21626.
#[test]
fn fd_cve_2024_21626_a_working_directory_behind_a_descriptor_is_refused() {
    for number in 0..24 {
        let mut bundle = Bundle::new("cat /proc/self/mounts; ls ../../../../");
        bundle.spec["process"]["cwd"] = json!(format!("/proc/self/fd/{number}"));
        let ran = bundle.run();
        assert_ne!(ran.code, 0, "{number}: {ran:?}");
        assert!(ran.err.contains("chdir to cwd"), "{ran:?}");
        bundle.finish();
    }
}

/// CVE-2019-16884, CVE-2015-3631.
#[test]
fn mnt_cve_2019_16884_nothing_is_mounted_inside_proc() {
    for destination in ["/proc/self/attr", "/proc/1", "/link/self"] {
        let mut bundle = Bundle::new("true");
        symlink("/proc", bundle.root().join("link")).unwrap();
        let mounts = bundle.spec["mounts"].as_array_mut().unwrap();
        mounts.push(json!({ "destination": destination, "type": "tmpfs", "source": "tmpfs", "options": [] }));
        let ran = bundle.run();
        assert!(ran.err.contains("inside /proc"), "{destination}: {ran:?}");
        bundle.finish();
    }
}

/// CVE-2025-31133: what hidden files are hidden behind is the null device, whatever the image's is.
#[test]
fn mask_cve_2025_31133_hidden_files_are_behind_the_null_device() {
    let bundle = Bundle::new(
        "echo gone > /proc/timer_list; stat -c %t:%T /proc/timer_list /proc/keys; cat /proc/keys",
    );
    let ran = bundle.run();
    assert_eq!((ran.code, ran.out.as_str()), (0, "1:3\n1:3\n"), "{ran:?}");
    bundle.finish();
}

/// CVE-2022-29162, CVE-2022-24769 and the `youki` family.
#[test]
fn cap_cve_2022_29162_inheritable_is_empty_and_no_block_means_none() {
    let look = "grep -E '^Cap' /proc/self/status";
    let bundle = Bundle::new(look);
    let ran = bundle.run();
    assert!(
        ran.out.contains("CapInh:\t0000000000000000") && ran.out.contains("CapAmb:\t0000000000000000"),
        "{ran:?}"
    );
    bundle.finish();
    let mut bundle = Bundle::new(look);
    bundle.spec["process"]["capabilities"] = serde_json::Value::Null;
    let ran = bundle.run();
    assert_eq!(ran.out.matches("0000000000000000").count(), 5, "{ran:?}");
    bundle.finish();
}

/// CVE-2026-47262 and its kin.
#[test]
fn dos_cve_2026_47262_a_passwd_that_is_no_file_is_refused() {
    let bundle = Bundle::new("sleep 1000");
    bundle.start();
    let passwd = bundle.root().join("etc/passwd");
    fs::remove_file(&passwd).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &passwd, rustix::fs::Mode::from_raw_mode(0o644)).unwrap();
    let ran = bundle.ours(&["exec", "--user", "app", "ID", "true"]);
    assert!(ran.err.contains("not a regular file"), "{ran:?}");
    bundle.finish();
}

/// CVE-2023-25809, CVE-2022-0492.
#[test]
fn cg_cve_2023_25809_control_groups_cannot_be_written() {
    let bundle = Bundle::new(
        "for d in /sys/fs/cgroup /sys/fs/cgroup/*; do touch $d/x && echo open $d; mkdir $d/y && echo open $d; done",
    );
    let ran = bundle.run();
    assert_eq!(ran.out, "", "{ran:?}");
    assert!(ran.err.contains("Read-only"), "{ran:?}");
    bundle.finish();
}

/// Devices that are not allowed stay closed though their nodes can be made.
#[test]
fn cg_go_2022_0396_other_devices_are_closed() {
    let bundle = Bundle::new(
        "mknod /fuse c 10 229 && mknod /memory c 1 1 && mknod /disk b 254 0 && echo made; for d in /fuse /memory /disk; do head -c 1 $d; done; cat /dev/null",
    );
    let ran = bundle.run();
    assert_eq!(ran.out, "made\n", "{ran:?}");
    assert_eq!(ran.err.matches("Operation not permitted").count(), 3, "{ran:?}");
    bundle.finish();
}

/// CVE-2021-30465, CVE-2024-45310: a mount's destination in a shared volume, swapped for a link to the outside all the
/// time it is being made and mounted on.
#[test]
fn race_cve_2021_30465_a_destination_swapped_under_our_hands_stays_inside() {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    const STARTS: usize = 200;
    /// Exchanges that each start overlaps with, at the least.
    const EXCHANGES: usize = 10;
    let mut bundle = Bundle::new("true");
    let canary = canary(&bundle);
    let volume = bundle.dir.path().join("volume");
    fs::create_dir_all(volume.join("a")).unwrap();
    symlink(&canary, volume.join("b")).unwrap();
    let mounts = bundle.spec["mounts"].as_array_mut().unwrap();
    mounts
        .push(json!({ "destination": "/volume", "type": "bind", "source": "volume", "options": ["rbind"] }));
    mounts.push(
        json!({ "destination": "/volume/a/new/dir", "type": "tmpfs", "source": "tmpfs", "options": [] }),
    );
    mounts.push(json!({ "destination": "/volume/a/file", "type": "bind", "source": "config.json", "options": ["bind"] }));
    let (done, exchanges) = (AtomicBool::new(false), AtomicUsize::new(0));
    let swap = || {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        while !done.load(Ordering::Relaxed) {
            renameat_with(CWD, volume.join("a"), CWD, volume.join("b"), RenameFlags::EXCHANGE).unwrap();
            exchanges.fetch_add(1, Ordering::Relaxed);
        }
    };
    let inside = bundle.root().join(canary.strip_prefix("/").unwrap());
    let mut met = [0; 2];
    std::thread::scope(|scope| {
        scope.spawn(swap);
        for _ in 0..STARTS {
            let goal = exchanges.load(Ordering::Relaxed) + EXCHANGES;
            // Whether it works is luck; what it touches is not.
            bundle.run();
            assert_eq!(fs::read_dir(&canary).unwrap().count(), 0);
            // What the link means inside the root is made there.
            met[usize::from(fs::remove_dir_all(&inside).is_ok())] += 1;
            while exchanges.load(Ordering::Relaxed) < goal {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    println!("{} exchanges, {met:?}", exchanges.into_inner());
    assert!(met[0] > 0 && met[1] > 0, "only one side was ever met: {met:?}");
    bundle.finish();
}

/// CVE-2019-5736: the engine's own program is the container's entry point by way of `/proc/self/exe`.
#[test]
fn exe_cve_2019_5736_the_runtimes_program_cannot_be_reached() {
    let before = fs::metadata(crate::bundle::program()).unwrap();
    let mut bundle = Bundle::new("");
    fs::write(bundle.root().join("entry"), "#!/proc/self/exe\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(bundle.root().join("entry"), mode).unwrap();
    bundle.spec["process"]["args"] = json!(["/entry", "state"]);
    let ran = bundle.run();
    // By then `/proc/self/exe` is the script's own interpreter chain, which ends nowhere.
    assert_ne!(ran.code, 0, "{ran:?}");
    bundle.finish();
    // What a container may see of it before its own program is executed is a copy that nobody can write to.
    let bundle = Bundle::new("true");
    bundle.write();
    let mut create = bundle.call(&crate::bundle::program(), &["create", "--pid-file", "pid", "ID"]);
    assert!(create.status().unwrap().success());
    let pid = fs::read_to_string(bundle.dir.path().join("pid")).unwrap();
    let exe = format!("/proc/{}/exe", pid.trim());
    let target = fs::read_link(&exe).unwrap();
    assert!(target.to_string_lossy().starts_with("/memfd:"), "{}", target.display());
    assert!(fs::File::options().write(true).open(&exe).is_err(), "it can be written to");
    let after = fs::metadata(crate::bundle::program()).unwrap();
    assert_eq!((before.len(), before.modified().unwrap()), (after.len(), after.modified().unwrap()));
    bundle.finish();
}
