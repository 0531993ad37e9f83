//! Attacks on `cp`, `top` and the archive endpoints by what is in a container; see `hostile`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use testkit::{Daemon, Output};

use crate::hostile::{canary, untouched};

#[test]
fn cp_cve_2026_41568_mount_points_of_a_copy_make_nothing_on_the_host() {
    let daemon = Daemon::start();
    let canary = canary(&daemon);
    let image_dir = daemon.scratch().join("outer");
    fs::create_dir_all(&image_dir).expect("mkdir");
    symlink(&canary, image_dir.join("link")).expect("link");
    // The inner mount's destination is a link in the outer one, to the outside.
    let (outer, inner) =
        (format!("{}:/o", image_dir.display()), format!("{}:/o/link/new", image_dir.display()));
    daemon.hythe(["create", "--name", "cc", "-v", &outer, "-v", &inner, "busybox"]).ok();
    let file = daemon.scratch().join("file");
    fs::write(&file, "x").expect("write");
    daemon.hythe(["cp", file.to_str().expect("plain"), "cc:/o/link/new/file"]);
    daemon.hythe(["cp", "cc:/o/link", daemon.scratch().join("got").to_str().expect("plain")]);
    untouched(&canary);
    // And what must go on working: a path through an absolute link of the image's own.
    daemon
        .hythe([
            "run",
            "-d",
            "--name",
            "runs",
            "busybox",
            "sh",
            "-c",
            "mkdir -p /run /var; ln -s /run /var/run; touch /run/there; exec sleep 1000",
        ])
        .ok();
    testkit::wait::until_true("the link is there", || {
        daemon.hythe(["exec", "runs", "test", "-e", "/var/run/there"]).code == 0
    });
    daemon.hythe(["cp", file.to_str().expect("plain"), "runs:/var/run/file"]).ok();
    assert_eq!(daemon.hythe(["exec", "runs", "cat", "/run/file"]).ok(), "x");
}

/// A program that leaves a mark on the host, should anything ever run it there, and one in the container.
fn trap(daemon: &Daemon) -> (String, std::path::PathBuf) {
    let mark = daemon.scratch().join("mark");
    let program = daemon.scratch().join("trap");
    fs::write(&program, format!("#!/bin/sh\necho ran > {}\n", mark.display())).expect("write");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("chmod");
    (program.display().to_string(), mark)
}

#[test]
fn cp_cve_2026_41567_archives_are_unpacked_without_the_containers_programs() {
    let daemon = Daemon::start();
    let (program, mark) = trap(&daemon);
    let mut args = vec!["run".to_owned(), "-d".into(), "--name".into(), "cc".into()];
    for path in ["/usr/bin/xz", "/usr/bin/unpigz", "/usr/bin/gzip", "/bin/tar", "/bin/xz"] {
        args.extend(["-v".into(), format!("{program}:{path}")]);
    }
    args.extend(["busybox", "sleep", "1000"].map(str::to_owned));
    daemon.hythe(&args).ok();
    let dir = daemon.scratch().join("tree");
    fs::create_dir_all(&dir).expect("mkdir");
    fs::write(dir.join("arrived"), "x").expect("write");
    let socket = daemon.socket();
    for (flag, name) in [("-cf", "plain.tar"), ("-czf", "packed.tar.gz"), ("-cJf", "packed.tar.xz")] {
        let archive = daemon.scratch().join(name);
        let tar = ["-C", dir.to_str().expect("plain"), flag, archive.to_str().expect("plain"), "arrived"];
        if Output::of(std::process::Command::new("tar").args(tar)).code != 0 {
            testkit::skip::report(&format!("CVE-2026-41567 with {name}: tar here cannot make it"));
            continue;
        }
        let body = format!("@{}", archive.display());
        let url = "http://localhost/containers/cc/archive?path=/tmp";
        let curl = [
            "-s",
            "-X",
            "PUT",
            "--unix-socket",
            socket.to_str().expect("plain"),
            "-H",
            "Content-Type: application/x-tar",
            "--data-binary",
            &body,
            url,
        ];
        Output::of(&mut daemon.sandbox().command("curl", curl)).ok();
        assert_eq!(daemon.hythe(["exec", "cc", "cat", "/tmp/arrived"]).ok(), "x", "{name}");
        daemon.hythe(["exec", "cc", "rm", "/tmp/arrived"]).ok();
    }
    assert!(!mark.exists(), "a program of the container ran on the host");
    // It would have left its mark.
    Output::of(&mut std::process::Command::new(&program)).ok();
    assert!(mark.exists(), "the trap does not work");
}

#[test]
fn cp_cve_2019_14271_no_library_of_a_container_is_in_the_engine() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    let maps = |pid: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/maps")).expect("its maps");
        text.lines()
            .filter_map(|line| line.split_whitespace().nth(5))
            .map(str::to_owned)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let own = daemon.pid().to_string();
    let before = maps(&own);
    let out = daemon.scratch().join("out");
    for user in ["root", "nobody"] {
        daemon.hythe(["exec", "-u", user, "cc", "true"]).ok();
        daemon.hythe(["cp", "cc:/etc/passwd", out.to_str().expect("plain")]).ok();
        daemon.hythe(["cp", "-a", out.to_str().expect("plain"), "cc:/tmp/back"]).ok();
    }
    let new: Vec<_> = maps(&own).difference(&before).filter(|path| path.contains(".so")).cloned().collect();
    assert_eq!(new, Vec::<String>::new(), "libraries that a copy brought into the engine");
}

#[test]
fn exec_host_cve_2022_1227_top_runs_no_program_of_the_container() {
    let daemon = Daemon::start();
    let (program, mark) = trap(&daemon);
    let mut args = vec!["run".to_owned(), "-d".into(), "--name".into(), "cc".into()];
    for path in ["/bin/ps", "/usr/bin/ps", "/usr/bin/nsenter"] {
        args.extend(["-v".into(), format!("{program}:{path}")]);
    }
    args.extend(["busybox", "sleep", "1000"].map(str::to_owned));
    daemon.hythe(&args).ok();
    assert!(daemon.hythe(["top", "cc"]).ok().contains("sleep 1000"));
    for verb in [&["stats", "--no-stream", "cc"][..], &["diff", "cc"], &["export", "-o", "/dev/null", "cc"]] {
        daemon.hythe(verb).ok();
    }
    assert!(!mark.exists(), "a program of the container ran on the host");
    // It would have left its mark.
    Output::of(&mut std::process::Command::new(&program)).ok();
    assert!(mark.exists(), "the trap does not work");
}
