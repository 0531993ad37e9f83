//! Running under systemd: the socket it passes, what it is told, and the unit files.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};
use testkit::{Output, Sandbox, fixture, program, wait};

/// Kills what a failed test leaves.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the engine told systemd, up to this word.
fn told(socket: &UnixDatagram, word: &str) -> String {
    let mut all = String::new();
    while !all.contains(word) {
        let mut buffer = [0; 4096];
        let read = socket.recv(&mut buffer).expect("the engine's word");
        all.push_str(&String::from_utf8_lossy(&buffer[..read]));
        all.push('\n');
    }
    all
}

#[test]
fn the_engine_serves_a_socket_it_is_given_and_tells_how_it_is() {
    let sandbox = Sandbox::new();
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let notify = UnixDatagram::bind(dir.path().join("notify")).expect("the notify socket");
    notify.set_read_timeout(Some(wait::PATIENCE)).expect("a timeout");
    std::fs::write(dir.path().join("daemon.json"), "{}").expect("write daemon.json");
    let engine = [
        program("hythed").display().to_string(),
        "-H".into(),
        "fd://".into(),
        format!("--data-root={}", path("data")),
        format!("--exec-root={}", path("run")),
        format!("--pidfile={}", path("pid")),
        format!("--config-file={}", path("daemon.json")),
        format!("--shim={}", testkit::shim().display()),
    ];
    let given = ["-l".to_owned(), path("api.sock"), "-E".into(), format!("NOTIFY_SOCKET={}", path("notify"))];
    let activate = sandbox.command("systemd-socket-activate", given.iter().chain(&engine)).spawn();
    let mut activate = Started(activate.expect("systemd-socket-activate (systemd)"));
    wait::until_true("the socket is there", || dir.path().join("api.sock").exists());
    assert!(!dir.path().join("data").exists(), "nothing runs before somebody connects");
    // The first call starts the engine and is answered by it.
    let mut version = sandbox.command(program("hythe"), ["version", "-f", "{{.Server.Version}}"]);
    let version = Output::of(version.env("DOCKER_HOST", format!("unix://{}", path("api.sock")))).ok();
    assert!(version.starts_with("28."), "{version}");
    assert!(told(&notify, "READY=1").starts_with("READY=1"));
    let pid = Pid::from_child(&activate.0);
    kill_process(pid, Signal::HUP).expect("SIGHUP");
    let reloading = told(&notify, "READY=1");
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    kill_process(pid, Signal::TERM).expect("SIGTERM");
    told(&notify, "STOPPING=1");
    assert!(activate.0.wait().expect("its end").success());
    assert!(dir.path().join("api.sock").exists(), "the socket is systemd's");
    Output::of(
        &mut sandbox
            .command(program("hythed"), [format!("--data-root={}", path("data")), "--cleanup".into()]),
    )
    .ok();
}

#[test]
fn without_a_socket_fd_is_an_error() {
    let sandbox = Sandbox::new();
    let dir = tempfile::tempdir().expect("a directory");
    let args = [
        "-H".into(),
        "fd://".into(),
        format!("--data-root={}/d", dir.path().display()),
        format!("--exec-root={}/r", dir.path().display()),
    ];
    let error = Output::of(&mut sandbox.command(program("hythed"), args)).fails_with(1);
    assert!(
        error
            .contains("no sockets found via socket activation: make sure the service was started by systemd")
    );
}

#[test]
fn the_units_are_what_systemd_takes() {
    let dir = tempfile::tempdir().expect("a directory");
    let units = fixture::workspace().join("contrib/systemd");
    for name in ["hythe.service", "hythe.socket"] {
        let text = std::fs::read_to_string(units.join(name)).expect("the unit");
        // The programs are not installed on the machine that tests them.
        let text = text.replace("/usr/local/bin/hythed", &program("hythed").display().to_string());
        std::fs::write(dir.path().join(name), text).expect("write the unit");
    }
    let verify = |dir: &Path| {
        Output::of(
            Command::new("systemd-analyze")
                .arg("verify")
                .args([dir.join("hythe.service"), dir.join("hythe.socket")]),
        )
    };
    let good = verify(dir.path());
    assert!(good.code == 0 && !good.stderr.contains("hythe."), "{}", good.stderr);
    // The check would see a mistake.
    let service = dir.path().join("hythe.service");
    let text = std::fs::read_to_string(&service).expect("the unit");
    for line in ["KillMode=process", "Type=notify", "Delegate=yes", "LimitNOFILE=", "OOMScoreAdjust="] {
        assert!(text.contains(line), "{line}");
    }
    std::fs::write(&service, text.replace("KillMode=process", "KillMode=nonsense")).expect("write");
    assert!(verify(dir.path()).stderr.contains("kill mode"));
}
