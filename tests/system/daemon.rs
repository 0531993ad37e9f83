//! `hythed` itself: its flags, its configuration, and its manners.

use testkit::{Daemon, Output, Sandbox};

#[test]
fn one_data_root_has_one_daemon() {
    let daemon = Daemon::start();
    let args = [
        format!("--data-root={}", daemon.data().display()),
        format!("--exec-root={}", daemon.scratch().join("run").display()),
        format!("--host=unix://{}", daemon.scratch().join("s").display()),
        format!("--pidfile={}", daemon.scratch().join("pid").display()),
    ];
    let output = Output::of(&mut daemon.sandbox().command(testkit::program("hythed"), &args));
    assert_ne!(output.code, 0);
    assert!(output.stderr.contains("uses the data root"), "{}", output.stderr);
    daemon.hythe(["ps"]).ok();
}

#[test]
fn configuration_is_checked() {
    let sandbox = Sandbox::new();
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("daemon.json");
    let validate = |text: &str| {
        std::fs::write(&file, text).expect("write");
        Output::of(&mut sandbox.command(
            testkit::program("hythed"),
            ["--validate", "--config-file", file.to_str().expect("plain")],
        ))
    };
    assert_eq!(validate("{\"debug\": true}").ok(), "configuration OK");
    let output = validate("{\"nosuch\": 1}");
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("the following directives don't match any configuration option: nosuch"),
        "{}",
        output.stderr
    );
    assert_ne!(validate("{").code, 0);
}

#[test]
fn cleanup_takes_links_and_rules_away() {
    let mut daemon = Daemon::start();
    daemon.hythe(["run", "--rm", "-p", "80", "busybox", "true"]).ok();
    let look = |daemon: &Daemon| {
        let links = Output::of(&mut daemon.sandbox().command("ip", ["-o", "link"])).ok();
        let rules = Output::of(&mut daemon.sandbox().command("nft", ["list", "tables"])).ok();
        (links.contains("hythe0"), rules.contains("hythe"))
    };
    assert_eq!(look(&daemon), (true, true));
    let args = [format!("--data-root={}", daemon.data().display()), "--cleanup".to_owned()];
    let clean =
        |daemon: &Daemon| Output::of(&mut daemon.sandbox().command(testkit::program("hythed"), &args));
    assert!(clean(&daemon).fails_with(1).contains("uses the data root"));
    daemon.stop();
    clean(&daemon).ok();
    assert_eq!(look(&daemon), (false, false));
    daemon.boot();
}

#[test]
fn a_graceful_stop_and_start_keep_containers_running() {
    let mut daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "cc"]).ok();
    daemon.stop();
    daemon.boot();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "cc"]).ok(), pid);
}
