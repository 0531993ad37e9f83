//! What a process sees of its container.

use std::path::Path;

use serde_json::{Value, json};

use crate::bundle::Bundle;

/// Everything that Docker's users and scanners look at, less what differs from start to start, and the limit of open files,
/// which Go programs like runc raise for themselves and pass on.
pub(crate) const LOOK: &str = r#"
grep -E '^(Uid|Gid|Groups|Sig(Pnd|Blk|Cgt)|Cap|NoNewPrivs|Seccomp|Threads|Umask)' /proc/self/status
grep -v 'open files' /proc/self/limits; cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ping_group_range
env | sort; pwd; hostname; umask
stat -c '%a %u %g %t:%T %n' /dev/* / /proc /sys /dev /etc /tmp
for link in fd stdin stdout stderr ptmx; do readlink /dev/$link; done
grep -v keyring /proc/keys; ls /proc/acpi /sys/firmware
echo x 2>&1 >/proc/sysrq-trigger; echo x 2>&1 >/proc/sys/kernel/hostname
mount -t tmpfs x /tmp 2>&1; mknod /tmp/b b 8 0 2>&1 && cat /tmp/b 2>&1; rm -f /tmp/b; unshare -m true 2>&1
touch /sys/x 2>&1
"#;

/// The mount table without ids, in any order, and without what we do otherwise on purpose: the source of hidden files,
/// super block options of `/sys`, and hierarchies that the container is not put into.
pub(crate) const MOUNTS: &str = "cut -d' ' -f5,6 /proc/self/mountinfo | grep -v -e /sys/fs/cgroup -e /proc/kcore -e /proc/keys -e /proc/timer_list -e /proc/interrupts | sort";

fn check_same(change: impl Fn(&mut Value)) {
    let mut bundle = Bundle::new(&format!("{LOOK}{MOUNTS}"));
    change(&mut bundle.spec);
    let theirs = bundle.run_under(Path::new("runc"));
    let ours = bundle.run();
    assert_eq!(ours.out, theirs.out);
    assert_eq!((ours.code, &ours.err), (theirs.code, &theirs.err));
    bundle.finish();
}

#[test]
fn the_same_as_under_runc() {
    check_same(|_| ());
}

#[test]
fn the_same_as_under_runc_for_a_user() {
    check_same(|spec| {
        spec["process"]["user"] =
            json!({ "uid": 1000, "gid": 1000, "additionalGids": [1000, 10], "umask": 0o027 });
        spec["process"]["capabilities"] = json!({ "bounding": ["CAP_CHOWN", "CAP_NET_RAW"] });
        spec["process"]["noNewPrivileges"] = json!(true);
        spec["process"]["rlimits"] = json!([{ "type": "RLIMIT_NPROC", "hard": 500, "soft": 400 }]);
        spec["process"]["cwd"] = json!("/new/dir");
        spec["root"]["readonly"] = json!(false);
    });
}

#[test]
fn the_same_as_under_runc_privileged_and_read_only() {
    check_same(|spec| {
        let all: Vec<String> = ["CHOWN", "DAC_OVERRIDE", "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "MKNOD"]
            .iter()
            .map(|name| format!("CAP_{name}"))
            .collect();
        let sets = json!({ "bounding": all, "effective": all, "permitted": all, "inheritable": all, "ambient": all });
        spec["process"]["capabilities"] = sets;
        spec["linux"]["seccomp"] = Value::Null;
        spec["linux"]["maskedPaths"] = json!([]);
        spec["linux"]["readonlyPaths"] = json!([]);
        spec["root"]["readonly"] = json!(true);
        // They write to the host's kernel, which is not ours to try.
        spec["process"]["args"][2] = json!(format!(
            "{}{MOUNTS}",
            LOOK.replace("/proc/sysrq-trigger", "/dev/null")
                .replace("/proc/sys/kernel/hostname", "/dev/null")
        ));
    });
}

#[test]
fn no_signal_is_ignored_or_blocked() {
    let mut bundle = Bundle::new("");
    // Without a shell, which ignores some itself.
    bundle.spec["process"]["args"] = json!(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]);
    assert_eq!(bundle.run().out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    bundle.finish();
}

#[test]
fn fd_list_no_descriptor_but_the_standard_streams() {
    let bundle =
        Bundle::new("fd=0; while [ $fd -lt 64 ]; do [ -e /proc/1/fd/$fd ] && echo $fd; fd=$((fd + 1)); done");
    assert_eq!(bundle.run().out, "0\n1\n2\n");
    bundle.finish();
}

#[test]
fn limits_hold_and_are_shown() {
    let v2 = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
    let (script, expected) = if v2 {
        ("cd /sys/fs/cgroup; cat memory.max pids.max; touch x", "67108864\n33\n")
    } else {
        (
            "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.shares; \
             ls | sort | grep -c -e memory -e cpuset -e cpuacct; touch memory/x",
            "67108864\n33\n77\n3\n",
        )
    };
    let mut bundle = Bundle::new(script);
    bundle.spec["linux"]["namespaces"].as_array_mut().unwrap().push(json!({ "type": "cgroup" }));
    bundle.spec["linux"]["resources"]["memory"] = json!({ "limit": 67_108_864 });
    bundle.spec["linux"]["resources"]["cpu"] = json!({ "shares": 77 });
    bundle.spec["linux"]["resources"]["pids"] = json!({ "limit": 33 });
    let ran = bundle.run();
    assert_eq!(ran.out, expected, "{ran:?}");
    assert!(ran.err.contains("Read-only file system"), "{ran:?}");
    bundle.finish();
}

#[test]
fn mounts_are_as_asked() {
    let mut bundle = Bundle::new(
        "grep -E ' /(data|ro|t|file) ' /proc/self/mountinfo | cut -d' ' -f5,6 | sort; echo in > /data/f; cat /file; touch /ro/x",
    );
    let source = bundle.dir.path().join("source");
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(bundle.dir.path().join("file"), "content\n").unwrap();
    let mounts = bundle.spec["mounts"].as_array_mut().unwrap();
    mounts.push(
        json!({ "destination": "/data", "type": "bind", "source": source, "options": ["rbind", "rprivate"] }),
    );
    mounts.push(json!({ "destination": "/ro", "type": "bind", "source": source, "options": ["rbind", "ro", "nosuid", "noexec"] }));
    mounts.push(json!({ "destination": "/file", "type": "bind", "source": "file", "options": ["bind"] }));
    mounts.push(json!({ "destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["ro", "noatime", "size=1m"] }));
    let ran = bundle.run();
    assert_eq!(
        ran.out,
        "/data rw,relatime\n/file rw,relatime\n/ro ro,nosuid,noexec,relatime\n/t ro,noatime\ncontent\n",
        "{ran:?}"
    );
    assert!(ran.err.contains("Read-only file system"), "{ran:?}");
    assert_eq!(std::fs::read_to_string(source.join("f")).unwrap(), "in\n");
    bundle.finish();
}

#[test]
fn an_overlay_root_is_writable_and_its_layers_are_not_touched() {
    let mut bundle = Bundle::new("echo new > /etc/passwd; rm /bin/false; ls /top; head -1 /proc/mounts");
    bundle.write();
    let spec: oci::runtime::Spec = serde_json::from_value(bundle.spec.take()).unwrap();
    let dir = |name: &str| {
        let path = bundle.dir.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    let top = dir("layer");
    std::fs::write(top.join("top"), "").unwrap();
    for round in ["first", "volatile", "volatile again"] {
        let options = runtime::CompileOptions {
            id: bundle.id.clone(),
            root: Some(runtime::plan::RootSource::Overlay {
                lowers: vec![top.clone(), bundle.root()],
                upper: Some(dir("upper")),
                work: Some(dir("work")),
                volatile: round != "first",
            }),
            ..runtime::CompileOptions::default()
        };
        let plan = runtime::compile(&spec, &options).unwrap();
        let mut child = std::process::Command::new(crate::bundle::program())
            .arg("plan")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        serde_json::to_writer(child.stdin.take().unwrap(), &plan).unwrap();
        let ran = crate::bundle::Ran::from(child.wait_with_output().unwrap());
        assert!(ran.out.starts_with("/top\noverlay / overlay "), "{round}: {ran:?}");
        if round == "first" {
            assert_eq!(std::fs::read_to_string(bundle.dir.path().join("upper/etc/passwd")).unwrap(), "new\n");
            assert!(bundle.root().join("bin/false").exists());
        }
        std::fs::remove_dir_all(bundle.dir.path().join("upper")).unwrap();
    }
    bundle.finish();
}
