//! Attacks that worked on other engines, each by the name of its family and its number; `docs/security.md` has the table.
//!
//! A canary is a directory of the host that a container was never given: whatever happens, it stays as it was.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use testkit::{Daemon, Output};

/// A directory that nothing may touch, with one file in it.
pub(crate) fn canary(daemon: &Daemon) -> PathBuf {
    let path = daemon.scratch().join("canary");
    fs::create_dir_all(&path).expect("mkdir");
    fs::write(path.join("secret"), "host").expect("write");
    path
}

#[track_caller]
pub(crate) fn untouched(canary: &Path) {
    let names: Vec<_> =
        fs::read_dir(canary).expect("the canary").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["secret"], "the canary has new files");
    assert_eq!(fs::read_to_string(canary.join("secret")).expect("read"), "host");
}

fn run(daemon: &Daemon, flags: &[&str], script: &str) -> Output {
    daemon.hythe(["run", "--rm"].iter().chain(flags).chain(&["busybox", "sh", "-c", script]))
}

/// The process id of a container's first process.
fn pid(daemon: &Daemon, name: &str) -> String {
    daemon.hythe(["inspect", "-f", "{{.State.Pid}}", name]).ok()
}

fn parent(pid: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    status.lines().find_map(|line| line.strip_prefix("PPid:\t")).expect("its parent").to_owned()
}

#[test]
fn exe_cve_2019_5736_no_way_from_a_container_to_the_engines_program() {
    let daemon = Daemon::start();
    let entry = daemon.scratch().join("entry");
    fs::write(&entry, "#!/proc/self/exe\n").expect("write");
    fs::set_permissions(&entry, fs::Permissions::from_mode(0o755)).expect("chmod");
    let before = fs::read(testkit::shim()).expect("read the shim");
    let mount = format!("{}:/entry", entry.display());
    for _ in 0..20 {
        let output = daemon.hythe(["run", "--rm", "-v", &mount, "busybox", "/entry"]);
        assert_ne!(output.code, 0, "{output:?}");
    }
    daemon.hythe(["run", "-d", "--name", "cc", "-v", &mount, "busybox", "sleep", "1000"]).ok();
    for _ in 0..20 {
        assert_ne!(daemon.hythe(["exec", "cc", "/entry"]).code, 0);
    }
    assert!(fs::read(testkit::shim()).expect("read the shim") == before, "the engine's program was changed");
    // What runs beside the container is a copy that nobody can write to.
    let shim = parent(&pid(&daemon, "cc"));
    let exe = fs::read_link(format!("/proc/{shim}/exe")).expect("the shim's program");
    assert!(exe.to_string_lossy().starts_with("/memfd:"), "{}", exe.display());
    assert!(fs::OpenOptions::new().write(true).open(format!("/proc/{shim}/exe")).is_err());
}

#[test]
fn fd_cve_2024_21626_a_working_directory_behind_a_descriptor_is_refused() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    for number in 0..20 {
        let dir = format!("/proc/self/fd/{number}");
        let output = run(&daemon, &["-w", &dir], "cat ../../../../etc/hostname");
        assert_ne!(output.code, 0, "{output:?}");
        assert_eq!(output.stdout, "", "{output:?}");
        assert_ne!(daemon.hythe(["exec", "-w", &dir, "cc", "true"]).code, 0, "exec {number}");
    }
}

#[test]
fn fd_list_no_process_of_a_container_has_more_than_its_streams() {
    let daemon = Daemon::start();
    let open = |pid: &str| {
        let mut numbers: Vec<u32> = fs::read_dir(format!("/proc/{pid}/fd"))
            .expect("its descriptors")
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().parse().expect("a number"))
            .collect();
        numbers.sort_unstable();
        numbers
    };
    for (name, flags) in [
        ("plain", &[][..]),
        ("input", &["-i"]),
        ("terminal", &["-t"]),
        ("ports", &["-p", "80"]),
        ("none", &["--network", "none"]),
    ] {
        let args = ["run", "-d", "--name", name];
        daemon.hythe(args.iter().chain(flags).chain(&["busybox", "sleep", "1000"])).ok();
        assert_eq!(open(&pid(&daemon, name)), [0, 1, 2], "{name}");
        for how in [&["exec"][..], &["exec", "-t"], &["exec", "--privileged"]] {
            let script = "for fd in /proc/self/fd/*; do echo ${fd##*/}; done | tr -d '\\r' | head -n 9 | sort -n | tr '\\n' ' '";
            let seen = daemon.hythe(how.iter().chain(&[name, "sh", "-c", script])).ok();
            // The shell's own pipe and directory are opened after it began.
            assert!(seen.starts_with("0 1 2 "), "{name} {how:?}: {seen}");
            assert!(
                seen.split_whitespace().all(|fd| fd.parse::<u32>().is_ok_and(|fd| fd < 5 || fd == 10)),
                "{name}: {seen}"
            );
        }
    }
}

#[test]
fn tty_cve_2025_52565_a_hostile_dev_pts_gives_no_other_console() {
    let daemon = Daemon::start();
    let canary = canary(&daemon);
    let dev = daemon.scratch().join("dev");
    fs::create_dir_all(dev.join("pts")).expect("mkdir");
    symlink(canary.join("secret"), dev.join("console")).expect("link");
    // Whatever number the terminal gets.
    for number in 0..64 {
        symlink(canary.join("secret"), dev.join(format!("pts/{number}"))).expect("link");
    }
    symlink(canary.join("secret"), dev.join("ptmx")).expect("link");
    for mount in [format!("{}:/dev", dev.display()), format!("{}:/dev/pts", dev.join("pts").display())] {
        let output = run(
            &daemon,
            &["-t", "-v", &mount],
            "echo evil > /dev/console; echo evil > /dev/pts/0; cat /dev/console",
        );
        assert!(!output.stdout.contains("host"), "{output:?}");
        untouched(&canary);
    }
    // What is at /dev/console is a terminal of the container's own.
    let output = run(&daemon, &["-t"], "stat -c %t /dev/console; test -t 0 && echo yes");
    assert_eq!(output.ok(), "88\r\nyes\r");
}

#[test]
fn proc_cve_2025_52881_writes_for_proc_reach_no_other_file() {
    let daemon = Daemon::start();
    let canary = canary(&daemon);
    let proc = daemon.scratch().join("proc");
    fs::create_dir_all(proc.join("sys/kernel")).expect("mkdir");
    fs::create_dir_all(proc.join("self/attr")).expect("mkdir");
    for name in ["sys/kernel/shmmax", "self/attr/exec", "self/oom_score_adj"] {
        symlink(canary.join("secret"), proc.join(name)).expect("link");
    }
    let mount = format!("{}:/proc", proc.display());
    let error = run(&daemon, &["--sysctl", "kernel.shmmax=5", "--oom-score-adj", "7", "-v", &mount], "true");
    assert!(error.code == 125 && error.stderr.contains("inside /proc"), "{error:?}");
    let mount = format!("{}:/proc/sys/kernel", proc.join("sys/kernel").display());
    assert_eq!(run(&daemon, &["--sysctl", "kernel.shmmax=5", "-v", &mount], "true").code, 125);
    untouched(&canary);
    assert_eq!(
        run(&daemon, &["--sysctl", "kernel.shmmax=54321"], "cat /proc/sys/kernel/shmmax").ok(),
        "54321"
    );
}

#[test]
fn path_cve_2026_41579_top_directories_that_are_links_lead_nowhere_outside() {
    let daemon = Daemon::start();
    let canary = canary(&daemon);
    let climbing = format!("../../../../../../../..{}", canary.display());
    let source = daemon.scratch().join("source");
    fs::write(&source, "x").expect("write");
    for name in ["dev", "etc", "proc", "sys", "tmp", "run"] {
        for target in [canary.to_str().expect("plain"), &climbing, name] {
            let image = image_with(&daemon, |root| {
                let _ = fs::remove_dir_all(root.join(name));
                symlink(target, root.join(name)).expect("link");
            });
            // The layer below every container has real directories at these places. CVE-2019-19921, CVE-2023-27561 and
            // CVE-2023-28642: a /proc or /sys that is none must not be taken for one.
            let real = "/bin/busybox test -e /proc/self/attr && /bin/busybox test -d /sys/class";
            // What is missing is made, files and directories (the volume's, and what a mount of a file needs).
            let (below, file) =
                (format!("/{name}/new/dir"), format!("{}:/{name}/made/file", source.display()));
            let mounts: &[&str] = if name == "proc" { &[] } else { &["--tmpfs", &below, "-v", &file] };
            let run = ["run", "--rm"].iter().chain(mounts);
            let output = daemon.hythe(run.chain(&[&*image, "/bin/busybox", "sh", "-c", real]));
            let refused = output.stderr.contains("Error response from daemon");
            assert!(output.code == 0 || refused, "{name} -> {target}: {output:?}");
            untouched(&canary);
        }
    }
}

/// An image of busybox and little else, changed by `change`.
fn image_with(daemon: &Daemon, change: impl FnOnce(&Path)) -> String {
    let root = daemon.scratch().join("root");
    let _ = fs::remove_dir_all(&root);
    for dir in ["bin", "dev", "etc", "proc", "sys", "tmp", "run"] {
        fs::create_dir_all(root.join(dir)).expect("mkdir");
    }
    let busybox = Output::of(std::process::Command::new("sh").args(["-c", "command -v busybox"])).ok();
    fs::copy(busybox, root.join("bin/busybox")).expect("copy busybox (busybox-static)");
    change(&root);
    let archive = daemon.scratch().join("root.tar");
    let tar = ["-C", root.to_str().expect("plain"), "-cf", archive.to_str().expect("plain"), "."];
    Output::of(std::process::Command::new("tar").args(tar)).ok();
    daemon.hythe(["import", archive.to_str().expect("plain"), "hostile:latest"]).ok();
    "hostile:latest".to_owned()
}

#[test]
fn mnt_cve_2019_16884_nothing_is_mounted_inside_proc() {
    let daemon = Daemon::start();
    for target in ["/proc", "/proc/self/attr", "/proc/1", "/proc/sys/kernel"] {
        for flags in [&["-v", &format!("fake:{target}")][..], &["--tmpfs", target]] {
            let output = run(&daemon, flags, "true");
            assert!(output.code == 125 && output.stderr.contains("inside /proc"), "{flags:?}: {output:?}");
        }
    }
    let image = image_with(&daemon, |root| symlink("/proc", root.join("link")).expect("link"));
    let output = daemon.hythe(["run", "--rm", "--tmpfs", "/link/self", &image, "/bin/busybox", "true"]);
    assert!(output.code != 0, "{output:?}");
}

#[test]
fn cap_cve_2022_24769_inheritable_and_ambient_are_empty_for_every_process() {
    let daemon = Daemon::start();
    let script = "grep -E '^Cap(Inh|Amb)' /proc/self/status | cut -f2 | sort -u";
    const NONE: &str = "0000000000000000";
    for flags in [&[][..], &["--init"], &["-u", "1000"], &["--privileged"], &["--cap-add", "ALL"]] {
        assert_eq!(run(&daemon, flags, script).ok(), NONE, "{flags:?}");
    }
    let health = [
        "run",
        "-d",
        "--name",
        "cc",
        "--health-interval",
        "50ms",
        "--health-cmd",
        &format!("{script} > /seen"),
    ];
    daemon.hythe(health.iter().chain(&["busybox", "sleep", "1000"])).ok();
    for how in [&["exec"][..], &["exec", "-u", "5"], &["exec", "--privileged"]] {
        assert_eq!(daemon.hythe(how.iter().chain(&["cc", "sh", "-c", script])).ok(), NONE, "{how:?}");
    }
    testkit::wait::until_true("the probe has run", || {
        daemon.hythe(["exec", "cc", "cat", "/seen"]).stdout == format!("{NONE}\n")
    });
}

#[test]
fn cap_cve_2016_8867_a_user_has_none_and_dropped_ones_stay_dropped() {
    let daemon = Daemon::start();
    let sets = |flags: &[&str]| {
        run(&daemon, flags, "grep -E '^Cap(Eff|Prm|Amb)' /proc/self/status | cut -f2 | sort -u").ok()
    };
    assert_eq!(sets(&["-u", "1000"]), "0000000000000000");
    assert_eq!(sets(&["-u", "1000", "--cap-add", "ALL"]), "0000000000000000");
    // youki#3434: what is added later has no more than the container.
    daemon.hythe(["run", "-d", "--name", "cc", "--cap-drop", "ALL", "busybox", "sleep", "1000"]).ok();
    let script = "grep ^Cap /proc/self/status | cut -f2 | sort -u";
    assert_eq!(daemon.hythe(["exec", "cc", "sh", "-c", script]).ok(), "0000000000000000");
}

#[test]
fn user_cve_2016_3697_a_number_is_never_a_name() {
    let daemon = Daemon::start();
    let passwd = daemon.scratch().join("passwd");
    fs::write(&passwd, "root:x:0:0::/:/bin/sh\n1000:x:0:0::/:/bin/sh\n").expect("write");
    let mount = format!("{}:/etc/passwd", passwd.display());
    assert_eq!(run(&daemon, &["-v", &mount, "-u", "1000"], "id -u").ok(), "1000");
    daemon.hythe(["run", "-d", "--name", "cc", "-v", &mount, "busybox", "sleep", "1000"]).ok();
    assert_eq!(daemon.hythe(["exec", "-u", "1000", "cc", "id", "-u"]).ok(), "1000");
}

#[test]
fn user_cve_2024_40635_ids_out_of_range_are_refused() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    for user in
        ["-1", "2147483648", "4294967295", "4294967296", "9223372036854775808", "+0", "0:4294967296", "٠"]
    {
        assert_ne!(run(&daemon, &["-u", user], "id -u").code, 0, "{user}");
        assert_ne!(daemon.hythe(["exec", "-u", user, "cc", "id", "-u"]).code, 0, "exec {user}");
    }
}

#[test]
fn user_cve_2022_36109_the_primary_group_is_among_the_groups() {
    let daemon = Daemon::start();
    for user in ["5:6", "nobody", "33"] {
        // `id -G` names the primary group whether or not it is among them; the kernel does not.
        let script = "for g in $(sed -n 's/^Groups://p' /proc/self/status); do [ $g = $(id -g) ] && echo yes; done; true";
        assert_eq!(run(&daemon, &["-u", user, "--group-add", "777"], script).ok(), "yes", "{user}");
    }
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    let groups = daemon.hythe([
        "exec",
        "-u",
        "5:6",
        "cc",
        "sed",
        "-n",
        "s/^Groups:[[:space:]]*//p",
        "/proc/self/status",
    ]);
    assert_eq!(groups.ok().trim(), "6");
}

#[test]
fn dos_cve_2026_47262_a_passwd_that_is_no_sane_file_is_refused() {
    let daemon = Daemon::start();
    let dir = daemon.scratch().join("etc");
    fs::create_dir_all(&dir).expect("mkdir");
    Output::of(std::process::Command::new("mkfifo").arg(dir.join("fifo"))).ok();
    fs::File::create(dir.join("huge")).and_then(|file| file.set_len(11 << 20)).expect("a large file");
    for (file, text) in [("fifo", "not a regular file"), ("huge", "larger than 10 MiB")] {
        let mount = format!("{}:/etc/passwd", dir.join(file).display());
        let output = run(&daemon, &["-v", &mount, "-u", "someone"], "true");
        assert!(output.code != 0 && output.stderr.contains(text), "{file}: {output:?}");
    }
}

#[test]
fn dos_cve_2022_31030_failed_execs_leave_nothing_in_the_engine() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    let shim = parent(&pid(&daemon, "cc"));
    let count =
        |pid: &str, what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).expect("its entries").count();
    let own = daemon.pid().to_string();
    let fails = |times: usize| {
        for _ in 0..times {
            assert_ne!(daemon.hythe(["exec", "cc", "nothere"]).code, 0);
        }
    };
    fails(5);
    let before = count(&shim, "fd");
    fails(60);
    assert_eq!(count(&shim, "fd"), before, "descriptors of the shim");
    testkit::wait::until_true("the engine has no more than before", || {
        count(&own, "fd") < 60 && count(&own, "task") < 60
    });
}

#[test]
fn cg_cve_2022_0492_control_groups_cannot_be_written_or_mounted() {
    let daemon = Daemon::start();
    let script = "for d in /sys/fs/cgroup /sys/fs/cgroup/*; do (echo x > $d/release_agent; echo 1 > $d/notify_on_release; mkdir $d/y; echo a > $d/devices.allow) 2>/dev/null && echo open $d; done; mkdir /m; mount -t cgroup -o rdma cgroup /m 2>/dev/null && echo mounted; mount -t cgroup2 cgroup2 /m 2>/dev/null && echo mounted; true";
    assert_eq!(run(&daemon, &[], script).ok(), "");
    // CVE-2023-25809: with and without a group namespace of its own.
    assert_eq!(run(&daemon, &["--cgroupns", "private"], script).ok(), "");
}

#[test]
fn cg_go_2022_0396_devices_that_nobody_granted_are_closed() {
    let daemon = Daemon::start();
    let script = "mknod /f c 10 229; mknod /m c 1 1; mknod /d b 254 0; for d in /f /m /d; do head -c 1 $d 2>&1 | grep -c 'not permitted'; done | sort -u";
    assert_eq!(run(&daemon, &[], script).ok(), "1");
    assert_eq!(run(&daemon, &["--device-cgroup-rule", "c 99:99 r"], script).ok(), "1");
}

#[test]
fn perm_cve_2021_41091_the_engines_directories_are_closed_to_others() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "-v", "data:/d", "busybox", "sleep", "1000"]).ok();
    let closed = |path: PathBuf| {
        let mode = fs::metadata(&path).expect("its mode").permissions().mode();
        assert_eq!(mode & 0o007, 0, "{} has mode {mode:o}", path.display());
    };
    closed(daemon.data());
    closed(daemon.state());
    for entry in fs::read_dir(daemon.state().join("containers")).expect("state").flatten() {
        closed(entry.path());
    }
    let mode = fs::metadata(daemon.socket()).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o007, 0, "the API socket has mode {mode:o}");
    // CVE-2020-15257: nothing of ours listens on a name without a file.
    let sockets = daemon.sandbox().command("cat", ["/proc/net/unix"]).output().expect("cat");
    assert!(!String::from_utf8_lossy(&sockets.stdout).contains(" @hythe"), "an abstract socket");
}

#[test]
fn exec_cve_2016_9962_a_joining_process_cannot_be_traced() {
    let daemon = Daemon::start();
    // Process 1 looks into whatever joins, as fast as it can. It may see the numbers of descriptors, not what they are.
    let script = "while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || ls -l $p/fd $p/cwd $p/root $p/exe; done >> /seen 2>/dev/null; done";
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sh", "-c", script]).ok();
    for _ in 0..40 {
        daemon.hythe(["exec", "cc", "true"]).ok();
    }
    let seen = daemon.hythe(["exec", "cc", "sh", "-c", "sed -n 's/.* -> //p' /seen | sort -u"]).ok();
    // Of the container's own processes there is much to be seen; of the one that joins nothing that is the engine's.
    assert!(seen.lines().any(|line| line == "/"), "{seen}");
    let engines = |line: &&str| {
        ["socket:", "anon_inode:", "/memfd:", "mnt:", "net:"].iter().any(|kind| line.starts_with(kind))
            || line.contains("hythe")
    };
    assert_eq!(seen.lines().filter(engines).collect::<Vec<_>>(), Vec::<&str>::new(), "{seen}");
}
