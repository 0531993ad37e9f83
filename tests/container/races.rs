//! Races: a component of a path is exchanged with a link to the outside all the time, while the engine walks over it.
//!
//! What is counted is work, not time: every operation overlaps with a number of exchanges, whatever the machine does
//! meanwhile, and a test ends when both sides have won: some operations have met the directory and some the link. A
//! canary is a directory of the host that a container was never given: whatever happens, it stays as it was.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use testkit::{Api, Daemon, wait};

use crate::hostile::{canary, untouched};

/// Exchanges that each operation overlaps with, at the least.
const EXCHANGES: usize = 10;

/// Does `work` for each number below `operations` while two names are exchanged in a tight loop; says how often they were.
fn race(a: &Path, b: &Path, operations: usize, mut work: impl FnMut(usize)) -> usize {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let (done, exchanges) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).expect("exchange");
                exchanges.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Also if the work panics, or the other thread would go on for ever.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for number in 0..operations {
                let goal = exchanges.load(Ordering::Relaxed) + EXCHANGES;
                work(number);
                while exchanges.load(Ordering::Relaxed) < goal {
                    std::thread::yield_now();
                }
            }
        }));
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
    let exchanges = exchanges.into_inner();
    println!("{exchanges} exchanges during {operations} operations");
    assert!(exchanges >= operations * EXCHANGES);
    exchanges
}

/// A volume with a directory `a` that has a file `secret`, and a link `b` to the canary.
struct Trap {
    daemon: Daemon,
    api: Api,
    canary: PathBuf,
    volume: PathBuf,
}

impl Trap {
    fn new() -> Self {
        let daemon = Daemon::start();
        let (api, canary) = (daemon.door(), canary(&daemon));
        let volume = daemon.scratch().join("volume");
        fs::create_dir_all(volume.join("a")).expect("mkdir");
        fs::write(volume.join("a/secret"), "inside").expect("write");
        symlink(&canary, volume.join("b")).expect("link");
        Self { daemon, api, canary, volume }
    }

    fn race(&self, operations: usize, work: impl FnMut(usize)) {
        race(&self.volume.join("a"), &self.volume.join("b"), operations, work);
        untouched(&self.canary);
    }

    /// Makes a container with the volume at `at`; its ID.
    fn create(&self, at: &str, mut body: Value) -> String {
        body["Image"] = "busybox".into();
        let bind: Value = format!("{}:{at}", self.volume.display()).into();
        match body["HostConfig"]["Binds"].as_array_mut() {
            Some(binds) => binds.insert(0, bind),
            None => body["HostConfig"]["Binds"] = json!([bind]),
        }
        let made = self.api.post("/containers/create", &body).expect("an answer");
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["Id"].as_str().expect("an ID").to_owned()
    }

    fn start(&self, id: &str) -> bool {
        self.api.call("POST", &format!("/containers/{id}/start")).expect("an answer").is_ok()
    }

    /// Makes, starts, awaits and removes one; its exit code if it started.
    fn run(&self, at: &str, body: Value) -> Option<i64> {
        let id = self.create(at, body);
        let code = self.start(&id).then(|| {
            let end = self.api.call("POST", &format!("/containers/{id}/wait")).expect("an answer");
            end.json()["StatusCode"].as_i64().expect("a code")
        });
        let gone = self.api.call("DELETE", &format!("/containers/{id}?force=1&v=1")).expect("an answer");
        assert!(gone.is_ok(), "{}", gone.text());
        code
    }
}

/// Both sides of a race have won: otherwise nothing was raced.
#[track_caller]
fn both(what: &str, met: [usize; 2]) {
    println!("{what}: {met:?}");
    assert!(met[0] > 0 && met[1] > 0, "{what}: only one side was ever met: {met:?}");
}

/// An archive with the file `secret`.
fn archive() -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(6);
    header.set_mode(0o644);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "secret", &b"inside"[..]).expect("an archive");
    archive.into_inner().expect("an archive")
}

/// The defence: a path is walked once, by `openat2` below the container's root, and what follows is done on descriptors.
#[test]
fn cp_cve_2018_15664_a_link_swapped_under_a_copy_leads_nowhere_outside() {
    let trap = Trap::new();
    let sleeper = json!({ "Cmd": ["sleep", "1000000"] });
    let runs = trap.create("/v", sleeper.clone());
    assert!(trap.start(&runs));
    // CVE-2026-42306: the same for a paused container.
    let paused = trap.create("/v", sleeper.clone());
    assert!(trap.start(&paused));
    assert!(trap.api.call("POST", &format!("/containers/{paused}/pause")).expect("an answer").is_ok());
    let idle = trap.create("/v", sleeper);
    let (mut put, mut got, mut seen) = ([0; 2], [0; 2], [0; 2]);
    let archive = archive();
    trap.race(400, |number| {
        let id = [&runs, &paused, &idle][number % 3];
        let path = format!("/containers/{id}/archive?path=/v/a");
        let answer = trap.api.send("PUT", &path, "application/x-tar", &archive).expect("an answer");
        put[usize::from(!answer.is_ok())] += 1;
        let answer = trap.api.call("GET", &format!("{path}/secret")).expect("an answer");
        assert!(!String::from_utf8_lossy(&answer.body).contains("host"), "a copy out of {id}");
        got[usize::from(!answer.is_ok())] += 1;
        let answer = trap.api.call("HEAD", &format!("{path}/secret")).expect("an answer");
        seen[usize::from(!answer.is_ok())] += 1;
        untouched(&trap.canary);
    });
    both("copied in", put);
    both("copied out", got);
    both("looked at", seen);
}

/// The same, with the exchange in the container's own layer, by a process inside its mount namespace.
#[test]
fn cp_cve_2018_15664_a_link_swapped_in_the_containers_own_layer_leads_nowhere_outside() {
    let trap = Trap::new();
    let script = format!(
        "mkdir /r /r/a; echo inside > /r/a/secret; ln -s {} /r/b; exec sleep 1000000",
        trap.canary.display()
    );
    let id = trap.create("/v", json!({ "Cmd": ["sh", "-c", script] }));
    assert!(trap.start(&id));
    let shown = trap.api.call("GET", &format!("/containers/{id}/json")).expect("an answer").json();
    let root = PathBuf::from(format!("/proc/{}/root/r", shown["State"]["Pid"]));
    wait::until_true("the link is there", || fs::symlink_metadata(root.join("b")).is_ok());
    let (mut put, mut got) = ([0; 2], [0; 2]);
    let archive = archive();
    race(&root.join("a"), &root.join("b"), 400, |_| {
        let path = format!("/containers/{id}/archive?path=/r/a");
        let answer = trap.api.send("PUT", &path, "application/x-tar", &archive).expect("an answer");
        put[usize::from(!answer.is_ok())] += 1;
        let answer = trap.api.call("GET", &format!("{path}/secret")).expect("an answer");
        assert!(!String::from_utf8_lossy(&answer.body).contains("host"));
        got[usize::from(!answer.is_ok())] += 1;
    });
    untouched(&trap.canary);
    both("copied in", put);
    both("copied out", got);
}

/// The defence: a mount goes onto a descriptor that was opened below the root, and what is missing is made below it.
#[test]
fn race_cve_2021_30465_a_destination_swapped_in_a_shared_volume_stays_inside() {
    let trap = Trap::new();
    let file = trap.daemon.scratch().join("file");
    fs::write(&file, "x").expect("write");
    let mut met = [0; 2];
    trap.race(100, |number| {
        let host = json!({
            // CVE-2024-45310: directories and files that are made for it.
            "Tmpfs": { format!("/v/a/new/dir{number}"): "" },
            "Binds": [format!("{}:/v/a/file{number}", file.display())],
            "NetworkMode": "none",
        });
        // Whether it starts is luck; what it touches is not.
        let code = trap.run("/v", json!({ "Cmd": ["test", "-d", "/v/a/new"], "HostConfig": host }));
        met[usize::from(code != Some(0))] += 1;
        untouched(&trap.canary);
    });
    both("mounted", met);
}

/// The defence: the engine's own files are mounted like any other, on descriptors below the root.
#[test]
fn race_cve_2024_9341_the_engines_files_over_a_swapped_one_stay_inside() {
    let trap = Trap::new();
    let (a, b) = (trap.volume.join("hosts"), trap.volume.join("link"));
    fs::write(&a, "inside").expect("write");
    symlink(trap.canary.join("secret"), &b).expect("link");
    let mut met = [0; 2];
    race(&a, &b, 100, |_| {
        // What the link means inside is a file of the container's own, made for the mount.
        let inside = trap.canary.join("secret");
        let code = trap.run("/etc", json!({ "Cmd": ["test", "-e", inside] }));
        met[usize::from(code == Some(0))] += 1;
        untouched(&trap.canary);
    });
    both("hosts", met);
}

/// The defence: the device that hides is asked of the descriptor that is mounted, not looked up by its name again.
#[test]
fn mask_cve_2025_31133_a_swapped_null_device_hides_and_opens_nothing() {
    let trap = Trap::new();
    let dev = trap.volume.clone();
    fs::create_dir_all(dev.join("pts")).expect("mkdir");
    symlink("/proc/sys/kernel/core_pattern", dev.join("null")).expect("link");
    symlink(trap.canary.join("secret"), dev.join("other")).expect("link");
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").expect("core_pattern");
    let script = "echo evil > /proc/timer_list; [ $(stat -c %t:%T /proc/timer_list) = 1:3 ]";
    race(&dev.join("null"), &dev.join("other"), 100, |_| {
        let code = trap.run("/dev", json!({ "Cmd": ["sh", "-c", script] }));
        assert!(matches!(code, None | Some(0)), "{code:?}");
        untouched(&trap.canary);
    });
    assert_eq!(fs::read_to_string("/proc/sys/kernel/core_pattern").expect("core_pattern"), pattern);
    // What hides is of the container's own file system, not the host's.
    let script = "grep ' /proc/timer_list ' /proc/self/mountinfo | sed 's/.* - //' | cut -d' ' -f1";
    assert_eq!(trap.daemon.hythe(["run", "--rm", "busybox", "sh", "-c", script]).ok(), "tmpfs");
}

/// The defence: names are looked up in the container's passwd, opened below its root without following the last link.
#[test]
fn race_cve_2018_15664_a_users_number_comes_from_the_containers_own_passwd() {
    let trap = Trap::new();
    let (a, b) = (trap.volume.join("passwd"), trap.volume.join("link"));
    fs::write(&a, "someone:x:1000:1000::/:/bin/sh\n").expect("write");
    let host = trap.daemon.scratch().join("passwd");
    fs::write(&host, "someone:x:4242:4242::/:/bin/sh\nstranger:x:4242:4242::/:/bin/sh\n").expect("write");
    symlink(&host, &b).expect("link");
    let id = trap.create("/etc", json!({ "Cmd": ["sleep", "1000000"] }));
    assert!(trap.start(&id));
    let mut met = [0; 2];
    race(&a, &b, 300, |_| {
        let body = json!({ "User": "someone", "AttachStdout": true, "Tty": true, "Cmd": ["id", "-u"] });
        let made = trap.api.post(&format!("/containers/{id}/exec"), &body).expect("an answer").json();
        let path = format!("/exec/{}/start", made["Id"].as_str().unwrap_or_default());
        let text = trap.api.post(&path, &json!({ "Tty": true })).expect("an answer").text();
        assert!(!text.contains("4242"), "{text}");
        met[usize::from(!text.contains("1000"))] += 1;
        // The engine looks before the container's process does: who is only in the host's file is in none.
        let body = json!({ "User": "stranger", "Cmd": ["id", "-u"] });
        let made = trap.api.post(&format!("/containers/{id}/exec"), &body).expect("an answer");
        assert_eq!(made.status, 400, "{}", made.text());
    });
    both("looked up", met);
}
