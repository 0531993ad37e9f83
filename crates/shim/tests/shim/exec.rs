//! Further processes in a running container.

use std::io::Write as _;
use std::net::Shutdown;

use crate::harness::{Harness, connection, container, outputs, read_all, read_until, wait_until};
use shim::{AttachOptions, Event, ExecRequest, Handle};

const SLEEP: &str = "trap 'exit 0' TERM; while :; do busybox sleep 1000 & wait $!; done";

struct Exec<'a> {
    harness: &'a Harness,
    handle: &'a Handle,
}

impl Exec<'_> {
    fn request(&self, id: &str, args: &[&str], terminal: bool) -> ExecRequest {
        let plan = self.harness.plan("", terminal);
        let mut process = plan.process.clone();
        process.args = args.iter().map(|&arg| arg.to_owned()).collect();
        ExecRequest { exec_id: id.to_owned(), plan: plan.exec(process), open_stdin: false, attach: None }
    }

    fn ended(&self, id: &str) -> i32 {
        match self.harness.event() {
            Event::ExecExited { exec_id, code, .. } => {
                assert_eq!(exec_id, id);
                code
            }
            other => panic!("{other:?} instead of the exec's end"),
        }
    }

    fn end(self) {
        self.handle.kill_all().unwrap();
        assert_eq!(self.harness.exit().code, 137);
        self.harness.check_gone(self.handle.shim_pid());
    }
}

#[test]
fn output_input_and_exit_codes() {
    let harness = Harness::new();
    let handle = harness.start(container(SLEEP));
    let exec = Exec { harness: &harness, handle: &handle };

    let pid = handle.exec(exec.request("a", &["busybox", "sh", "-c", "exit 9"], false)).unwrap();
    assert!(pid > 0);
    assert_eq!(exec.ended("a"), 9);

    let (client, theirs) = connection();
    let mut request = exec.request("b", &["busybox", "sh", "-c", "busybox cat; echo err >&2"], false);
    request.open_stdin = true;
    request.attach = Some((theirs, AttachOptions { stdin: true, ..outputs() }));
    handle.exec(request).unwrap();
    (&client).write_all(b"typed ").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&client), b"typed err\n");
    assert_eq!(exec.ended("b"), 0);
    assert_eq!(harness.log(), "");
    exec.end();
}

#[test]
fn what_cannot_be_executed_says_so_in_dockers_words() {
    let harness = Harness::new();
    let handle = harness.start(container(SLEEP));
    let exec = Exec { harness: &harness, handle: &handle };
    let error = handle.exec(exec.request("a", &["nonesuch"], false)).unwrap_err();
    assert_eq!(error.exit_code(), 127);
    assert_eq!(
        error.docker_exec_text(),
        "OCI runtime exec failed: exec failed: unable to start container process: exec: \"nonesuch\": executable \
         file not found in $PATH"
    );
    let error = handle.exec(exec.request("b", &["/etc"], false)).unwrap_err();
    assert_eq!(error.exit_code(), 126);
    exec.end();
}

#[test]
fn a_client_that_leaves_does_not_end_the_process() {
    let harness = Harness::new();
    let handle = harness.start(container(SLEEP));
    let exec = Exec { harness: &harness, handle: &handle };
    let (client, theirs) = connection();
    let mut request = exec.request(
        "a",
        &["busybox", "sh", "-c", "trap 'exit 4' USR1; echo up; while :; do busybox sleep 1; done"],
        false,
    );
    request.attach = Some((theirs, outputs()));
    handle.exec(request).unwrap();
    read_until(&client, "up\n");
    drop(client);
    handle.exec_signal("a", 10).unwrap();
    assert_eq!(exec.ended("a"), 4);
    assert_eq!(handle.exec_signal("a", 10).unwrap_err().class(), errdefs::Class::NotFound);
    exec.end();
}

#[test]
fn a_terminal_of_its_own_with_its_own_size_and_keys() {
    let harness = Harness::new();
    let handle = harness.start(container(SLEEP));
    let exec = Exec { harness: &harness, handle: &handle };
    let (client, theirs) = connection();
    let mut request = exec.request(
        "a",
        &["busybox", "sh", "-c", "busybox stty size; read x; busybox stty size; read x"],
        true,
    );
    request.open_stdin = true;
    request.attach = Some((theirs, AttachOptions { stdin: true, ..outputs() }));
    handle.exec(request).unwrap();
    read_until(&client, "24 80\r\n");
    handle.exec_resize("a", 33, 44).unwrap();
    (&client).write_all(b"\n").unwrap();
    read_until(&client, "33 44\r\n");
    (&client).write_all(b"\x10\x11").unwrap();
    assert_eq!(harness.event(), Event::Detached { exec_id: Some("a".into()) });
    handle.exec_signal("a", 9).unwrap();
    assert_eq!(exec.ended("a"), 137);
    exec.end();
}

#[test]
fn many_at_once_and_none_left() {
    let harness = Harness::new();
    let handle = harness.start(container(SLEEP));
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", handle.shim_pid())).unwrap().count();
    let before = descriptors();
    let exec = Exec { harness: &harness, handle: &handle };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let requests: Vec<ExecRequest> = (0..10)
                .map(|n| exec.request(&format!("{thread}-{n}"), &["busybox", "echo", "hello"], false))
                .collect();
            let handle = &handle;
            scope.spawn(move || {
                for mut request in requests {
                    let (client, theirs) = connection();
                    request.attach = Some((theirs, outputs()));
                    handle.exec(request).unwrap();
                    assert_eq!(read_all(&client), b"hello\n");
                }
            });
        }
    });
    for _ in 0..40 {
        assert!(matches!(harness.event(), Event::ExecExited { code: 0, .. }));
    }
    wait_until("descriptors to be closed", || descriptors() <= before);
    exec.end();
}

#[test]
fn a_paused_container_takes_none_and_an_ended_one_neither() {
    let harness = Harness::new();
    let handle = harness.start(container(SLEEP));
    let exec = Exec { harness: &harness, handle: &handle };
    handle.pause().unwrap();
    let error = handle.exec(exec.request("a", &["busybox", "true"], false)).unwrap_err();
    assert!(error.message.contains("is paused"), "{error}");
    handle.resume().unwrap();
    // Execs end with their container, before it.
    handle.exec(exec.request("b", &["busybox", "sleep", "1000"], false)).unwrap();
    handle.signal(9).unwrap();
    assert_eq!(exec.ended("b"), 137);
    assert_eq!(harness.exit().code, 137);
    let error = handle.exec(exec.request("c", &["busybox", "true"], false)).unwrap_err();
    assert!(error.message.contains("is not running"), "{error}");
    harness.check_gone(handle.shim_pid());
}

#[test]
fn output_of_a_child_left_behind_is_waited_for_but_not_for_ever() {
    let harness = Harness::new();
    let handle = harness.start(container(SLEEP));
    let exec = Exec { harness: &harness, handle: &handle };
    let (client, theirs) = connection();
    let mut request =
        exec.request("a", &["busybox", "sh", "-c", "(busybox sleep 1000; echo never) & echo now"], false);
    request.attach = Some((theirs, outputs()));
    handle.exec(request).unwrap();
    assert_eq!(read_all(&client), b"now\n");
    assert_eq!(exec.ended("a"), 0);
    exec.end();
}
