//! User namespaces: a daemon with `--userns-remap`, judged from both sides, in the container and on the host.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use testkit::{Daemon, Options, Output, Sandbox, wait};

/// A sandbox whose `/etc` is its own, with the user `ann` whose containers have the ids from 300000 on.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let script = "mount -t tmpfs etc /mnt && mkdir /mnt/upper /mnt/work && \
                  mount -t overlay etc -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc && \
                  echo ann:x:4321:4321::/:/bin/false >> /etc/passwd && echo ann:x:4321: >> /etc/group && \
                  echo ann:300000:65536 > /etc/subuid && echo ann:400000:65536 > /etc/subgid && touch /etc/hosts";
    Output::of(&mut sandbox.command("sh", ["-c", script])).ok();
    sandbox
}

fn with(words: &str) -> Daemon {
    let flags = vec![format!("--userns-remap={words}")];
    Daemon::within(sandbox(), Options { flags, images: vec!["busybox"], ..Options::default() })
}

fn run(daemon: &Daemon, flags: &[&str], script: &str) -> String {
    daemon.hythe(["run", "--rm"].iter().chain(flags).chain(&["busybox", "sh", "-c", script])).ok()
}

fn owner(path: &Path) -> (u32, u32) {
    let stat = path.symlink_metadata().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (stat.uid(), stat.gid())
}

/// What `run FLAGS busybox true` says, and its exit code.
fn refusal(daemon: &Daemon, flags: &[&str]) -> (i32, String) {
    let output = daemon.hythe(["run", "--rm"].iter().chain(flags).chain(&["busybox", "true"]));
    let text = output.stderr.lines().next().unwrap_or_default();
    let text = text.strip_prefix("hythe: ").unwrap_or(text);
    (output.code, text.strip_prefix("Error response from daemon: ").unwrap_or(text).to_owned())
}

fn upper(daemon: &Daemon, container: &str) -> PathBuf {
    let id = daemon.hythe(["inspect", "-f", "{{.Id}}", container]).ok();
    daemon.data().join("snapshots/containers").join(id).join("upper")
}

#[test]
fn a_containers_root_is_nobody_outside() {
    let daemon = with("ann");
    let map = "tr -s ' ' < /proc/self/uid_map; tr -s ' ' < /proc/self/gid_map; cat /proc/self/setgroups";
    assert_eq!(run(&daemon, &[], map), " 0 300000 65536\n 0 400000 65536\nallow");
    let paths = "/ /bin/busybox /etc/hosts /etc/resolv.conf /etc/hostname /dev /dev/null /dev/shm /dev/mqueue \
                 /dev/pts /dev/pts/ptmx /proc/1 /proc /sys";
    let seen = run(&daemon, &[], &format!("id -u; stat -c '%u:%g %n' {paths} | grep -v ^0:0"));
    // These two the kernel gives to nobody, whoever mounts them.
    assert_eq!(seen, "0\n65534:65534 /proc\n65534:65534 /sys");
    daemon.hythe(["run", "-d", "--name", "cc", "-u", "7:8", "busybox", "sleep", "1000"]).ok();
    let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "cc"]).ok();
    assert_eq!(owner(Path::new(&format!("/proc/{pid}"))), (300_007, 400_008));
    assert!(daemon.hythe(["top", "cc", "-eo", "uid,pid"]).ok().contains("300007"));
    let info = daemon.hythe(["info", "-f", "{{json .SecurityOptions}}"]).ok();
    assert!(info.contains("\"name=userns\""), "{info}");
    daemon.hythe(["rm", "-f", "cc"]).ok();
    daemon.check_leaks();
}

#[test]
fn root_inside_has_its_own_namespaces_and_nothing_of_the_hosts() {
    let daemon = with("ann");
    let net = "ip addr add 10.9.9.9/32 dev lo && ping -c1 -W1 127.0.0.1 >/dev/null && echo net";
    assert_eq!(run(&daemon, &["--cap-add", "NET_ADMIN"], net), "net");
    let mount = "mount -t tmpfs t /tmp && touch /tmp/x && umount /tmp && hostname other && hostname";
    assert_eq!(
        run(
            &daemon,
            &[
                "--cap-add",
                "SYS_ADMIN",
                "--security-opt",
                "seccomp=unconfined",
                "--security-opt",
                "apparmor=unconfined"
            ],
            mount
        ),
        "other"
    );
    let denied = "mknod /n c 1 3; echo 1 > /proc/sys/kernel/sysrq; mount -o remount,rw /proc/sys; \
                  chown 70000 /tmp; echo $?";
    let output = daemon.hythe(["run", "--rm", "busybox", "sh", "-c", denied]);
    assert_eq!(output.stdout.trim_end(), "1");
    assert_eq!(output.stderr.lines().count(), 4, "{}", output.stderr);
    let devices = "echo x > /dev/null && head -c4 /dev/urandom | wc -c; test -c /dev/tty && test ! -e /dev/kmsg && echo own";
    assert_eq!(run(&daemon, &[], devices), "4\nown");
}

#[test]
fn a_bind_mount_is_as_on_the_host_and_roots_files_are_safe() {
    let daemon = with("ann");
    let dir = daemon.scratch();
    std::fs::write(dir.join("roots"), "secret").unwrap();
    std::fs::set_permissions(dir.join("roots"), PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::create_dir(dir.join("anns")).unwrap();
    std::os::unix::fs::chown(dir.join("anns"), Some(300_000), Some(400_000)).unwrap();
    let bind = format!("{}:/host", dir.display());
    let script = "stat -c '%u:%g' /host/roots /host/anns; cat /host/roots; touch /host/new; rm -f /host/roots; \
                  chmod 777 /host/roots; touch /host/anns/f && echo made";
    let output = daemon.hythe(["run", "--rm", "-v", &bind, "busybox", "sh", "-c", script]);
    assert_eq!(output.stdout.trim_end(), "65534:65534\n0:0\nmade");
    assert_eq!(output.stderr.matches("denied").count() + output.stderr.matches("not permitted").count(), 4);
    assert_eq!(std::fs::read(dir.join("roots")).unwrap(), b"secret");
    assert!(!dir.join("new").exists());
    assert_eq!(owner(&dir.join("anns/f")), (300_000, 400_000));
    // With the host's ids there is no such wall.
    assert_eq!(run(&daemon, &["--userns", "host", "-v", &bind], "cat /host/roots"), "secret");
}

#[test]
fn a_volume_belongs_to_the_containers_root() {
    let daemon = with("ann");
    daemon.hythe(["volume", "create", "made"]).ok();
    let data = |name: &str| daemon.data().join("volumes").join(name).join("_data");
    assert_eq!(owner(&data("made")), (300_000, 400_000));
    run(&daemon, &["-v", "made:/v", "-u", "5:6"], "touch /v/f 2>/dev/null; true");
    run(&daemon, &["-v", "made:/v"], "touch /v/g; chown 5:6 /v/g");
    assert_eq!(owner(&data("made").join("g")), (300_005, 400_006));
    // Filled from the image: its files stay whose they are.
    run(&daemon, &["-v", "filled:/etc"], "true");
    assert_eq!(owner(&data("filled")), (300_000, 400_000));
    assert_eq!(owner(&data("filled").join("passwd")), (300_000, 400_000));
    assert_eq!(
        run(&daemon, &["-v", "filled:/v"], "stat -c %u:%g /v /v/passwd; touch /v/n && echo w"),
        "0:0\n0:0\nw"
    );
    let tmpfs = ["--tmpfs", "/t:uid=5,gid=6,mode=700", "--mount", "type=tmpfs,dst=/u"];
    assert_eq!(
        run(&daemon, &tmpfs, "stat -c '%u:%g %a' /t /u; touch /u/f && echo w"),
        "5:6 700\n0:0 1777\nw"
    );
}

#[test]
fn what_is_refused_is_refused_in_dockers_words() {
    let daemon = with("ann");
    for (flags, text) in [
        (
            &["--privileged"][..],
            "privileged mode is incompatible with user namespaces.  You must run the container in the host namespace \
             when running privileged mode",
        ),
        (
            &["--network", "host"],
            "cannot share the host's network namespace when user namespaces are enabled",
        ),
        (&["--pid", "host"], "cannot share the host PID namespace when user namespaces are enabled"),
    ] {
        assert_eq!(refusal(&daemon, flags), (125, text.to_owned()));
        assert_eq!(run(&daemon, &[flags, &["--userns", "host"]].concat(), "echo fine"), "fine");
    }
    assert_eq!(run(&daemon, &["--userns", "host"], "tr -s ' ' < /proc/self/uid_map"), " 0 0 4294967295");
    assert_eq!(run(&daemon, &["--ipc", "host", "--uts", "host"], "echo fine"), "fine");
    let (code, text) = refusal(&daemon, &["-u", "70000"]);
    assert_eq!(code, 125, "{text}");
    assert!(
        text.ends_with("unable to setup user: cannot set uid to unmapped user in user namespace"),
        "{text}"
    );
}

#[test]
fn namespaces_are_shared_only_with_the_same_ids() {
    let daemon = with("ann");
    daemon
        .hythe([
            "run",
            "-d",
            "--name",
            "cc",
            "--ipc",
            "shareable",
            "busybox",
            "nc",
            "-ll",
            "-p",
            "80",
            "-e",
            "echo",
            "hi",
        ])
        .ok();
    let userns = |name: &str| format!("readlink /proc/{name}/ns/user");
    let own = daemon.hythe(["exec", "cc", "sh", "-c", &userns("self")]).ok();
    for flags in [
        &["--network", "container:cc"][..],
        &["--pid", "container:cc"],
        &["--ipc", "container:cc"],
        &["--network", "container:cc", "--pid", "container:cc", "--ipc", "container:cc"],
    ] {
        assert_eq!(run(&daemon, flags, &userns("self")), own, "{flags:?}");
    }
    assert_eq!(run(&daemon, &["--network", "container:cc"], "nc -w1 127.0.0.1 80 </dev/null"), "hi");
    assert_ne!(run(&daemon, &[], &userns("self")), own);
    daemon.hythe(["run", "-d", "--name", "host", "--userns", "host", "busybox", "sleep", "1000"]).ok();
    let (code, text) = refusal(&daemon, &["--network", "container:host"]);
    assert_eq!(code, 125, "{text}");
    assert!(text.contains("when user namespaces are enabled: it has other user IDs"), "{text}");
    daemon.hythe(["rm", "-f", "cc", "host"]).ok();
    daemon.check_leaks();
}

#[test]
fn execs_terminals_and_probes_are_in_the_namespace() {
    let mut daemon = with("ann");
    daemon
        .hythe([
            "run",
            "-d",
            "--init",
            "--name",
            "cc",
            "--group-add",
            "77",
            "--restart",
            "always",
            "--health-cmd",
            "grep -q 300000 /proc/self/uid_map",
            "--health-interval",
            "50ms",
            "busybox",
            "sleep",
            "1000",
        ])
        .ok();
    let healthy = || daemon.hythe(["inspect", "-f", "{{.State.Health.Status}}", "cc"]).ok() == "healthy";
    wait::until_true("the probe runs", healthy);
    let check = |daemon: &Daemon| {
        let exec = |args: &[&str]| daemon.hythe([&["exec"], args].concat()).ok();
        assert_eq!(exec(&["cc", "sh", "-c", "id -u; tr -s ' ' < /proc/self/uid_map"]), "0\n 0 300000 65536");
        assert_eq!(exec(&["-u", "5:6", "cc", "sh", "-c", "id -u; id -g; touch /tmp/by5"]), "5\n6");
        assert_eq!(owner(&upper(daemon, "cc").join("tmp/by5")), (5, 6));
        let tty = exec(&["-t", "cc", "sh", "-c", "tty; stat -c %u:%g $(tty); echo x > /dev/tty && echo ok"]);
        assert_eq!(tty, "/dev/pts/0\r\n0:5\r\nx\r\nok\r");
        assert_eq!(exec(&["-u", "5", "cc", "sh", "-c", "echo out > /dev/stdout"]), "out");
        assert!(exec(&["cc", "cat", "/proc/1/cmdline"]).starts_with("/sbin/docker-init"));
        assert!(exec(&["cc", "id", "-G"]).contains("77"));
    };
    check(&daemon);
    daemon.kill();
    daemon.boot();
    check(&daemon);
    daemon.hythe(["restart", "-t", "0", "cc"]).ok();
    check(&daemon);
    let tty = [
        "run",
        "--rm",
        "-t",
        "-u",
        "5",
        "busybox",
        "sh",
        "-c",
        "stat -c %u /dev/console; echo e > /dev/stderr",
    ];
    assert_eq!(daemon.hythe(tty).ok(), "5\r\ne\r");
    assert_eq!(run(&daemon, &["-u", "5"], "echo out > /dev/stdout; echo err > /dev/stderr"), "out");
    daemon.hythe(["rm", "-f", "cc"]).ok();
    daemon.check_leaks();
}

#[test]
fn copies_keep_ids_in_and_out() {
    let daemon = with("ann");
    let dir = daemon.scratch();
    let here = |name: &str| dir.join(name).display().to_string();
    std::fs::write(dir.join("f"), "x").unwrap();
    std::os::unix::fs::chown(dir.join("f"), Some(5), Some(6)).unwrap();
    daemon.hythe(["create", "--name", "stopped", "-v", "one:/v", "busybox", "true"]).ok();
    daemon.hythe(["run", "-d", "--name", "running", "-v", "two:/v", "busybox", "sleep", "1000"]).ok();
    for (name, volume) in [("stopped", "one"), ("running", "two")] {
        for place in ["/tmp", "/v"] {
            daemon.hythe(["cp", "-a", &here("f"), &format!("{name}:{place}/kept")]).ok();
            daemon.hythe(["cp", &here("f"), &format!("{name}:{place}/new")]).ok();
            for (file, ids) in [("kept", " 5/6 "), ("new", " 5/6 ")] {
                let out =
                    daemon.hythe_command(["cp", &format!("{name}:{place}/{file}"), "-"]).output().unwrap();
                std::fs::write(dir.join("tar"), out.stdout).unwrap();
                let mut list = std::process::Command::new("tar");
                let list = Output::of(list.args(["--numeric-owner", "-tvf"]).arg(dir.join("tar"))).ok();
                assert!(list.contains(ids), "{name} {place}: {list}");
            }
        }
        let upper = upper(&daemon, name).join("tmp");
        assert_eq!((owner(&upper.join("kept")), owner(&upper.join("new"))), ((5, 6), (5, 6)), "{name}");
        let data = daemon.data().join("volumes").join(volume).join("_data");
        assert_eq!(
            (owner(&data.join("kept")), owner(&data.join("new"))),
            ((300_005, 400_006), (300_005, 400_006))
        );
    }
    let seen = "stat -c %u:%g /tmp/kept /tmp/new /v/kept /v/new";
    let seen = |args: &[&str]| daemon.hythe([args, &["sh", "-c", seen]].concat()).ok();
    assert_eq!(seen(&["exec", "running"]), "5:6\n5:6\n5:6\n5:6");
    std::os::unix::fs::chown(dir.join("f"), Some(70_000), Some(6)).unwrap();
    let error = daemon.hythe(["cp", "-a", &here("f"), "running:/tmp/far"]).fails_with(1);
    assert!(error.contains("container ID 70000 cannot be mapped to a host ID"), "{error}");
    daemon.hythe(["rm", "-f", "-v", "running", "stopped"]).ok();
}

#[test]
fn images_do_not_know_about_the_mapping() {
    let mut daemon = Daemon::within(sandbox(), Options { images: vec!["busybox"], ..Options::default() });
    let file = daemon.data().with_file_name("daemon.json");
    let reboot = |daemon: &mut Daemon, json: &str| {
        daemon.stop();
        std::fs::write(&file, json).unwrap();
        daemon.boot();
    };
    reboot(&mut daemon, r#"{"userns-remap": "4321:ann"}"#);
    let script = "touch /root-made; touch /by5; chown 5:6 /by5; echo x >> /etc/passwd; rm /bin/vi; mkdir -p /d/e; chmod 700 /d";
    daemon.hythe(["run", "--name", "cc", "busybox", "sh", "-c", script]).ok();
    let diff = daemon.hythe(["diff", "cc"]).ok();
    for line in ["A /root-made", "A /by5", "C /etc/passwd", "D /bin/vi", "A /d/e"] {
        assert!(diff.lines().any(|have| have == line), "{line} is not in {diff}");
    }
    daemon.hythe(["commit", "cc", "made"]).ok();
    let export = daemon.hythe(["export", "-o", &daemon.scratch().join("cc.tar").display().to_string(), "cc"]);
    export.ok();
    let list = Output::of(
        std::process::Command::new("tar")
            .args(["--numeric-owner", "-tvf"])
            .arg(daemon.scratch().join("cc.tar")),
    )
    .ok();
    assert!(list.lines().all(|line| !line.contains("300000")), "{list}");
    assert!(list.lines().any(|line| line.contains(" 5/6 ") && line.ends_with(" by5")), "{list}");
    let look = "stat -c '%u:%g %n' /root-made /by5 /etc/passwd /d/e; test -e /bin/vi || echo gone";
    let seen = "0:0 /root-made\n5:6 /by5\n0:0 /etc/passwd\n0:0 /d/e\ngone";
    let of = |daemon: &Daemon| daemon.hythe(["run", "--rm", "made", "sh", "-c", look]).ok();
    assert_eq!(of(&daemon), seen);
    // The same image, and the same container, without a mapping.
    reboot(&mut daemon, "{}");
    assert_eq!(of(&daemon), seen);
    daemon.hythe(["start", "-a", "cc"]).ok();
    let mount =
        ["run", "--rm", "--mount", "type=image,src=made,dst=/i", "busybox", "stat", "-c", "%u:%g", "/i/by5"];
    assert_eq!(daemon.hythe(mount).ok(), "5:6");
    reboot(&mut daemon, r#"{"userns-remap": "ann"}"#);
    assert_eq!(daemon.hythe(mount).ok(), "5:6");
    daemon.hythe(["start", "-a", "cc"]).ok();
    daemon.hythe(["rm", "cc"]).ok();
    daemon.hythe(["rmi", "made"]).ok();
    daemon.check_leaks();
}

#[test]
fn another_daemon_finds_running_containers_as_they_are() {
    let mut daemon = Daemon::within(sandbox(), Options { images: vec!["busybox"], ..Options::default() });
    let file = daemon.data().with_file_name("daemon.json");
    daemon.hythe(["run", "-d", "--name", "plain", "busybox", "sleep", "1000"]).ok();
    daemon.stop();
    std::fs::write(&file, r#"{"userns-remap": "ann"}"#).unwrap();
    daemon.boot();
    daemon.hythe(["run", "-d", "--name", "mapped", "busybox", "sleep", "1000"]).ok();
    let check = |daemon: &Daemon| {
        for (name, id) in [("plain", "0"), ("mapped", "300000")] {
            let script = "set -- $(cat /proc/self/uid_map); echo $2; id -u; touch /tmp/f && echo made";
            assert_eq!(daemon.hythe(["exec", name, "sh", "-c", script]).ok(), format!("{id}\n0\nmade"));
            let out = daemon.scratch().join(name).display().to_string();
            daemon.hythe(["cp", "-a", &format!("{name}:/tmp/f"), &out]).ok();
            assert_eq!(owner(Path::new(&out)), (0, 0), "{name}");
        }
    };
    check(&daemon);
    daemon.kill();
    std::fs::write(&file, "{}").unwrap();
    daemon.boot();
    check(&daemon);
    daemon.hythe(["restart", "-t", "0", "mapped"]).ok();
    assert_eq!(
        daemon.hythe(["exec", "mapped", "sh", "-c", "set -- $(cat /proc/self/uid_map); echo $2"]).ok(),
        "0"
    );
    daemon.hythe(["rm", "-f", "plain", "mapped"]).ok();
    daemon.check_leaks();
}

#[test]
fn default_is_a_user_that_the_daemon_makes() {
    let daemon = with("default");
    let passwd = Output::of(&mut daemon.sandbox().command("cat", ["/etc/passwd"])).ok();
    assert!(passwd.contains("\ndockremap:x:"), "{passwd}");
    let subuid = Output::of(&mut daemon.sandbox().command("grep", ["dockremap", "/etc/subuid"])).ok();
    let (_, range) = subuid.split_once(':').expect("a line of subuid");
    let (first, size) = range.split_once(':').expect("a line of subuid");
    assert_eq!(run(&daemon, &[], "tr -s ' ' < /proc/self/uid_map"), format!(" 0 {first} {size}"));
}

#[test]
fn words_that_make_no_mapping_stop_the_daemon() {
    for (words, subuid, text) in [
        ("nobody-here", "", "Error during uid lookup for \"nobody-here\": "),
        ("ann:x:y", "", "Invalid user/group specification in --userns-remap: \"ann:x:y\""),
        ("ann", "bob:1:1", "Can't create ID mappings: no subuid ranges found for user \"ann\""),
        (
            "ann",
            "ann:5:x",
            "Can't create ID mappings: /etc/subuid: line 1: the count is not a number of 32 bits",
        ),
        // The data root is on an overlay here, a file system that cannot do it.
        (
            "ann",
            "ann:300000:5",
            "userns-remap: this kernel or file system cannot map the IDs of the files in ",
        ),
    ] {
        let sandbox = sandbox();
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let script = format!(
            "echo '{subuid}' > /etc/subuid && mkdir {0} /mnt/data /mnt/more && \
             mount -t overlay data -o lowerdir={0},upperdir=/mnt/data,workdir=/mnt/more {0}",
            at("data")
        );
        Output::of(&mut sandbox.command("sh", ["-c", &script])).ok();
        let args = [
            format!("--userns-remap={words}"),
            format!("--data-root={}", at("data")),
            format!("--exec-root={}", at("state")),
            format!("--pidfile={}", at("pid")),
            format!("--host=unix://{}", at("socket")),
            format!("--config-file={}", at("daemon.json")),
            format!("--shim={}", testkit::shim().display()),
        ];
        std::fs::write(at("daemon.json"), "{}").unwrap();
        let output = Output::of(&mut sandbox.command(testkit::program("hythed"), &args));
        assert!(output.code != 0 && output.stderr.contains(text), "{words}: {}", output.stderr);
    }
}

#[test]
fn devices_keep_the_hosts_owner() {
    let daemon = with("ann");
    let look = "stat -c '%u:%g %a' /dev/x; head -c2 /dev/x | wc -c";
    assert_eq!(run(&daemon, &["--device", "/dev/zero:/dev/x"], look), "65534:65534 666\n2");
    // Root's alone on the host: not even its root inside may.
    let script = "mknod /mnt/only c 1 5 && chmod 600 /mnt/only";
    Output::of(&mut daemon.sandbox().command("sh", ["-c", script])).ok();
    let flags = ["run", "--rm", "--device", "/mnt/only:/dev/x", "busybox", "head", "-c1", "/dev/x"];
    let output = daemon.hythe(flags);
    assert!(output.code == 1 && output.stderr.contains("Permission denied"), "{}", output.stderr);
}

/// CVE-2021-21284: who is the remapped root on the host must not get at the engine's own files.
#[test]
fn userns_cve_2021_21284_the_remapped_root_cannot_reach_the_data_root() {
    let daemon = with("ann");
    daemon.hythe(["run", "-d", "--name", "cc", "-v", "vol:/v", "busybox", "sleep", "1000"]).ok();
    let upper = upper(&daemon, "cc");
    let paths = [
        daemon.data(),
        daemon.data().join("volumes/vol/_data"),
        daemon.data().join("snapshots/layers"),
        upper.clone(),
        daemon.state(),
    ];
    // As that user on the host, and as the container's root with the directory bound into it.
    for path in &paths[1..] {
        let script = format!("ls {0} || touch {0}/x", path.display());
        let args = ["--reuid=300000", "--regid=400000", "--clear-groups", "sh", "-c", &script];
        let output = Output::of(&mut daemon.sandbox().command("setpriv", args));
        assert!(output.code != 0 && output.stdout.is_empty(), "{}: {}", path.display(), output.stdout);
    }
    for path in [&paths[0], &upper, &paths[2]] {
        let bind = format!("{}:/d", path.display());
        let script = "touch /d/x; chmod 777 /d; chown 0 /d; mkdir /d/y; ln -s / /d/z";
        let output = daemon.hythe(["run", "--rm", "-v", &bind, "busybox", "sh", "-c", script]);
        assert_eq!(output.stderr.lines().count(), 5, "{}: {}", path.display(), output.stderr);
    }
    assert_eq!(owner(&upper), (0, 0));
    daemon.hythe(["rm", "-f", "-v", "cc"]).ok();
}

#[test]
fn a_setuid_program_holds_inside_only() {
    let flags = vec!["--userns-remap=ann".to_owned()];
    let options = Options { flags, images: vec!["debian"], ..Options::default() };
    let daemon = Daemon::within(sandbox(), options);
    let run = |args: &[&str]| daemon.hythe([&["run", "--rm"], args].concat()).ok();
    // On a volume it is the mapped root's, not the host's.
    let script = "cp /usr/bin/id /v/id && chmod 4755 /v/id && chmod 755 /v && cp -p /v/id /id && exec /id -u";
    assert_eq!(run(&["-v", "vol:/v", "debian", "sh", "-c", script]), "0");
    let stat = daemon.data().join("volumes/vol/_data/id").metadata().unwrap();
    assert_eq!((stat.uid(), stat.mode() & 0o7777), (300_000, 0o4755));
    assert_eq!(run(&["-v", "vol:/v", "-u", "5:6", "debian", "/v/id", "-u"]), "0");
    let no_more =
        ["-v", "vol:/v", "-u", "5:6", "--security-opt", "no-new-privileges", "debian", "/v/id", "-u"];
    assert_eq!(run(&no_more), "5");
    // In the writable layer too, which has the container's own ids on disk.
    daemon.hythe(["run", "--name", "cc", "debian", "sh", "-c", "cp /usr/bin/id /id && chmod 4755 /id"]).ok();
    daemon.hythe(["commit", "cc", "suid"]).ok();
    assert_eq!(run(&["-u", "5:6", "suid", "/id", "-u"]), "0");
    daemon.hythe(["rm", "cc"]).ok();
}

#[test]
fn images_that_change_their_user_work() {
    let flags = vec!["--userns-remap=ann".to_owned()];
    let options = Options { flags, images: vec!["redis", "nginx"], ..Options::default() };
    let daemon = Daemon::within(sandbox(), options);
    let exec = |args: &[&str]| daemon.hythe([&["exec"], args].concat());
    daemon.hythe(["run", "-d", "--name", "redis", "-v", "store:/data", "redis"]).ok();
    wait::until_true("redis answers", || exec(&["redis", "redis-cli", "ping"]).stdout.trim() == "PONG");
    assert_eq!(exec(&["redis", "redis-cli", "save"]).ok(), "OK");
    let data = daemon.data().join("volumes/store/_data");
    let inside = exec(&["redis", "stat", "-c", "%u", "/data/dump.rdb"]).ok().parse::<u32>().unwrap();
    assert_eq!(owner(&data.join("dump.rdb")).0, 300_000 + inside);
    daemon.hythe(["run", "-d", "--name", "web", "-p", "18081:80", "nginx"]).ok();
    let get = || {
        let url = "http://127.0.0.1:18081/";
        Output::of(
            &mut daemon.sandbox().command("curl", ["-s", "-o", "/dev/null", "-w", "%{http_code}", url]),
        )
    };
    wait::until_true("nginx answers", || get().stdout == "200");
    daemon.hythe(["restart", "-t", "5", "redis"]).ok();
    wait::until_true("redis answers again", || exec(&["redis", "redis-cli", "ping"]).stdout.trim() == "PONG");
    daemon.hythe(["rm", "-f", "redis", "web"]).ok();
    daemon.check_leaks();
}

#[test]
fn mounts_come_in_where_asked_and_never_go_out() {
    let daemon = with("ann");
    let dir = daemon.scratch().join("shared").display().to_string();
    let sh = |script: &str| Output::of(&mut daemon.sandbox().command("sh", ["-c", script]));
    sh(&format!(
        "mkdir {dir} && mount -t tmpfs s {dir} && mount --make-shared {dir} && mkdir {dir}/in {dir}/out && \
         chown -R 300000:400000 {dir}"
    ))
    .ok();
    let (bind, plain) = (format!("{dir}:/p:rshared"), format!("{dir}:/q"));
    let free = [
        "--cap-add",
        "SYS_ADMIN",
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "apparmor=unconfined",
    ];
    let script = "mount -t tmpfs t /p/out && touch /p/out/inside && sleep 1000";
    let tail = ["-v", &bind, "-v", &plain, "busybox", "sh", "-c", script];
    daemon.hythe([&["run", "-d", "--name", "cc"], &free[..], &tail].concat()).ok();
    let inside = |path: &str| daemon.hythe(["exec", "cc", "ls", path]).ok();
    wait::until_true("it has mounted", || inside("/p/out") == "inside");
    assert_eq!(sh(&format!("ls {dir}/out")).ok(), "", "what root inside mounts stays inside");
    sh(&format!("mount -t tmpfs t {dir}/in && touch {dir}/in/outside")).ok();
    assert_eq!((inside("/p/in"), inside("/q/in")), ("outside".into(), String::new()));
    daemon.hythe(["rm", "-f", "cc"]).ok();
    sh(&format!("umount {dir}/in {dir}")).ok();
}

#[test]
fn options_mean_what_they_mean_without_a_mapping() {
    let daemon = with("ann");
    for (flags, script, text) in [
        (&["--read-only", "--tmpfs", "/t"][..], "touch /x 2>/dev/null || touch /t/x && echo ro", "ro"),
        (&["-w", "/new/dir"], "pwd; stat -c %u:%g /new /new/dir", "/new/dir\n0:0\n0:0"),
        (&["-w", "/new/dir", "-u", "5:6"], "stat -c %u:%g /new/dir", "0:0"),
        (&["--ulimit", "nofile=100:200", "-u", "5"], "ulimit -n; ulimit -Hn", "100\n200"),
        (&["--oom-score-adj", "700"], "cat /proc/self/oom_score_adj", "700"),
        (&["--sysctl", "net.ipv4.ip_forward=1"], "cat /proc/sys/net/ipv4/ip_forward", "1"),
        (&["--sysctl", "kernel.shmmax=12345"], "cat /proc/sys/kernel/shmmax", "12345"),
        (&["--domainname", "dom"], "cat /proc/sys/kernel/domainname", "dom"),
        (&["--sysctl", "fs.mqueue.msg_max=7"], "cat /proc/sys/fs/mqueue/msg_max", "7"),
        (&["-h", "box"], "hostname", "box"),
        (&["--ipc", "none"], "mount | grep -c /dev/shm; true", "0"),
        (&["--ipc", "shareable"], "stat -c '%u:%g %a' /dev/shm; touch /dev/shm/x && echo w", "0:0 1777\nw"),
        (&["--shm-size", "1m"], "df -k /dev/shm | tail -n1 | awk '{print $2}'", "1024"),
        (&["--cgroupns", "private"], "cut -d: -f3 /proc/self/cgroup | sort -u", "/"),
        (
            &["--security-opt", "no-new-privileges"],
            "grep NoNewPrivs /proc/self/status | tr -d '\\t'",
            "NoNewPrivs:1",
        ),
        (
            &["--cap-drop", "ALL"],
            "grep CapEff /proc/self/status | tr -d '\\t'; touch /x && echo w",
            "CapEff:0000000000000000\nw",
        ),
        (&["--pids-limit", "50", "-m", "20m"], "echo limited", "limited"),
        (&["-u", "5"], "httpd -p 80 -h / && echo bound", "bound"),
        (&[], "ping -c1 -W1 127.0.0.1 >/dev/null && echo pinged", "pinged"),
        (
            &["--network", "none"],
            "ip -o link | wc -l; ip addr add 10.1.1.1/32 dev lo 2>/dev/null || echo none",
            "1\nnone",
        ),
    ] {
        assert_eq!(run(&daemon, flags, script), text, "{flags:?} {script}");
    }
}
