//! A daemon meets containers whose shims are of another version, and speak another protocol with it.

use std::path::{Path, PathBuf};

use testkit::{Daemon, Options, wait};

/// The programs as another version of them: those of this build, with another number for the protocol between them.
fn other_version(dir: &Path) -> PathBuf {
    const MARK: &[u8] = b"hythe shim protocol: ";
    let shim = testkit::shim();
    let hythed = testkit::program("hythed");
    for (name, program) in [("hythed", &hythed), ("hythe-shim", &shim)] {
        let mut bytes = std::fs::read(program).expect("the program");
        let at = bytes.windows(MARK.len()).position(|window| window == MARK).expect("the protocol's version");
        bytes[at + MARK.len()..][..5].copy_from_slice(b"00777");
        std::fs::write(dir.join(name), bytes).expect("write the program");
        std::fs::set_permissions(dir.join(name), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("chmod");
    }
    std::os::unix::fs::symlink(testkit::program("hythe"), dir.join("hythe")).expect("the client");
    dir.to_path_buf()
}

#[test]
fn containers_of_another_version_can_be_ended_and_begun_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let programs = Some(other_version(dir.path()));
    let mut daemon = Daemon::with(Options { images: vec!["busybox"], programs, ..Options::default() });
    let script = "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done";
    for name in ["stops", "dies", "frozen", "goes", "ends", "stays"] {
        daemon.hythe(["run", "-d", "--name", name, "-p", "80", "busybox", "sh", "-c", script]).ok();
        wait::until_true("it is up", || daemon.hythe(["logs", name]).ok() == "up");
    }
    daemon.hythe(["pause", "frozen"]).ok();
    assert_eq!(daemon.hythe(["exec", "stops", "echo", "fine"]).ok(), "fine");
    let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "ends"]).ok();
    daemon.kill();
    daemon.set_programs(None);
    daemon.boot();

    let state =
        |name: &str| daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name]).ok();
    assert_eq!(daemon.hythe(["ps", "-q"]).ok().lines().count(), 6);
    assert_eq!(state("frozen"), "paused 0");
    assert_eq!(daemon.hythe(["logs", "stops"]).ok(), "up");
    let error = daemon.hythe(["exec", "stops", "true"]).stderr;
    assert!(
        error.contains("was started by another version of the engine (shim protocol 777, not"),
        "{error}"
    );
    daemon.hythe(["stop", "stops"]).ok();
    assert_eq!(state("stops"), "exited 3");
    daemon.hythe(["kill", "dies"]).ok();
    wait::until_true("it is killed", || state("dies") == "exited 137");
    daemon.hythe(["kill", "frozen"]).ok();
    wait::until_true("it is killed", || state("frozen") == "exited 137");
    assert_eq!(daemon.hythe(["rm", "-f", "goes"]).ok(), "goes");
    let waiting =
        daemon.hythe_command(["wait", "ends"]).stdout(std::process::Stdio::piped()).spawn().expect("wait");
    testkit::Output::of(std::process::Command::new("kill").args(["-TERM", &pid])).ok();
    let waited = waiting.wait_with_output().expect("wait");
    assert_eq!(String::from_utf8_lossy(&waited.stdout), "3\n");
    // Begun anew it is one of this version's.
    daemon.hythe(["restart", "-t", "0", "stays"]).ok();
    for name in ["stops", "ends"] {
        daemon.hythe(["start", name]).ok();
    }
    for name in ["stops", "ends", "stays"] {
        assert_eq!(daemon.hythe(["exec", name, "echo", "fine"]).ok(), "fine");
    }
    daemon.check_state();
}

#[test]
fn a_shim_of_another_version_is_named_as_the_reason_of_a_failed_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let programs = other_version(dir.path());
    std::fs::remove_file(programs.join("hythed")).expect("remove");
    std::os::unix::fs::symlink(testkit::program("hythed"), programs.join("hythed")).expect("link");
    let options = Options { images: vec!["busybox"], programs: Some(programs), ..Options::default() };
    let daemon = Daemon::with(options);
    let error = daemon.hythe(["run", "--name", "never", "busybox", "true"]).fails_with(125);
    assert!(error.contains("the shim's program is of another version than the engine"), "{error}");
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.Status}}", "never"]).ok(), "created");
}
