//! Processes added to a running container.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use serde_json::json;

use crate::bundle::Bundle;

fn sleeping() -> Bundle {
    let bundle = Bundle::new("sleep 1000");
    bundle.start();
    bundle
}

#[test]
fn it_is_where_the_container_is() {
    let bundle = sleeping();
    let look = "for n in pid net mnt uts ipc cgroup; do readlink /proc/$1/ns/$n; done; cat /proc/$1/cgroup; \
                grep -E '^(Cap|Seccomp|NoNewPrivs|Groups|Uid)' /proc/$1/status";
    let ran = bundle.exec(&[
        "sh",
        "-c",
        &format!("look() {{ {look}; }}; look 1 > /tmp/a; look self > /tmp/b; hostname"),
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "box\n"), "{ran:?}");
    let read = |name: &str| fs::read_to_string(bundle.root().join("tmp").join(name)).unwrap();
    assert_eq!(read("a"), read("b"));
    assert!(read("a").contains("CapInh:\t0000000000000000"));
    bundle.finish();
}

#[test]
fn codes_texts_and_options() {
    let bundle = sleeping();
    assert_eq!(bundle.exec(&["sh", "-c", "exit 9"]).code, 9);
    assert_eq!(bundle.exec(&["sh", "-c", "kill -TERM $$"]).code, 143);
    for (args, text) in [
        (vec!["foo"], "exec: \"foo\": executable file not found in $PATH"),
        (vec!["/x"], "exec: \"/x\": stat /x: no such file or directory"),
        (vec!["/"], "exec: \"/\": is a directory: permission denied"),
    ] {
        let ran = bundle.exec(&args);
        let expected = format!("exec failed: unable to start container process: {text}");
        assert!(ran.err.contains(&expected), "{ran:?}");
    }
    let ran = bundle.ours(&["exec", "--cwd", "/nope", "ID", "true"]);
    assert!(
        ran.err.contains("chdir to cwd (\"/nope\") set in config.json failed: no such file or directory"),
        "{ran:?}"
    );
    let ran = bundle.ours(&[
        "exec",
        "--cwd",
        "/etc",
        "--env",
        "A=b",
        "--user",
        "app",
        "ID",
        "sh",
        "-c",
        "pwd; echo $A $HOME; id",
    ]);
    assert_eq!(
        ran.out, "/etc\nb /home/app\nuid=1000(app) gid=1000(app) groups=10(wheel),1000(app)\n",
        "{ran:?}"
    );
    let ran = bundle.ours(&["exec", "--user", "nosuch", "ID", "true"]);
    assert!(ran.err.contains("unable to find user nosuch: no matching entries in passwd file"), "{ran:?}");
    bundle.finish();
}

#[test]
fn nothing_is_left_of_many() {
    let bundle = sleeping();
    for _ in 0..30 {
        assert_eq!(bundle.exec(&["true"]).code, 0);
        assert_ne!(bundle.exec(&["/nope"]).code, 0);
    }
    // The shell, its `ps`, and the first process.
    let ran = bundle.exec(&["sh", "-c", "ps | wc -l"]);
    assert!(ran.out.trim().parse::<u32>().unwrap() <= 5, "{ran:?}");
    bundle.finish();
}

/// CVE-2016-9962, CVE-2019-5736: what the first process can see of a process being added.
#[test]
fn exec_cve_2016_9962_the_joining_process_cannot_be_looked_into() {
    let script = "while :; do for p in /proc/[0-9]*; do readlink $p/exe; readlink $p/cwd; readlink $p/root; done; done";
    let bundle = Bundle::new(script);
    bundle.start();
    for _ in 0..40 {
        assert_eq!(bundle.exec(&["true"]).code, 0);
    }
    let log = bundle.log();
    let mut seen: Vec<&str> = log.lines().filter(|line| !line.is_empty()).collect();
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.iter().all(|path| ["/", "/bin/busybox"].contains(path)), "{seen:?}");
    bundle.finish();
}

/// A terminal's master end, from the console socket.
fn console(socket: &UnixListener) -> OwnedFd {
    let (connection, _) = socket.accept().unwrap();
    let (_, mut fds) = sys::socket::receive(&connection, &mut [0; 64]).unwrap();
    assert_eq!(fds.len(), 1);
    fds.remove(0)
}

#[test]
fn a_terminal_is_the_containers_own() {
    let script =
        "tty; stty size; ls -l /dev/console | cut -c1-10; echo ready; read line; echo got $line; sleep 1000";
    let mut bundle = Bundle::new(script);
    bundle.spec["process"]["terminal"] = json!(true);
    bundle.spec["process"]["consoleSize"] = json!({ "height": 33, "width": 77 });
    bundle.write();
    let socket = UnixListener::bind(bundle.dir.path().join("console.sock")).unwrap();
    let create = ["create", "--console-socket", "console.sock", "ID"];
    assert!(bundle.call(&crate::bundle::program(), &create).status().unwrap().success());
    let mut master = fs::File::from(console(&socket));
    assert_eq!(bundle.ours(&["start", "ID"]).code, 0);
    assert_eq!(until(&mut master, "ready\r\n"), "/dev/pts/0\r\n33 77\r\ncrw--w----\r\nready\r\n");
    master.write_all(b"hello\n").unwrap();
    assert!(until(&mut master, "got hello\r\n").contains("got hello"));
    let exec = [
        "exec",
        "--tty",
        "--detach",
        "--console-socket",
        "console.sock",
        "ID",
        "sh",
        "-c",
        "tty; stty size; echo end",
    ];
    assert!(bundle.call(&crate::bundle::program(), &exec).status().unwrap().success());
    let mut second = fs::File::from(console(&socket));
    assert!(until(&mut second, "end\r\n").starts_with("/dev/pts/1\r\n"));
    bundle.finish();
}

/// What comes out of a terminal up to and with `end`.
fn until(master: &mut fs::File, end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.ends_with(end) {
        let count = master.read(&mut buffer).unwrap_or_else(|error| panic!("{error} after {text:?}"));
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    text
}
