//! `exec`: a further process in a running container.

use testkit::Daemon;

#[test]
fn runs_inside_with_its_own_status_and_streams() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "-e", "A=1", "-w", "/tmp", "busybox", "sleep", "1000"]).ok();
    for &client in testkit::skip::clients("exec") {
        let run = |args: &[&str]| if client == "hythe" { daemon.hythe(args) } else { daemon.docker(args) };
        let output = run(&["exec", "cc", "sh", "-c", "echo out; echo err >&2; exit 5"]);
        assert_eq!(
            (output.code, output.stdout.as_str(), output.stderr.as_str()),
            (5, "out\n", "err\n"),
            "{client}"
        );
        assert_eq!(run(&["exec", "cc", "sh", "-c", "echo $A $(pwd)"]).ok(), "1 /tmp");
        assert_eq!(
            run(&[
                "exec",
                "-e",
                "B=2",
                "-w",
                "/",
                "-u",
                "nobody",
                "cc",
                "sh",
                "-c",
                "echo $A$B $(pwd) $(id -un)"
            ])
            .ok(),
            "12 / nobody"
        );
        assert_eq!(run(&["exec", "-t", "cc", "tty"]).ok(), "/dev/pts/0\r");
        let output = run(&["exec", "cc", "nothere"]);
        assert_eq!(output.code, 127, "{output:?}");
        let all = format!("{}{}", output.stdout, output.stderr);
        assert!(all.contains("exec: \"nothere\": executable file not found in $PATH"), "{all}");
    }
    assert_eq!(daemon.hythe_with_input(["exec", "-i", "cc", "wc", "-c"], &[b'x'; 300_000]).ok(), "300000");
    let caps = |args: &[&str]| {
        daemon.hythe(["exec"].iter().chain(args).chain(&["cc", "grep", "CapEff", "/proc/self/status"])).ok()
    };
    assert_eq!(caps(&[]), "CapEff:\t00000000a80425fb");
    assert_ne!(caps(&["--privileged"]), caps(&[]));
}

#[test]
fn detached_runs_on_by_itself() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    assert_eq!(daemon.hythe(["exec", "-d", "cc", "sh", "-c", "echo there > /done"]).ok(), "");
    testkit::wait::until_true("the exec writes", || {
        daemon.hythe(["exec", "cc", "cat", "/done"]).stdout == "there\n"
    });
}

#[test]
fn needs_a_running_container() {
    let daemon = Daemon::start();
    let id = daemon.hythe(["create", "--name", "idle", "busybox"]).ok();
    let error = daemon.hythe(["exec", "idle", "true"]).fails_with(1);
    assert_eq!(error, format!("Error response from daemon: container {id} is not running"));
    assert_eq!(
        daemon.hythe(["exec", "nobody", "true"]).fails_with(1),
        "Error response from daemon: No such container: nobody"
    );
}

/// Clients read the stream by what they said when they started it, whatever the exec was made with.
#[test]
fn frames_are_what_the_start_asks_for() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    let create = |tty: bool| {
        let body = format!(r#"{{"AttachStdout":true,"Tty":{tty},"Cmd":["echo","hi"]}}"#);
        let (code, answer) = daemon.api("POST", "/containers/cc/exec", &body);
        assert_eq!(code, 201, "{answer}");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        answer["Id"].as_str().expect("an ID").to_owned()
    };
    for (made, started, expected) in
        [(true, false, "hi\r\n"), (true, true, "hi\r\n"), (false, false, "hi\n"), (false, true, "hi\n")]
    {
        let path = format!("/exec/{}/start", create(made));
        let (code, answer) = daemon.api("POST", &path, &format!("{{\"Tty\":{started}}}"));
        let text = if started { answer } else { unframed(&answer) };
        assert_eq!((code, text.as_str()), (200, expected), "made {made}, started {started}");
    }
}

/// What frames of standard output hold. A terminal may hand a line over in two pieces.
fn unframed(mut stream: &str) -> String {
    let mut text = String::new();
    while !stream.is_empty() {
        let length = stream.strip_prefix("\u{1}\0\0\0\0\0\0").and_then(|rest| rest.bytes().next());
        let end = 8 + usize::from(length.unwrap_or_else(|| panic!("no frame: {stream:?}")));
        text.push_str(&stream[8..end]);
        stream = &stream[end..];
    }
    text
}

/// docker-py writes this field in another case than everybody else; Docker does not mind.
#[test]
fn detach_keys_are_taken_in_either_case() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    let body = r#"{"detachKeys":"nonsense","Cmd":["true"]}"#;
    let (code, answer) = daemon.api("POST", "/containers/cc/exec", body);
    assert_eq!(code, 400, "{answer}");
}

#[test]
fn a_relative_working_directory_is_refused_by_the_start() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "relative", "busybox", "sleep", "1000"]).ok();
    for (start, status) in [(r#"{"Detach":false}"#, 200), (r#"{"Detach":true}"#, 500)] {
        let body = r#"{"Cmd":["true"],"WorkingDir":"tmp","AttachStdout":true}"#;
        let (made, answer) = daemon.api("POST", "/containers/relative/exec", body);
        assert_eq!(made, 201, "{answer}");
        let id = serde_json::from_str::<serde_json::Value>(&answer).expect("JSON")["Id"].clone();
        let id = id.as_str().expect("an id");
        let (told, output) = daemon.api("POST", &format!("/exec/{id}/start"), start);
        assert_eq!(told, status, "{output}");
        assert!(
            output.contains("OCI runtime exec failed: exec failed: Cwd must be an absolute path"),
            "{output}"
        );
        let (_, answer) = daemon.api("GET", &format!("/exec/{id}/json"), "");
        assert!(answer.contains("\"ExitCode\":128"), "{answer}");
    }
    assert_eq!(daemon.hythe(["exec", "-w", "tmp", "relative", "true"]).code, 128);
}

/// A program gets every signal at its default and none blocked, whoever started it.
#[test]
fn no_signal_is_ignored_or_blocked_in_a_container() {
    let daemon = Daemon::start();
    let program = ["grep", "-E", "Sig(Blk|Ign|Cgt)", "/proc/self/status"];
    let none = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000";
    assert_eq!(daemon.hythe(["run", "--rm", "busybox"].iter().chain(&program)).ok(), none);
    daemon.hythe(["run", "-d", "--name", "signals", "busybox", "sleep", "1000"]).ok();
    assert_eq!(daemon.hythe(["exec", "signals"].iter().chain(&program)).ok(), none);
}
