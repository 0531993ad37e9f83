//! Semantics 70 to 83: what a container's process is and has, read inside it.

use serde_json::{Value, json};
use testkit::Daemon;

use super::Engine;

fn run(daemon: &Daemon, flags: &[&str], script: &str) -> String {
    daemon.hythe(["run", "--rm"].iter().chain(flags).chain(&["busybox", "sh", "-c", script])).ok()
}

/// What `run FLAGS busybox true` says.
fn refusal(daemon: &Daemon, flags: &[&str]) -> String {
    let output = daemon.hythe(["run", "--rm"].iter().chain(flags).chain(&["busybox", "true"]));
    assert_ne!(output.code, 0, "{flags:?}");
    let text = output.stderr.lines().next().unwrap_or_default();
    text.trim_start_matches("hythe: Error response from daemon: ").to_owned()
}

#[test]
fn semantics_70_capabilities() {
    let daemon = Daemon::start();
    let own = std::fs::read_to_string("/proc/self/status").expect("status");
    let bounding = own.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).expect("CapBnd");
    let all = u64::from_str_radix(bounding, 16).expect("a set");
    let sets = |flags: &[&str]| {
        let said = run(&daemon, flags, "grep ^Cap /proc/self/status | cut -f2");
        let sets: Vec<u64> = said.lines().map(|set| u64::from_str_radix(set, 16).expect("a set")).collect();
        let [inheritable, permitted, effective, bounding, ambient] = sets[..] else { panic!("{said}") };
        assert_eq!((inheritable, ambient, permitted), (0, 0, effective), "{flags:?}");
        (effective, bounding)
    };
    // CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD AUDIT_WRITE
    // SETFCAP, by their numbers.
    let default =
        [0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31].iter().fold(0, |set, bit| set | 1_u64 << bit);
    for (flags, effective, bounding) in [
        (&[][..], default, default),
        (&["-u", "5"], 0, default),
        (&["--cap-add", "net_admin", "--cap-add", "CAP_NET_ADMIN"], default | 1 << 12, default | 1 << 12),
        (
            &["--cap-add", "ALL", "--cap-drop", "NET_RAW", "--cap-drop", "CAP_CHOWN"],
            all & !(1 << 13 | 1),
            all & !(1 << 13 | 1),
        ),
        (&["--cap-drop", "ALL", "--cap-add", "KILL"], 1 << 5, 1 << 5),
        (&["--cap-drop", "ALL", "--cap-add", "ALL"], all, all),
        (&["--cap-drop", "all"], 0, 0),
        (&["--privileged", "--cap-drop", "KILL"], all, all),
    ] {
        assert_eq!(sets(flags), (effective, bounding), "{flags:?}");
    }
}

#[test]
fn semantics_72_and_75_options_of_the_default_mounts() {
    let daemon = Daemon::start();
    let options = |flags: &[&str], path: &str| {
        run(&daemon, flags, &format!("grep ' {path} ' /proc/mounts | cut -d' ' -f3,4"))
    };
    for (path, parts) in [
        ("/dev", &["tmpfs", "nosuid", "size=65536k", "mode=755"][..]),
        ("/dev/pts", &["devpts", "nosuid", "noexec", "gid=5", "mode=620", "ptmxmode=666"]),
        ("/dev/shm", &["tmpfs", "nosuid", "nodev", "noexec", "size=65536k"]),
        ("/dev/mqueue", &["mqueue", "nosuid", "nodev", "noexec"]),
        ("/sys", &["sysfs", "ro", "nosuid", "nodev", "noexec"]),
        ("/proc", &["proc", "rw", "nosuid", "nodev", "noexec"]),
    ] {
        let seen = options(&[], path);
        let words: Vec<&str> = seen.split([' ', ',']).collect();
        assert!(parts.iter().all(|part| words.contains(part)), "{path}: {seen}");
    }
    assert_eq!(run(&daemon, &[], "stat -c %a /dev/shm"), "1777");
    let groups = |flags: &[&str]| {
        let script = "grep -E '^[^ ]+ /sys/fs/cgroup' /proc/mounts | grep -v ' tmpfs ' | cut -d' ' -f4 | cut -d, -f1 | sort -u";
        run(&daemon, flags, script)
    };
    assert_eq!(groups(&[]), "ro");
    // Privileged: for writing, nothing hidden, every device of the host.
    assert_eq!(groups(&["--privileged"]), "rw");
    assert!(options(&["--privileged"], "/sys").starts_with("sysfs rw,"));
    let hidden = "grep -cE ' /(proc|sys/firmware|sys/devices)[^ ]+ ' /proc/mounts; true";
    assert_eq!(run(&daemon, &["--privileged"], hidden), "0");
    assert_ne!(run(&daemon, &[], hidden), "0");
    let nodes = "find /dev -type b -o -type c | grep -vE '^/dev/(pts/|console$|ptmx$)' | sort";
    let inside = run(&daemon, &["--privileged"], nodes);
    let script = format!("{nodes} | grep -vE '^/dev/(shm|mqueue)/'");
    let hosts = testkit::Output::of(&mut daemon.sandbox().command("sh", ["-c", &script])).ok();
    let hosts: Vec<&str> = hosts.lines().collect();
    let inside: Vec<&str> = inside.lines().collect();
    assert!(hosts.iter().all(|node| inside.contains(node)), "{hosts:?} {inside:?}");
}

#[test]
fn semantics_73_ports_below_1024_need_no_capability() {
    let daemon = Daemon::start();
    let script = "nc -l -p 80 >/dev/null & until nc 127.0.0.1 80 </dev/null 2>/dev/null; do usleep 10000; done; echo listening";
    assert_eq!(run(&daemon, &["--cap-drop", "ALL", "-u", "1000"], script), "listening");
    let settings = "cat /proc/sys/net/ipv4/ping_group_range /proc/sys/net/ipv4/ip_unprivileged_port_start";
    assert_eq!(run(&daemon, &[], settings), "0\t2147483647\n0");
    // The host's network keeps its own.
    let hosts = testkit::Output::of(&mut daemon.sandbox().command("sh", ["-c", settings])).ok();
    assert_eq!(run(&daemon, &["--network", "host"], settings), hosts);
}

#[test]
fn semantics_74_devices_by_their_numbers() {
    let daemon = Daemon::start();
    // Made as a node, opened for reading: refused by the group's rules, or by whatever else is (not) there.
    let open = |flags: &[&str], kind: &str, numbers: &str| {
        let script = format!("mknod /node {kind} {numbers} && : 2>/tmp/said </node; echo $?; cat /tmp/said");
        let script = script.replace(": 2>", "sh -c ': </node' 2>").replace(" </node; echo", "; echo");
        run(&daemon, flags, &script)
    };
    for numbers in ["1 3", "1 5", "1 7", "1 8", "1 9", "5 2", "10 200"] {
        let said = open(&[], "c", numbers);
        assert!(!said.contains("not permitted"), "{numbers}: {said}");
    }
    for (kind, numbers) in
        [("c", "10 229"), ("c", "1 1"), ("c", "1 11"), ("c", "4 0"), ("b", "7 0"), ("b", "8 0")]
    {
        let said = open(&[], kind, numbers);
        assert!(said.contains("not permitted"), "{kind} {numbers}: {said}");
    }
    assert!(!open(&["--device-cgroup-rule", "c 10:229 r"], "c", "10 229").contains("not permitted"));
}

#[test]
fn semantics_76_namespaces_of_its_own() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    let pid = daemon.hythe(["inspect", "-f", "{{.State.Pid}}", "cc"]).ok();
    let own = |name: &str| {
        let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/{name}")).expect("a namespace");
        of(&pid) != of(&daemon.pid().to_string())
    };
    let unified = std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    for (name, expected) in [
        ("ipc", true),
        ("mnt", true),
        ("net", true),
        ("pid", true),
        ("uts", true),
        ("user", false),
        ("time", false),
        ("cgroup", unified),
    ] {
        assert_eq!(own(name), expected, "{name}");
    }
    let modes = "{{.HostConfig.CgroupnsMode}} {{.HostConfig.IpcMode}} [{{.HostConfig.PidMode}}{{.HostConfig.UTSMode}}{{.HostConfig.UsernsMode}}]";
    let groups = if unified { "private" } else { "host" };
    assert_eq!(daemon.hythe(["inspect", "-f", modes, "cc"]).ok(), format!("{groups} private []"));
}

#[test]
fn semantics_78_limits_of_processes_are_the_daemons_or_asked_for() {
    let daemon = Daemon::start();
    let all = "ulimit -a | sed 's/  */ /g'";
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).expect("limits");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("open files");
    let files: Vec<&str> = files.split_whitespace().collect();
    let inside = run(&daemon, &[], "ulimit -Sn; ulimit -Hn");
    assert_eq!(inside, format!("{}\n{}", files[3], files[4]));
    let before = run(&daemon, &[], all);
    let after = run(&daemon, &["--ulimit", "nofile=100:200"], all);
    let changed: Vec<&str> = after.lines().filter(|line| !before.contains(line)).collect();
    assert_eq!(changed, ["open files (-n) 100"]);
    assert_eq!(run(&daemon, &["--ulimit", "nofile=100:200"], "ulimit -Hn"), "200");
    // Of one name given twice the last holds.
    assert_eq!(run(&daemon, &["--ulimit", "nofile=100:200", "--ulimit", "nofile=150"], "ulimit -n"), "150");
}

#[test]
fn semantics_79_init_is_there_only_for_processes_of_its_own() {
    let daemon = Daemon::start();
    let script = "cat /proc/1/comm; ls -l /sbin/docker-init | cut -c1-10; grep ' /sbin/docker-init ' /proc/mounts | cut -d' ' -f4 | cut -c1-2";
    assert_eq!(run(&daemon, &["--init"], script), "docker-init\n-rwxr-xr-x\nro");
    let script = "ls /sbin/docker-init 2>&1; true";
    let none = "ls: /sbin/docker-init: No such file or directory";
    assert_eq!(run(&daemon, &["--init", "--pid", "host"], script), none);
    assert_eq!(run(&daemon, &[], script), none);
}

#[test]
fn semantics_80_users_and_groups() {
    let daemon = Daemon::start();
    // Of the container's own files, whatever the image has.
    let files = "printf 'root:x:0:0::/root:/bin/sh\\nme:x:7:8::/me:/bin/sh\\n12:x:9:9::/:/bin/sh\\n' > /etc/passwd; \
                 printf 'root:x:0:\\nus:x:8:\\nmore:x:10:me\\n' > /etc/group";
    daemon.hythe(["run", "--name", "made", "busybox", "sh", "-c", files]).ok();
    daemon.hythe(["commit", "made", "users"]).ok();
    let id = |flags: &[&str]| {
        let words = ["users", "sh", "-c", "echo $(id -u) $(id -g) $(id -G)"];
        daemon.hythe(["run", "--rm"].iter().chain(flags).chain(&words)).ok()
    };
    for (user, ids) in [
        ("me", "7 8 8 10"),
        ("7", "7 8 8 10"),
        ("0:8", "0 8 8"),
        ("12", "12 0 0"),
        ("12345:54321", "12345 54321 54321"),
        ("me:root", "7 0 0"),
        ("me:12345", "7 12345 12345"),
        ("root:", "0 0 0"),
        (":5", "0 5 5"),
        ("0", "0 0 0"),
    ] {
        assert_eq!(id(&["-u", user]), ids, "{user}");
    }
    for (groups, ids) in
        [(&["us"][..], "5 6 6 8"), (&["777"], "5 6 6 777"), (&["us", "us", "4"], "5 6 6 4 8")]
    {
        let flags: Vec<&str> =
            ["-u", "5:6"].into_iter().chain(groups.iter().flat_map(|group| ["--group-add", group])).collect();
        let seen = id(&flags);
        let mut sorted: Vec<&str> = seen.split(' ').skip(2).collect();
        sorted.sort_unstable();
        let mut expected: Vec<&str> = ids.split(' ').skip(2).collect();
        expected.sort_unstable();
        assert_eq!(sorted, expected, "{groups:?}");
    }
    let range = "uids and gids must be in range 0-2147483647";
    for (flags, text) in [
        (["-u", "nosuch"], "unable to find user nosuch: no matching entries in passwd file"),
        (["-u", "root:nosuch"], "unable to find group nosuch: no matching entries in group file"),
        (["-u", "-1"], range),
        (["-u", "4294967296"], range),
        (["--group-add", "nosuch"], "unable to find group nosuch: no matching entries in group file"),
        (["--group-add", "-5"], range),
    ] {
        assert_eq!(refusal(&daemon, &flags), text, "{flags:?}");
    }
}

#[test]
fn semantics_81_read_only_leaves_what_must_be_written() {
    let daemon = Daemon::start();
    let script = "for f in /x /dev/x /dev/shm/x /proc/x /tmp/x /etc/hosts /etc/hostname /etc/resolv.conf /dev/mqueue/x \
                  /t/x /sys/x /v/x; do sh -c \"echo y >> $f\" 2>/dev/null && echo $f; done; true";
    let flags = ["--read-only", "--tmpfs", "/t", "-v", "/v"];
    assert_eq!(run(&daemon, &flags, script), "/dev/x\n/dev/shm/x\n/t/x\n/v/x");
    let mounts = "cut -d' ' -f2,4 /proc/mounts | sed 's/,.*//' | grep -E '^(/|/proc|/dev|/dev/pts|/dev/shm|/dev/mqueue|/sys|/t|/etc/.*) '";
    assert_eq!(
        run(&daemon, &flags, mounts),
        "/ ro\n/proc rw\n/dev rw\n/dev/pts rw\n/sys ro\n/dev/mqueue rw\n/dev/shm rw\n/t rw\n/etc/resolv.conf ro\n/etc/hostname ro\n/etc/hosts ro"
    );
    let tmpfs =
        |options: &str| run(&daemon, &["--tmpfs", options], "grep ' /t ' /proc/mounts | cut -d' ' -f4");
    assert_eq!(tmpfs("/t"), "rw,nosuid,nodev,noexec,relatime");
    assert_eq!(tmpfs("/t:exec,size=1m"), "rw,nosuid,nodev,relatime,size=1024k");
    assert_eq!(tmpfs("/t:ro"), "ro,nosuid,nodev,noexec,relatime");
}

#[test]
fn semantics_82_the_working_directory_is_made_with_the_container() {
    let engine = Engine::new();
    let create = |dir: &str| {
        let body = json!({ "Image": "busybox", "Cmd": ["stat", "-c", "%U:%G %a", "."], "WorkingDir": dir, "User": "5" });
        engine.post("/containers/create?name=made", &body)
    };
    assert_eq!(create("/made/./for/../for/it/").status, 201);
    assert_eq!(engine.get("/containers/made/json").json()["Config"]["WorkingDir"], "/made/for/it");
    let changes = engine.get("/containers/made/changes").json();
    let paths: Vec<&str> =
        changes.as_array().expect("a list").iter().filter_map(|one| one["Path"].as_str()).collect();
    assert_eq!(paths, ["/made", "/made/for", "/made/for/it"], "before any start");
    assert_eq!(engine.daemon.hythe(["start", "-a", "made"]).ok(), "root:root 755");
    // Whoever takes it away finds it again.
    engine.daemon.hythe(["run", "-d", "--name", "goes", "-w", "/away", "busybox", "rmdir", "/away"]).ok();
    assert_eq!(engine.daemon.hythe(["wait", "goes"]).ok(), "0");
    engine.daemon.hythe(["start", "goes"]).ok();
    assert_eq!(engine.daemon.hythe(["wait", "goes"]).ok(), "0");
    engine.daemon.hythe(["rm", "made", "goes"]).ok();
    let relative = "the working directory 'relative' is invalid, it needs to be an absolute path";
    engine.is(&create("relative"), 400, Some(relative));
    engine.is(&create("/etc/passwd"), 400, Some("Cannot mkdir: /etc/passwd is not a directory"));
    // A refused one leaves nothing.
    assert_eq!(engine.get("/containers/json?all=1").json(), json!([]));
    // In a volume it is made when the volume is there.
    engine.daemon.hythe(["run", "--rm", "-v", "kept:/v", "-w", "/v/x", "busybox", "touch", "y"]).ok();
    assert_eq!(engine.daemon.hythe(["run", "--rm", "-v", "kept:/v", "busybox", "ls", "/v/x"]).ok(), "y");
}

#[test]
fn semantics_83_what_the_engine_puts_in_belongs_to_nobodys_changes() {
    let engine = Engine::new();
    let script = "ls -l /.dockerenv /etc/hosts /etc/hostname /etc/resolv.conf /etc/mtab | cut -c1-10; readlink /etc/mtab; ls -d /dev/pts /dev/shm";
    assert_eq!(
        run(&engine.daemon, &[], script),
        "-rwxr-xr-x\n-rw-r--r--\n-rw-r--r--\nlrwxrwxrwx\n-rw-r--r--\n/proc/mounts\n/dev/pts\n/dev/shm"
    );
    engine.daemon.hythe(["run", "--name", "made", "busybox", "sh", "-c", "touch /new; rm /bin/ls"]).ok();
    assert_eq!(
        engine.get("/containers/made/changes").json(),
        json!([{ "Path": "/bin", "Kind": 0 }, { "Path": "/bin/ls", "Kind": 2 }, { "Path": "/new", "Kind": 1 }])
    );
    let dir = engine.daemon.scratch();
    let listed = |tar: &str| {
        let output = engine.daemon.sandbox().command("tar", ["-tf", tar]).output().expect("tar");
        let text = String::from_utf8(output.stdout).expect("names");
        let mut names: Vec<String> = text.lines().map(|name| name.trim_end_matches('/').to_owned()).collect();
        names.sort();
        names
    };
    let path = dir.join("whole.tar").display().to_string();
    engine.daemon.hythe(["export", "-o", &path, "made"]).ok();
    let whole = listed(&path);
    for name in [
        ".dockerenv",
        "dev/console",
        "dev/pts",
        "dev/shm",
        "etc/hostname",
        "etc/hosts",
        "etc/mtab",
        "etc/resolv.conf",
        "new",
    ] {
        assert!(whole.iter().any(|have| have == name), "{name}: {whole:?}");
    }
    engine.daemon.hythe(["commit", "made", "image"]).ok();
    let (path, files) =
        (dir.join("image.tar").display().to_string(), dir.join("image").display().to_string());
    engine.daemon.hythe(["save", "-o", &path, "image"]).ok();
    std::fs::create_dir(&files).expect("mkdir");
    testkit::Output::of(&mut engine.daemon.sandbox().command("tar", ["-C", &files, "-xf", &path])).ok();
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(format!("{files}/manifest.json")).expect("a manifest"))
            .expect("JSON");
    let layers = manifest[0]["Layers"].as_array().expect("layers");
    let top = layers.last().and_then(Value::as_str).expect("a layer");
    assert_eq!(listed(&format!("{files}/{top}")), ["bin", "bin/.wh.ls", "new"]);
}
