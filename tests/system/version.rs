//! `version` and `info`, with both clients.

use testkit::{Daemon, Output};

#[test]
fn both_clients_talk_to_it() {
    let daemon = Daemon::start();
    for output in [daemon.hythe(["version"]), daemon.docker(["version"])] {
        let text = output.ok();
        assert!(text.contains("Client:") && text.contains("Server:"), "{text}");
    }
    assert_eq!(daemon.docker(["version", "-f", "{{.Server.APIVersion}}"]).ok(), "1.51");
    assert_eq!(daemon.docker(["info", "-f", "{{.Images}} {{.Driver}} {{.OSType}}"]).ok(), "1 overlay2 linux");
    assert_eq!(daemon.hythe(["info", "-f", "{{.ContainersRunning}}"]).ok(), "0");
}

#[test]
fn without_a_daemon_it_says_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut command = std::process::Command::new(testkit::program("hythe"));
    let output =
        Output::of(command.args(["-H", &format!("unix://{}/none.sock", dir.path().display()), "ps"]));
    let error = output.fails_with(1);
    assert!(error.starts_with("Cannot connect to the Docker daemon at unix://"), "{error}");
    assert!(error.contains("Is the docker daemon running?"), "{error}");
}
