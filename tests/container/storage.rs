//! `--storage-opt size=` and the engine's `overlay2.size`: real limits where the file system has project quotas, Docker's
//! refusal elsewhere.

use testkit::{Daemon, Options, Output, Sandbox, program};

const UNSUPPORTED: &str = "--storage-opt is supported only for overlay over xfs with 'pquota' mount option";
const DEFAULT: &str = "--storage-opt=overlay2.size=12m";

/// A daemon on a disk with project quotas; none on a kernel without.
fn with_quotas(flags: &[&str]) -> Option<Daemon> {
    let sandbox = Sandbox::new();
    let script = "modprobe -q -a loop quota_v2; cd \"$0\" && truncate -s 20M disk && mkdir on && \
                  mkfs.ext4 -q -O quota,project -E quotatype=prjquota disk && mount -o loop,prjquota disk on";
    let dir = tempfile::tempdir().expect("a directory");
    if Output::of(&mut sandbox.command("sh", ["-c", script, &dir.path().display().to_string()])).code != 0 {
        testkit::skip::report("limits of writable layers: this kernel has no project quotas");
        return None;
    }
    let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
    let options =
        Options { disk: Some(200), quotas: true, flags, images: vec!["busybox"], ..Options::default() };
    Some(Daemon::within(sandbox, options))
}

/// What becomes of writing so many megabytes in a container.
fn writes(daemon: &Daemon, flags: &[&str], megabytes: u64) -> bool {
    let script = format!("dd if=/dev/zero of=/f bs=1M count={megabytes} 2>&1 && sync");
    let output = daemon.hythe(["run", "--rm"].iter().chain(flags).chain(&["busybox", "sh", "-c", &script]));
    if output.code != 0 {
        let text = &output.stdout;
        assert!(text.contains("quota exceeded") || text.contains("No space left on device"), "{output:?}");
    }
    output.code == 0
}

#[test]
fn a_container_writes_no_more_than_its_size() {
    let Some(daemon) = with_quotas(&[]) else { return };
    assert!(writes(&daemon, &[], 40));
    assert!(writes(&daemon, &["--storage-opt", "size=20m"], 10));
    assert!(!writes(&daemon, &["--storage-opt", "size=20m"], 40));
    // Each has its own, and what is deleted is given back.
    let limited = |name: &str| {
        let flags = ["run", "-d", "--name", name, "--storage-opt", "size=20m", "busybox", "sleep", "1000"];
        daemon.hythe(flags).ok();
    };
    let write = |name: &str| {
        let script = "dd if=/dev/zero of=/f bs=1M count=15 2>/dev/null";
        daemon.hythe(["exec", name, "sh", "-c", script]).code == 0
    };
    limited("one");
    limited("two");
    assert!(write("one") && write("two"));
    daemon.hythe(["exec", "one", "sh", "-c", "mv /f /g"]).ok();
    assert!(!write("one"));
    daemon.hythe(["exec", "one", "rm", "/f", "/g"]).ok();
    assert!(write("one"));
    let error = daemon.hythe(["create", "--storage-opt", "size=xx", "busybox"]).fails_with(1);
    assert!(error.contains("invalid size: 'xx'"), "{error}");
}

#[test]
fn the_engines_size_is_for_those_who_do_not_say() {
    let Some(mut daemon) = with_quotas(&[DEFAULT]) else { return };
    assert!(!writes(&daemon, &[], 20));
    assert!(writes(&daemon, &["--storage-opt", "size=40m"], 20));
    // Numbers go on after those that are there.
    daemon.hythe(["run", "-d", "--name", "stays", "busybox", "sleep", "1000"]).ok();
    daemon.stop();
    daemon.boot();
    assert!(!writes(&daemon, &[], 20));
    let script = "dd if=/dev/zero of=/f bs=1M count=8 2>/dev/null";
    assert_eq!(daemon.hythe(["exec", "stays", "sh", "-c", script]).code, 0);
}

#[test]
fn without_quotas_it_is_refused_in_dockers_words() {
    // A file system in memory has none on any kernel this runs on.
    let daemon = Daemon::start();
    if daemon.hythe(["create", "--name", "taken", "--storage-opt", "size=10M", "busybox"]).code == 0 {
        testkit::skip::report("refusal of --storage-opt: this host's disk has project quotas");
        return;
    }
    for (option, text) in
        [("size=10M", UNSUPPORTED), ("size=xx", UNSUPPORTED), ("foo=10M", "Unknown option foo")]
    {
        let error = daemon.hythe(["run", "--rm", "--storage-opt", option, "busybox", "true"]).fails_with(125);
        assert!(error.contains(&format!("Error response from daemon: {text}")), "{error}");
    }
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
}

#[test]
fn the_engine_does_not_start_with_a_size_that_it_cannot_hold() {
    let sandbox = Sandbox::new();
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let start = |option: &str| {
        let args = [
            format!("--storage-opt={option}"),
            format!("--host=unix://{}", path("s")),
            format!("--data-root={}", path("data")),
            format!("--exec-root={}", path("run")),
        ];
        let script = format!("mkdir -p {0} && mount -t tmpfs none {0} && exec \"$@\"", path("data"));
        let hythed = program("hythed").display().to_string();
        let words = ["-c", &script, "sh", &hythed].map(str::to_owned);
        Output::of(&mut sandbox.command("sh", words.iter().chain(&args))).fails_with(1)
    };
    let error = start("overlay2.size=12m");
    let text = "Storage option overlay2.size not supported. Filesystem does not support Project Quota";
    assert!(error.contains(text), "{error}");
    assert!(start("overlay2.nosuch=1").contains("overlay2: unknown option overlay2.nosuch"));
}
