//! `run`: what the container sees, what the caller gets back, and what goes wrong in whose words.

use testkit::{Daemon, wait};

#[test]
fn output_and_exit_status_are_the_commands_own() {
    let daemon = Daemon::start();
    let output = daemon.hythe(["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (7, "out\n", "err\n"));
    let output = daemon.docker(["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (7, "out\n", "err\n"));
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
}

#[test]
fn a_signal_ends_it_with_128_and_the_number() {
    let daemon = Daemon::start();
    assert_eq!(daemon.hythe(["run", "--rm", "busybox", "sh", "-c", "kill -KILL $$; sleep 1"]).code, 0);
    let id = daemon.hythe(["run", "-d", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["kill", &id]).ok();
    assert_eq!(daemon.hythe(["wait", &id]).ok(), "137");
}

#[test]
fn standard_input_reaches_the_command_and_its_end_too() {
    let daemon = Daemon::start();
    let input: Vec<u8> = (0..200_000u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    let output = daemon.hythe_with_input(["run", "--rm", "-i", "busybox", "md5sum"], &input);
    let docker = {
        let file = daemon.scratch().join("input");
        std::fs::write(&file, &input).expect("write");
        let args = ["run", "--rm", "-i", "busybox", "md5sum"];
        testkit::Output::of(daemon.client("docker", args).stdin(std::fs::File::open(&file).expect("open")))
    };
    assert_eq!(output.clone().ok(), docker.ok());
    assert!(output.stdout.ends_with("  -\n"), "{}", output.stdout);
}

#[test]
fn without_i_standard_input_is_empty() {
    let daemon = Daemon::start();
    assert_eq!(daemon.hythe_with_input(["run", "--rm", "busybox", "cat"], b"not for you").ok(), "");
}

#[test]
fn environment_hostname_directory_and_user() {
    let daemon = Daemon::start();
    let run = |args: &[&str]| daemon.hythe(["run", "--rm"].iter().chain(args)).ok();
    assert_eq!(run(&["-e", "A=1", "-e", "B=two words", "busybox", "sh", "-c", "echo $A-$B"]), "1-two words");
    assert_eq!(run(&["-h", "web.example", "busybox", "hostname"]), "web.example");
    assert_eq!(run(&["-w", "/new/dir", "busybox", "pwd"]), "/new/dir");
    assert_eq!(run(&["-u", "1000:1001", "busybox", "id"]), "uid=1000 gid=1001 groups=1001");
    assert_eq!(run(&["-u", "nobody", "busybox", "sh", "-c", "echo $HOME $(id -un)"]), "/home nobody");
    assert_eq!(run(&["--entrypoint", "echo", "busybox", "a", "b"]), "a b");
    assert_eq!(
        run(&["busybox", "sh", "-c", "echo $PATH; echo ${#HOSTNAME}"]),
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n12"
    );
}

#[test]
fn isolation_is_dockers() {
    let daemon = Daemon::start();
    let run = |script: &str| daemon.hythe(["run", "--rm", "busybox", "sh", "-c", script]).ok();
    assert_eq!(run("echo $$; ls /proc | grep -c '^[0-9]'").lines().next(), Some("1"));
    let status = run("grep -E '^(Cap|Seccomp:|NoNewPrivs)' /proc/self/status");
    assert_eq!(
        status.split_whitespace().collect::<Vec<_>>().join(" "),
        "CapInh: 0000000000000000 CapPrm: 00000000a80425fb CapEff: 00000000a80425fb CapBnd: 00000000a80425fb CapAmb: 0000000000000000 NoNewPrivs: 0 Seccomp: 2"
    );
    assert_eq!(run("cat /proc/kcore | wc -c; ls /proc/acpi 2>/dev/null | wc -l"), "0\n0");
    let output = daemon.hythe(["run", "--rm", "busybox", "sh", "-c", "echo x > /proc/sys/kernel/hostname"]);
    assert!(output.code == 1 && output.stderr.contains("Read-only file system"), "{output:?}");
}

#[test]
fn a_terminal_is_one_and_has_the_right_size() {
    let daemon = Daemon::start();
    assert_eq!(
        daemon.hythe(["run", "--rm", "-t", "busybox", "sh", "-c", "test -t 0 && test -t 1 && echo yes"]).ok(),
        "yes\r"
    );
    // A pseudo-terminal around the client, as a person has one.
    let line = format!(
        "stty rows 33 cols 101; {} run --rm -it busybox stty size",
        testkit::program("hythe").display()
    );
    let output = testkit::Output::of(&mut daemon.client("script", ["-qec", &line, "/dev/null"])).ok();
    assert!(output.contains("33 101"), "{output:?}");
}

#[test]
fn detached_prints_the_whole_id() {
    let daemon = Daemon::start();
    let id = daemon.hythe(["run", "-d", "--name", "sleeper", "busybox", "sleep", "1000"]).ok();
    assert!(id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    assert_eq!(
        daemon.hythe(["inspect", "-f", "{{.Id}} {{.State.Running}} {{.Name}}", "sleeper"]).ok(),
        format!("{id} true /sleeper")
    );
}

#[test]
fn rm_takes_anonymous_volumes_along() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "--rm", "-v", "/data", "busybox", "touch", "/data/x"]).ok();
    assert_eq!(daemon.hythe(["volume", "ls", "-q"]).ok(), "");
}

#[test]
fn a_missing_command_is_127_and_leaves_a_created_container() {
    let daemon = Daemon::start();
    for &client in testkit::skip::clients("a missing command") {
        let args = ["run", "--name", client, "busybox", "nothere"];
        let error = if client == "hythe" { daemon.hythe(args) } else { daemon.docker(args) }.fails_with(127);
        assert!(error.contains("exec: \"nothere\": executable file not found in $PATH"), "{error}");
        // Docker's client of version 20 may first tell that it waits no more.
        let words = format!("{client}: Error response from daemon: failed to create task for container");
        assert!(error.lines().any(|line| line.starts_with(&words)), "{error}");
        assert_eq!(
            daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", client]).ok(),
            "created 127"
        );
    }
    let error = daemon.hythe(["run", "--rm", "busybox", "/etc"]).fails_with(126);
    assert!(error.contains("permission denied") || error.contains("is a directory"), "{error}");
}

#[test]
fn wrong_flags_and_names_are_125_in_dockers_words() {
    let daemon = Daemon::start();
    let error = daemon.hythe(["run", "--nosuchflag", "busybox"]).fails_with(125);
    assert!(error.starts_with("unknown flag: --nosuchflag"), "{error}");
    daemon.hythe(["create", "--name", "taken", "busybox"]).ok();
    let error = daemon.hythe(["run", "--name", "taken", "busybox"]).fails_with(125);
    assert!(
        error.contains("Conflict. The container name \"/taken\" is already in use by container"),
        "{error}"
    );
    let error = daemon.hythe(["run", "--name", "-bad", "busybox"]).fails_with(125);
    assert!(
        error.contains("Invalid container name (-bad), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
        "{error}"
    );
    let error = daemon.hythe(["run", "UPPER"]).fails_with(125);
    assert!(
        error.contains("invalid reference format: repository name (library/UPPER) must be lowercase"),
        "{error}"
    );
}

#[test]
fn an_image_that_cannot_be_pulled_is_125_and_leaves_nothing() {
    let daemon = Daemon::start();
    let output = daemon.hythe(["run", "127.0.0.1:9/nothing:here"]);
    assert_eq!(output.code, 125, "{output:?}");
    assert!(
        output.stderr.starts_with("Unable to find image '127.0.0.1:9/nothing:here' locally\n"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("connection refused"), "{}", output.stderr);
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
}

#[test]
fn init_reaps_and_forwards_signals() {
    let daemon = Daemon::start();
    let id = daemon.hythe(["run", "-d", "--init", "busybox", "sleep", "1000"]).ok();
    let first = daemon.hythe(["exec", &id, "cat", "/proc/1/comm"]).ok();
    assert_ne!(first, "sleep");
    daemon.hythe(["exec", &id, "sh", "-c", "(sleep 0.01 &) ; true"]).ok();
    daemon.hythe(["stop", &id]).ok();
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.ExitCode}}", &id]).ok(), "143");
}

#[test]
fn limits_are_written_to_the_cgroup() {
    let daemon = Daemon::start();
    let args = ["run", "--rm", "-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "busybox", "sh", "-c"];
    // v1 and v2 name them differently; whichever is there must say so.
    let script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max";
    assert_eq!(daemon.hythe(args.iter().chain(&[script])).ok(), "67108864\n50\n50000");
}

#[test]
fn a_second_process_cannot_outgrow_its_memory() {
    let daemon = Daemon::start();
    let output = daemon.hythe(["run", "--name", "hog", "-m", "16m", "busybox", "sh", "-c", "tail /dev/zero"]);
    assert_eq!(output.code, 137, "{output:?}");
    wait::until_true("the exit is recorded", || {
        daemon.hythe(["inspect", "-f", "{{.State.OOMKilled}}", "hog"]).ok() == "true"
    });
}

#[test]
fn published_name_is_in_hosts_and_resolv_conf_is_there() {
    let daemon = Daemon::start();
    let hosts = daemon
        .hythe(["run", "--rm", "--add-host", "db:10.1.2.3", "-h", "me", "busybox", "cat", "/etc/hosts"])
        .ok();
    assert!(hosts.starts_with("127.0.0.1\tlocalhost\n"), "{hosts}");
    assert!(hosts.contains("10.1.2.3\tdb"), "{hosts}");
    assert!(
        hosts.lines().last().is_some_and(|line| line.starts_with("172.17.0.") && line.ends_with("\tme")),
        "{hosts}"
    );
    let resolv =
        daemon.hythe(["run", "--rm", "--dns", "10.9.8.7", "busybox", "cat", "/etc/resolv.conf"]).ok();
    let servers: Vec<&str> = resolv.lines().filter(|line| line.starts_with("nameserver")).collect();
    assert_eq!(servers, ["nameserver 10.9.8.7"], "{resolv}");
}
