//! What a container can see and touch, against what Docker 28.5 shows in the same place: never more.
//!
//! The expectations were read off Docker 28.5.2 on a cgroup v1 host; what the host decides (which controllers, which
//! filesystem the data root is on, which files of /proc the kernel has) is left out or looked up.

use testkit::Daemon;

/// Mount point, options and type of each mount, in order; cgroups and the three files bound from the host apart.
const MOUNTS: &str = "\
/ rw,relatime overlay
/proc rw,nosuid,nodev,noexec,relatime proc
/dev rw,nosuid tmpfs
/dev/pts rw,nosuid,noexec,relatime devpts
/sys ro,nosuid,nodev,noexec,relatime sysfs
/dev/mqueue rw,nosuid,nodev,noexec,relatime mqueue
/dev/shm rw,nosuid,nodev,noexec,relatime tmpfs
/proc/bus ro,nosuid,nodev,noexec,relatime proc
/proc/fs ro,nosuid,nodev,noexec,relatime proc
/proc/irq ro,nosuid,nodev,noexec,relatime proc
/proc/sys ro,nosuid,nodev,noexec,relatime proc";

const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

const DEVICES: &str = "\
/dev/full c 1:7 666
/dev/null c 1:3 666
/dev/random c 1:8 666
/dev/tty c 5:0 666
/dev/urandom c 1:9 666
/dev/zero c 1:5 666";

const MOUNT_SCRIPT: &str = "cut -d' ' -f5,6 /proc/self/mountinfo > /tmp/a; sed 's/.* - //' /proc/self/mountinfo | cut -d' ' -f1 > /tmp/b; paste -d' ' /tmp/a /tmp/b | grep -v -e /sys/fs/cgroup -e '^/etc/'";

fn run(daemon: &Daemon, flags: &[&str], script: &str) -> String {
    daemon.hythe(["run", "--rm"].iter().chain(flags).chain(&["busybox", "sh", "-c", script])).ok()
}

#[test]
fn default_mounts_are_dockers() {
    let daemon = Daemon::start();
    let seen = run(&daemon, &[], MOUNT_SCRIPT);
    // Masked paths come last, and only those that the kernel has.
    let masked = |line: &&str| !MASKED.contains(&line.split(' ').next().unwrap_or_default());
    assert_eq!(seen.lines().filter(masked).collect::<Vec<_>>().join("\n"), MOUNTS);
    for path in MASKED.iter().filter(|path| std::path::Path::new(path).exists()) {
        // Files are hidden behind the container's own null device, directories behind an empty file system.
        let hidden =
            if std::path::Path::new(path).is_dir() { "ro,relatime tmpfs" } else { "rw,nosuid tmpfs" };
        assert!(seen.lines().any(|line| line == format!("{path} {hidden}")), "{path} is not masked:\n{seen}");
    }
    let cgroups =
        run(&daemon, &[], "grep /sys/fs/cgroup /proc/mounts | cut -d' ' -f4 | cut -d, -f1 | sort -u");
    assert!(cgroups == "ro" || cgroups == "ro\nrw", "{cgroups}");
    assert_eq!(
        run(
            &daemon,
            &[],
            "touch /sys/fs/cgroup/*/x /sys/fs/cgroup/x 2>&1 | grep -vc 'Read-only\\|denied\\|No such'; true"
        ),
        "0"
    );
}

#[test]
fn default_devices_are_dockers() {
    let daemon = Daemon::start();
    let script = "for f in /dev/*; do [ -c $f ] && [ ! -L $f ] && echo $f c $(stat -c '%t:%T %a' $f); done";
    assert_eq!(run(&daemon, &[], script), DEVICES);
    assert_eq!(
        run(&daemon, &[], "for l in fd stdin ptmx; do readlink /dev/$l; done"),
        "/proc/self/fd\n/proc/self/fd/0\npts/ptmx"
    );
    // Nodes of other devices can be made, as in Docker, and not opened.
    assert_eq!(
        run(
            &daemon,
            &[],
            "mknod /sda b 8 0 && ! cat /sda 2>/dev/null; mknod /fuse c 10 229 && ! cat /fuse 2>/dev/null; echo $?"
        ),
        "0"
    );
}

#[test]
fn descriptors_limits_and_environment_are_dockers() {
    let daemon = Daemon::start();
    // `ls` itself opens one.
    assert_eq!(run(&daemon, &[], "ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3 ");
    assert_eq!(
        run(&daemon, &["-h", "hh"], "env | sort"),
        "HOME=/root\nHOSTNAME=hh\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\nSHLVL=1"
    );
    assert_eq!(run(&daemon, &[], "umask; cat /proc/self/oom_score_adj; readlink /proc/1/cwd"), "0022\n0\n/");
    assert_eq!(
        run(
            &daemon,
            &[],
            "cat /proc/sys/net/ipv4/ping_group_range /proc/sys/net/ipv4/ip_unprivileged_port_start"
        ),
        "0\t2147483647\n0"
    );
    assert_eq!(run(&daemon, &["--ulimit", "nofile=100:200"], "ulimit -n; ulimit -Hn"), "100\n200");
}

#[test]
fn privileged_has_everything_docker_gives_and_no_more_surprises() {
    let daemon = Daemon::start();
    let mounts = run(&daemon, &["--privileged"], MOUNT_SCRIPT);
    let expected: Vec<String> = MOUNTS
        .lines()
        .filter(|line| {
            !["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"]
                .contains(&line.split(' ').next().unwrap_or_default())
        })
        .map(|line| if line.starts_with("/sys ") { line.replace(" ro,", " rw,") } else { line.to_owned() })
        .collect();
    assert_eq!(mounts, expected.join("\n"));
    let status = run(
        &daemon,
        &["--privileged"],
        "grep -E 'CapEff|CapInh|CapAmb|Seccomp:' /proc/self/status | tr '\\n\\t' '  '",
    );
    let own = std::fs::read_to_string("/proc/self/status").expect("status");
    let bounding = own.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).expect("CapBnd");
    assert_eq!(
        status,
        format!("CapInh: 0000000000000000 CapEff: {bounding} CapAmb: 0000000000000000 Seccomp: 0 ")
    );
    assert_eq!(run(&daemon, &["--privileged"], "test -e /dev/kmsg && echo yes"), "yes");
}

#[test]
fn capabilities_are_added_and_dropped_by_name() {
    let daemon = Daemon::start();
    let effective = |flags: &[&str]| run(&daemon, flags, "grep CapEff /proc/self/status | cut -f2");
    assert_eq!(effective(&["--cap-drop", "ALL"]), "0000000000000000");
    assert_eq!(effective(&["--cap-drop", "ALL", "--cap-add", "NET_ADMIN"]), "0000000000001000");
    assert_eq!(effective(&["--cap-add", "CAP_SYS_PTRACE"]), "00000000a80c25fb");
    assert_eq!(effective(&["-u", "1000"]), "0000000000000000");
    let error = daemon.hythe(["run", "--rm", "--cap-add", "NOSUCH", "busybox", "true"]).fails_with(125);
    assert!(error.contains("invalid CapAdd: unknown capability: \"CAP_NOSUCH\""), "{error}");
}

/// The directory is made before the root becomes read-only, and then is as read-only as everything.
#[test]
fn a_working_directory_is_made_also_in_a_read_only_root() {
    let daemon = Daemon::start();
    let flags = ["--read-only", "--workdir", "/made/for/it"];
    assert_eq!(run(&daemon, &flags, "pwd; touch x 2>/dev/null || echo read-only"), "/made/for/it\nread-only");
}

/// What the table says of a call (its first or second column), by its name in the table.
fn golden(column: usize) -> std::collections::BTreeMap<&'static str, &'static str> {
    let lines = include_str!("isolation/seccomp.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            (fields[0], fields[column])
        })
        .collect()
}

/// Every system call is tried with and without the filter: what Docker's filter refuses is refused, and what it lets
/// through does what it does without a filter.
#[test]
fn seccomp_verdicts_of_all_calls_are_dockers() {
    if !cfg!(target_arch = "x86_64") {
        testkit::skip::report("seccomp verdicts: the table is x86_64's");
        return;
    }
    let daemon = Daemon::start();
    let source = daemon.scratch().join("probe.c");
    std::fs::write(&source, include_str!("isolation/probe.c")).expect("write");
    let probe = daemon.scratch().join("probe");
    let compiled =
        std::process::Command::new("cc").args(["-static", "-O1", "-o"]).arg(&probe).arg(&source).status();
    assert!(compiled.expect("start cc").success(), "compile the probe");
    let mount = format!("{}:/probe", probe.display());
    let tried = |flags: &[&str]| {
        let args = ["run", "--rm", "-v", &mount];
        let text = daemon.hythe(args.iter().chain(flags).chain(&["busybox", "/probe"])).ok();
        let pairs = text.lines().map(|line| line.split_once(' ').expect("two words"));
        pairs
            .map(|(call, errno)| (call.to_owned(), errno.to_owned()))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    for (column, flags) in [(1, &[][..]), (2, &["--cap-add", "SYS_ADMIN"])] {
        let with = tried(flags);
        let without = tried(&[flags, &["--security-opt", "seccomp=unconfined"]].concat());
        let table = golden(column);
        assert_eq!(with.len(), table.len(), "calls that were tried");
        let wrong: Vec<String> = with
            .iter()
            .filter_map(|(call, errno)| {
                let verdict = table[call.as_str()];
                let right = match verdict {
                    "EPERM" => errno == "1",
                    "ENOSYS" => errno == "38",
                    _ => *errno == without[call],
                };
                (!right)
                    .then(|| format!("{call}: {verdict}, but {errno} (without a filter {})", without[call]))
            })
            .collect();
        assert_eq!(wrong, Vec::<String>::new(), "{flags:?}");
    }
}

/// What of `/proc` and `/sys` can be opened for writing, and what sensitive files give to a reader: as in Docker, where
/// files at the top of `/proc` open and take nothing, and nothing of `/proc/sys` and `/sys` opens.
#[test]
fn proc_surface_nothing_of_the_kernels_settings_can_be_written() {
    let daemon = Daemon::start();
    // Opened, not written to.
    let writable = |places: &str| {
        format!(
            "find {places} -maxdepth 6 -type f 2>/dev/null | while read f; do {{ true >> $f; }} 2>/dev/null && echo $f; done; true"
        )
    };
    assert_eq!(run(&daemon, &[], &writable("/proc/sys /sys")), "");
    // The look itself finds what there is.
    assert_ne!(run(&daemon, &["--privileged"], &writable("/proc/sys/kernel")), "");
    let top = "for f in /proc/acpi/* /proc/bus/* /proc/fs/* /proc/irq/* /proc/sysrq-trigger /proc/kcore /proc/mtrr; do [ -f $f ] && { true >> $f; } 2>/dev/null && echo $f; done; true";
    assert_eq!(run(&daemon, &[], top), "");
    // What would tell of the host or of other containers is empty or refused.
    let bytes = "for f in /proc/kmsg /proc/kcore /proc/keys /proc/timer_list /proc/interrupts /proc/latency_stats; do head -c 1 $f 2>/dev/null | wc -c; done | sort -u";
    assert_eq!(run(&daemon, &[], bytes), "0");
    assert_eq!(
        run(
            &daemon,
            &[],
            "ls /sys/firmware /proc/scsi /proc/asound 2>/dev/null | grep -v : | grep -c .; true"
        ),
        "0"
    );
}
