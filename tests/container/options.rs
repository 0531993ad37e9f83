//! `run` and `create` options, each judged by what a process inside sees, and each refusal in Docker's words.
//!
//! Every line of the tables was tried with Docker 28.5.

use testkit::Daemon;

fn run(daemon: &Daemon, flags: &[&str], script: &str) -> String {
    daemon.hythe(["run", "--rm"].iter().chain(flags).chain(&["busybox", "sh", "-c", script])).ok()
}

/// What `run FLAGS busybox true` says on its first line, and its exit code.
fn refusal(daemon: &Daemon, flags: &[&str]) -> (i32, String) {
    let output = daemon.hythe(["run", "--rm"].iter().chain(flags).chain(&["busybox", "true"]));
    let text = output.stderr.lines().find(|line| !line.starts_with("WARNING: ")).unwrap_or_default();
    let text = text.strip_prefix("hythe: ").unwrap_or(text);
    (output.code, text.strip_prefix("Error response from daemon: ").unwrap_or(text).to_owned())
}

#[test]
fn refusals_are_in_dockers_words() {
    let daemon = Daemon::start();
    const START: &str = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ";
    for (flags, code, text) in [
        (
            &["--storage-opt", "size=10M"][..],
            125,
            "--storage-opt is supported only for overlay over xfs with 'pquota' mount option".to_owned(),
        ),
        (&["--storage-opt", "foo=bar"], 125, "Unknown option foo".into()),
        (&["--isolation", "hyperv"], 125, "invalid isolation (hyperv): linux only supports 'default'".into()),
        (
            &["--security-opt", "seccomp=/nosuch"],
            125,
            "opening seccomp profile (/nosuch) failed: open /nosuch: no such file or directory".into(),
        ),
        (&["--env-file", "/nosuch"], 125, "open /nosuch: no such file or directory".into()),
        (
            &["--device-read-bps", "/dev/nosuch:1mb"],
            127,
            "stat /dev/nosuch: no such file or directory".into(),
        ),
        (&["--cpuset-cpus", "foo"], 125, "Invalid value foo for cpuset cpus: invalid format: foo".into()),
        (
            &["--pull", "foo"],
            125,
            "invalid pull option: 'foo': must be one of \"always\", \"missing\" or \"never\"".into(),
        ),
        (&["--tmpfs", "/x:foo"], 125, "invalid tmpfs option \"foo\"".into()),
        (&["-v", "/a:/x:ro:rw"], 125, "invalid spec: /a:/x:ro:rw: too many colons".into()),
        (
            &["--ip", "172.17.0.99"],
            125,
            "invalid config for network bridge: invalid endpoint settings:".into(),
        ),
        (&["--gpus", "all"], 125, "could not select device driver \"\" with capabilities: [[gpu]]".into()),
        (
            &["--mount", "type=image,source=busybox,target=/x,image-subpath=../etc"],
            125,
            "invalid mount config for type \"image\": subpath must be a relative path within the volume"
                .into(),
        ),
        (
            &["--mount", "type=image,target=/x"],
            125,
            "invalid mount config for type \"image\": field Source must not be empty".into(),
        ),
    ] {
        assert_eq!(refusal(&daemon, flags), (code, text), "{flags:?}");
    }
    // A rule of the kernel's, which cgroup v2 does not have.
    if std::path::Path::new("/sys/fs/cgroup/memory").exists() {
        let text = format!(
            "{START}error setting cgroup config for procHooks process: the minimum allowed cpu-shares is 2"
        );
        assert_eq!(refusal(&daemon, &["--cpu-shares", "1"]), (125, text));
        let (code, text) = refusal(&daemon, &["--cpu-quota", "1125899906842624"]);
        let start = format!(
            "{START}error setting cgroup config for procHooks process: failed to write \"1125899906842624\": "
        );
        assert!(code == 125 && text.starts_with(&start), "{code} {text}");
        daemon.hythe(["run", "-d", "--name", "changed", "busybox", "sleep", "1000"]).ok();
        let text = daemon.hythe(["update", "--cpu-quota", "1125899906842624", "changed"]).fails_with(1);
        let words = ": runc did not terminate successfully: exit status 1: failed to write \"1125899906842624\": write /";
        assert!(text.contains(words) && text.ends_with("cpu.cfs_quota_us: invalid argument"), "{text}");
        daemon.hythe(["rm", "-f", "changed"]).ok();
    }
}

#[test]
fn an_image_is_mounted_read_only_and_kept() {
    let daemon = Daemon::start();
    let second = "mkdir -p /usr/sbin /etc/server; touch /usr/sbin/server /etc/server/server.conf";
    daemon.hythe(["run", "--name", "second", "busybox", "sh", "-c", second]).ok();
    daemon.hythe(["commit", "second", "server"]).ok();
    daemon.hythe(["rm", "second"]).ok();
    // One layer, two layers, a directory in one and a file.
    let flags = ["--mount", "type=image,source=busybox,target=/x"];
    assert_eq!(
        run(&daemon, &flags, "ls -d /x/bin/sh; touch /x/a 2>&1 | grep -o Read-only"),
        "/x/bin/sh\nRead-only"
    );
    let flags = [
        "--mount",
        "type=image,source=server,target=/x",
        "--mount",
        "type=image,source=server,target=/y,image-subpath=etc/server",
    ];
    assert_eq!(
        run(
            &daemon,
            &flags,
            "ls -d /x/usr/sbin/server; ls /y/server.conf; grep -c ' /[xy] ' /proc/mounts; touch /y/a 2>&1 | grep -o Read-only; grep ' /[xy] ' /proc/mounts | grep -vc ' ro,'; true"
        ),
        "/x/usr/sbin/server\n/y/server.conf\n2\nRead-only\n0"
    );
    let flags = ["--mount", "type=image,source=busybox,target=/etc/group2,image-subpath=etc/group"];
    assert_eq!(run(&daemon, &flags, "head -n 1 /etc/group2"), "root:x:0:");
    let (code, text) =
        refusal(&daemon, &["--mount", "type=image,source=busybox,target=/x,image-subpath=nosuch"]);
    assert!(
        code == 127 && text.contains("cannot access path") && text.ends_with("no such file or directory"),
        "{text}"
    );
    // The container keeps the image from being removed, and its files if it is removed by force.
    daemon
        .hythe([
            "run",
            "-d",
            "--name",
            "cc",
            "--mount",
            "type=image,source=server,target=/x",
            "busybox",
            "sleep",
            "1000",
        ])
        .ok();
    let error = daemon.hythe(["image", "rm", "server"]).fails_with(1);
    assert!(error.contains("is using its referenced image"), "{error}");
    daemon.hythe(["image", "rm", "-f", "server"]).ok();
    daemon.hythe(["restart", "-t", "0", "cc"]).ok();
    assert_eq!(daemon.hythe(["exec", "cc", "ls", "/x/usr/sbin/server"]).ok(), "/x/usr/sbin/server");
    let mounts = daemon
        .hythe([
            "inspect",
            "-f",
            "{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}} {{.Propagation}}{{end}}",
            "cc",
        ])
        .ok();
    assert_eq!(mounts, "image server /x false rprivate");
}

#[test]
fn limits_are_seen_inside() {
    let daemon = Daemon::start();
    let v1 = std::path::Path::new("/sys/fs/cgroup/memory").exists();
    if !v1 {
        // Other tables hold there: tests/container/unified.rs.
        return;
    }
    for (flags, files, expected) in [
        (
            &["-m", "64m"][..],
            "memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes",
            "67108864\n134217728",
        ),
        (&["-m", "64m", "--memory-swap", "64m"], "memory/memory.memsw.limit_in_bytes", "67108864"),
        (&["-m", "64m", "--memory-swap", "-1"], "memory/memory.memsw.limit_in_bytes", "9223372036854771712"),
        (&["--memory-reservation", "32m"], "memory/memory.soft_limit_in_bytes", "33554432"),
        (&["--memory-swappiness", "30"], "memory/memory.swappiness", "30"),
        (&["--cpus", "0.5"], "cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us", "50000\n100000"),
        (
            &["--cpu-period", "50000", "--cpu-quota", "5000"],
            "cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us",
            "5000\n50000",
        ),
        (&["--cpu-shares", "512"], "cpu/cpu.shares", "512"),
        (&["--cpuset-cpus", "0", "--cpuset-mems", "0"], "cpuset/cpuset.cpus cpuset/cpuset.mems", "0\n0"),
        (&["--pids-limit", "50"], "pids/pids.max", "50"),
        (&["--pids-limit", "-1"], "pids/pids.max", "max"),
    ] {
        let script = format!("cd /sys/fs/cgroup; cat {files}");
        assert_eq!(run(&daemon, flags, &script), expected, "{flags:?}");
    }
    assert_eq!(
        run(
            &daemon,
            &["--oom-kill-disable", "-m", "64m"],
            "grep -c 'oom_kill_disable 1' /sys/fs/cgroup/memory/memory.oom_control"
        ),
        "1"
    );
    for parent in ["/hythe-test-parent", "../x/../../hythe-test-parent"] {
        let group =
            run(&daemon, &["--cgroup-parent", parent], "grep memory: /proc/self/cgroup | cut -d/ -f2");
        assert_eq!(group, "hythe-test-parent");
    }
    // The parent is the user's to remove.
    for hierarchy in std::fs::read_dir("/sys/fs/cgroup").expect("cgroups").flatten() {
        let _ = std::fs::remove_dir(hierarchy.path().join("hythe-test-parent"));
    }
}

#[test]
fn a_container_that_eats_its_memory_is_killed_and_said_to_be() {
    let daemon = Daemon::start();
    let output = daemon.hythe(["run", "--name", "cc", "-m", "16m", "busybox", "sh", "-c", "tail /dev/zero"]);
    assert_eq!(output.code, 137, "{output:?}");
    assert_eq!(daemon.hythe(["inspect", "-f", "{{.State.OOMKilled}}", "cc"]).ok(), "true");
}

#[test]
fn throttled_devices_are_those_of_the_host() {
    let daemon = Daemon::start();
    let Some((device, numbers)) = block_device() else {
        testkit::skip::report("--device-read-bps: this host has no block device with a node");
        return;
    };
    if !std::path::Path::new("/sys/fs/cgroup/blkio").exists() {
        testkit::skip::report("--device-*-bps on cgroup v1: this host has v2");
        return;
    }
    for (flag, value, file, expected) in [
        ("--device-read-bps", "1mb", "read_bps", "1048576"),
        ("--device-write-bps", "2mb", "write_bps", "2097152"),
        ("--device-read-iops", "100", "read_iops", "100"),
        ("--device-write-iops", "200", "write_iops", "200"),
    ] {
        let flags = [flag, &format!("{device}:{value}")];
        let script = format!("cat /sys/fs/cgroup/blkio/blkio.throttle.{file}_device");
        assert_eq!(run(&daemon, &flags, &script), format!("{numbers} {expected}"), "{flag}");
    }
}

/// A block device: its node and its numbers.
fn block_device() -> Option<(String, String)> {
    std::fs::read_dir("/sys/class/block").ok()?.flatten().find_map(|entry| {
        let node = format!("/dev/{}", entry.file_name().to_string_lossy());
        let numbers = std::fs::read_to_string(entry.path().join("dev")).ok()?.trim().to_owned();
        // Limits are a whole disk's.
        let whole = !entry.path().join("partition").exists();
        (whole && std::path::Path::new(&node).exists()).then_some((node, numbers))
    })
}

#[test]
fn namespaces_are_the_wanted_ones() {
    let daemon = Daemon::start();
    assert_eq!(run(&daemon, &["--pid", "host"], "test $$ -gt 1 && echo host"), "host");
    assert_eq!(run(&daemon, &["--uts", "host"], "cat /proc/sys/kernel/hostname"), hostname());
    assert_eq!(run(&daemon, &["--ipc", "none"], "grep -c ' /dev/shm ' /proc/mounts; true"), "0");
    assert_eq!(run(&daemon, &["--userns", "host"], "cat /proc/self/uid_map | tr -s ' '"), " 0 0 4294967295");
    daemon
        .hythe([
            "run",
            "-d",
            "--name",
            "shares",
            "--ipc",
            "shareable",
            "busybox",
            "sh",
            "-c",
            "echo one > /dev/shm/f; exec sleep 1000",
        ])
        .ok();
    daemon.hythe(["run", "-d", "--name", "keeps", "busybox", "sleep", "1001"]).ok();
    testkit::wait::until_true("the file is written", || {
        run(&daemon, &["--ipc", "container:shares"], "cat /dev/shm/f 2>/dev/null || echo no") == "one"
    });
    let (code, text) = refusal(&daemon, &["--ipc", "container:keeps"]);
    assert!(
        code == 125
            && text.contains("non-shareable IPC (hint: use IpcMode:shareable for the donor container)"),
        "{text}"
    );
    assert_eq!(run(&daemon, &["--pid", "container:keeps"], "ps | grep -c '[s]leep 1001'"), "1");
    for (flags, text) in [
        (&["--pid", "foo"][..], "--pid: invalid PID mode"),
        (&["--uts", "foo"], "--uts: invalid UTS mode"),
        (&["--userns", "foo"], "--userns: invalid USER mode"),
        (&["--cgroupns", "foo"], "--cgroupns: invalid CGROUP mode"),
        (&["--ipc", "foo"], "invalid IPC mode: foo"),
        (&["--pid", "container:nosuch"], "No such container: nosuch"),
    ] {
        let (code, said) = refusal(&daemon, flags);
        assert!(code == 125 && said.contains(text), "{flags:?}: {said}");
    }
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").expect("hostname").trim().to_owned()
}

#[test]
fn names_in_the_files_of_the_network() {
    let daemon = Daemon::start();
    let hosts =
        |flags: &[&str], name: &str| run(&daemon, flags, &format!("grep -w {name} /etc/hosts | cut -f2"));
    assert_eq!(hosts(&["-h", "foo.bar"], "foo.bar"), "foo.bar foo");
    assert_eq!(hosts(&["-h", "foo", "--domainname", "ex.org"], "foo.ex.org"), "foo.ex.org foo");
    assert_eq!(run(&daemon, &["--domainname", "ex.org"], "cat /proc/sys/kernel/domainname"), "ex.org");
    let flags = ["--add-host", "a:1.2.3.4", "--add-host", "b=host-gateway", "--add-host", "c=[::1]"];
    let gateway = run(&daemon, &[], "ip route | grep default | cut -d' ' -f3");
    assert_eq!(
        run(&daemon, &flags, "grep -w -e a -e b -e c /etc/hosts | tr '\\t' ' '"),
        format!("1.2.3.4 a\n{gateway} b\n::1 c")
    );
    let flags = ["--dns", "1.1.1.1", "--dns-search", "ex.org", "--dns-option", "ndots:3"];
    assert_eq!(
        run(&daemon, &flags, "grep -v -e '^#' -e '^$' /etc/resolv.conf"),
        "nameserver 1.1.1.1\nsearch ex.org\noptions ndots:3"
    );
    assert_eq!(
        run(&daemon, &["--mac-address", "02:42:ac:11:00:99"], "cat /sys/class/net/eth0/address"),
        "02:42:ac:11:00:99"
    );
}

#[test]
fn security_options_hold_inside() {
    let daemon = Daemon::start();
    let status =
        |flags: &[&str], key: &str| run(&daemon, flags, &format!("grep ^{key}: /proc/self/status | cut -f2"));
    assert_eq!(status(&["--security-opt", "no-new-privileges"], "NoNewPrivs"), "1");
    assert_eq!(status(&["--security-opt", "no-new-privileges:false"], "NoNewPrivs"), "0");
    assert_eq!(status(&["--security-opt", "seccomp=unconfined"], "Seccomp"), "0");
    let profile = daemon.scratch().join("profile.json");
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}"#;
    std::fs::write(&profile, text).expect("write the profile");
    let flag = format!("seccomp={}", profile.display());
    assert_eq!(
        run(&daemon, &["--security-opt", &flag], "mkdir /x 2>&1 | grep -o 'No space.*'"),
        "No space left on device"
    );
    for taken in ["apparmor=unconfined", "label=disable", "label=type:foo"] {
        assert_eq!(run(&daemon, &["--security-opt", taken], "echo ok"), "ok");
    }
    assert_eq!(
        run(&daemon, &["--security-opt", "systempaths=unconfined"], "grep -c ' /proc/' /proc/mounts; true"),
        "0"
    );
    let script = "d=$(echo /sys/fs/cgroup/pids /sys/fs/cgroup | tr ' ' '\\n' | while read d; do [ -e $d/cgroup.procs ] && echo $d && break; done); mkdir $d/made 2>/dev/null && rmdir $d/made && echo yes || echo no";
    assert_eq!(run(&daemon, &["--security-opt", "writable-cgroups=true"], script), "yes");
    assert_eq!(run(&daemon, &[], script), "no");
    for (option, text) in [
        ("foo", "Invalid --security-opt: \"foo\""),
        ("foo=bar", "invalid --security-opt 2: \"foo=bar\""),
        ("no-new-privileges=maybe", "invalid --security-opt 2: \"no-new-privileges=maybe\""),
    ] {
        assert_eq!(refusal(&daemon, &["--security-opt", option]), (125, text.to_owned()));
    }
}

#[test]
fn files_of_variables_and_labels_and_annotations() {
    let daemon = Daemon::start();
    let dir = daemon.scratch();
    let file = |name: &str, text: &str| {
        std::fs::write(dir.join(name), text).expect("write");
        dir.join(name).display().to_string()
    };
    let env = file("env", "A=1\n# no\nC=a b\n  D=2\n");
    assert_eq!(run(&daemon, &["--env-file", &env, "-e", "A=3"], "echo $A-$C-$D"), "3-a b-2");
    let bad = file("bad", "A B=1\n");
    assert_eq!(
        refusal(&daemon, &["--env-file", &bad]),
        (125, format!("invalid env file ({bad}): variable 'A B' contains whitespaces"))
    );
    let labels = file("labels", "one=1\ntwo\n");
    daemon
        .hythe([
            "create",
            "--name",
            "cc",
            "--label-file",
            &labels,
            "-l",
            "x=y",
            "--annotation",
            "a=b",
            "busybox",
        ])
        .ok();
    assert_eq!(
        daemon
            .hythe(["inspect", "-f", "{{json .Config.Labels}} {{json .HostConfig.Annotations}}", "cc"])
            .ok(),
        "{\"one\":\"1\",\"x\":\"y\"} {\"a\":\"b\"}"
    );
}

#[test]
fn volumes_from_another_container() {
    let daemon = Daemon::start();
    let dir = daemon.scratch().display().to_string();
    daemon
        .hythe(["create", "--name", "base", "-v", "kept:/v", "-v", &format!("{dir}:/d:ro"), "busybox"])
        .ok();
    assert_eq!(
        run(&daemon, &["--volumes-from", "base"], "touch /v/x && ls /v; touch /d/x 2>&1 | grep -o Read-only"),
        "x\nRead-only"
    );
    assert_eq!(
        run(&daemon, &["--volumes-from", "base:ro"], "touch /v/y 2>&1 | grep -o Read-only"),
        "Read-only"
    );
    assert_eq!(run(&daemon, &["--volumes-from", "base:z"], "touch /v/z && ls /v"), "x\nz");
    assert_eq!(run(&daemon, &["--volumes-from", "base", "-v", "other:/v"], "ls /v | wc -l"), "0");
    assert_eq!(refusal(&daemon, &["--volumes-from", "base:foo"]), (125, "invalid mode: foo".into()));
    assert_eq!(refusal(&daemon, &["--volumes-from", "nosuch"]), (125, "No such container: nosuch".into()));
}

#[test]
fn tmpfs_and_shm_have_the_wanted_size_and_mode() {
    let daemon = Daemon::start();
    let seen = |flags: &[&str], path: &str| {
        let script = format!("grep ' {path} ' /proc/mounts | cut -d' ' -f4; stat -c %a {path}");
        // What a kernel says of itself, if that is how it is built.
        run(&daemon, flags, &script).replace(",inode64", "")
    };
    let tmpfs = |options: &str| format!("type=tmpfs,dst=/x{options}");
    assert_eq!(seen(&["--tmpfs", "/x"], "/x"), "rw,nosuid,nodev,noexec,relatime\n1777");
    assert_eq!(
        seen(&["--tmpfs", "/x:rw,exec,size=1m,mode=755,uid=5"], "/x"),
        "rw,nosuid,nodev,relatime,size=1024k,mode=755,uid=5\n755"
    );
    assert_eq!(
        seen(&["--mount", &tmpfs(",tmpfs-size=1m,tmpfs-mode=0700")], "/x"),
        "rw,nosuid,nodev,noexec,relatime,size=1024k,mode=700\n700"
    );
    assert_eq!(seen(&["--mount", &tmpfs(",readonly")], "/x").split(',').next(), Some("ro"));
    assert_eq!(
        run(&daemon, &["--shm-size", "16m"], "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d' ' -f2"),
        "16384"
    );
}

#[test]
fn binds_and_volumes_in_their_long_form() {
    let daemon = Daemon::start();
    let dir = daemon.scratch();
    std::fs::create_dir_all(dir.join("sub")).expect("mkdir");
    std::fs::write(dir.join("f"), "hi").expect("write");
    let bind = |options: &str| format!("type=bind,src={},dst=/x{options}", dir.display());
    for options in [
        "",
        ",readonly",
        ",bind-recursive=disabled",
        ",bind-nonrecursive",
        ",consistency=cached",
        ",bind-recursive=writable,readonly",
        ",bind-recursive=readonly,readonly,bind-propagation=rprivate",
    ] {
        assert_eq!(run(&daemon, &["--mount", &bind(options)], "cat /x/f"), "hi", "{options}");
    }
    // The kit's mounts are private, so nothing can pass between them and a container's.
    for (mode, text) in
        [("rslave", "it is not a shared or slave mount"), ("shared", "it is not a shared mount")]
    {
        let (code, said) = refusal(&daemon, &["--mount", &bind(&format!(",bind-propagation={mode}"))]);
        assert!(code == 125 && said.ends_with(text) && said.starts_with("path /"), "{said}");
    }
    let volume = |options: &str| format!("type=volume,src=vol,dst=/x{options}");
    assert_eq!(
        run(&daemon, &["--mount", &volume(",volume-label=a=b")], "mkdir -p /x/sub/deep && ls /x"),
        "sub"
    );
    assert_eq!(daemon.hythe(["volume", "inspect", "-f", "{{json .Labels}}", "vol"]).ok(), "{\"a\":\"b\"}");
    assert_eq!(run(&daemon, &["--mount", &volume(",volume-subpath=sub")], "ls /x"), "deep");
    let (code, said) = refusal(&daemon, &["--mount", &volume(",volume-subpath=nosuch")]);
    assert!(
        code == 127
            && said.starts_with("cannot access path ")
            && said.ends_with("/nosuch: no such file or directory"),
        "{said}"
    );
    let flag = "type=volume,src=mem,dst=/m,volume-driver=local,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=1m";
    assert_eq!(run(&daemon, &["--mount", flag], "grep ' /m ' /proc/mounts | cut -d' ' -f3"), "tmpfs");
    let copied = run(&daemon, &["--mount", "type=volume,src=full,dst=/etc"], "ls /etc/group");
    assert_eq!(copied, "/etc/group");
    assert_eq!(run(&daemon, &["--mount", "type=volume,src=bare,dst=/home,volume-nocopy"], "ls /home"), "");
}

#[test]
fn devices_and_their_rights() {
    let daemon = Daemon::start();
    assert_eq!(run(&daemon, &["--device", "/dev/zero:/dev/nought"], "head -c 1 /dev/nought | wc -c"), "1");
    assert_eq!(
        run(
            &daemon,
            &["--device-cgroup-rule", "c 10:229 rw"],
            "mknod /k c 10 229; dd if=/k of=/dev/null count=0 2>/dev/null && echo yes"
        ),
        "yes"
    );
    assert_eq!(
        run(&daemon, &[], "mknod /k c 10 229; dd if=/k of=/dev/null count=0 2>/dev/null || echo no"),
        "no"
    );
    for (flags, code, text) in [
        (
            &["--device", "/dev/nosuch"][..],
            125,
            "error gathering device information while adding custom device \"/dev/nosuch\": no such file or directory",
        ),
        (
            &["--device", "/etc/passwd"],
            125,
            "error gathering device information while adding custom device \"/etc/passwd\": not a device node",
        ),
    ] {
        let (_, said) = refusal(&daemon, flags);
        assert_eq!(said, text, "{flags:?} {code}");
    }
}

#[test]
fn limits_of_the_process() {
    let daemon = Daemon::start();
    let flags = ["--ulimit", "nofile=100:200", "--ulimit", "nproc=50", "--ulimit", "core=0"];
    assert_eq!(run(&daemon, &flags, "ulimit -n; ulimit -Hn; ulimit -u; ulimit -c"), "100\n200\n50\n0");
    assert_eq!(run(&daemon, &["--oom-score-adj", "500"], "cat /proc/self/oom_score_adj"), "500");
    assert_eq!(run(&daemon, &["--group-add", "777", "-u", "5:6"], "id -G"), "6 777");
    assert_eq!(run(&daemon, &["--sysctl", "kernel.shmmax=100000"], "cat /proc/sys/kernel/shmmax"), "100000");
}

#[test]
fn mounts_pass_between_host_and_container_as_asked() {
    let daemon = Daemon::start();
    let dir = daemon.scratch().join("shared").display().to_string();
    let sh = |script: &str| testkit::Output::of(&mut daemon.sandbox().command("sh", ["-c", script]));
    let make = format!(
        "mkdir {dir} && mount -t tmpfs s {dir} && mount --make-shared {dir} && mkdir {dir}/a {dir}/b"
    );
    sh(&make).ok();
    let mut flags: Vec<String> = ["run", "-d", "--name", "cc", "--privileged"].map(String::from).to_vec();
    for mode in ["rshared", "rslave", "rprivate"] {
        flags.extend(["-v".to_owned(), format!("{dir}:/{mode}:{mode}")]);
    }
    let script =
        "for d in rshared rslave rprivate; do mount -t tmpfs t /$d/a && touch /$d/a/$d; done; sleep 1000";
    flags.extend(["busybox", "sh", "-c", script].map(String::from));
    daemon.hythe(&flags).ok();
    let inside = |path: &str| daemon.hythe(["exec", "cc", "ls", path]).ok();
    testkit::wait::until_true("it has mounted", || inside("/rprivate/a") == "rprivate");
    assert_eq!(sh(&format!("ls {dir}/a")).ok(), "rshared");
    sh(&format!("mount -t tmpfs t {dir}/b && touch {dir}/b/host")).ok();
    assert_eq!(
        ["/rshared/b", "/rslave/b", "/rprivate/b"].map(inside),
        ["host", "host", ""].map(String::from)
    );
    daemon.hythe(["rm", "-f", "cc"]).ok();
    sh(&format!("umount {dir}/a {dir}/b {dir}")).ok();
}
