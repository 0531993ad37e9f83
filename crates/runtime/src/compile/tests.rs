//! Specs, ordinary and hostile, and what becomes of them.

use super::*;
use crate::plan::MountSource;
use oci::runtime::{IdMapping, Mount as OciMount, Rlimit};

/// A spec that compiles.
fn spec() -> Spec {
    serde_json::from_str(
        r#"{"ociVersion":"1.2.0","process":{"args":["sh"],"cwd":"/","user":{"uid":0,"gid":0}},"root":{"path":"rootfs"},
        "linux":{"namespaces":[{"type":"mount"},{"type":"network"},{"type":"ipc"}]}}"#,
    )
    .unwrap()
}

fn options() -> CompileOptions {
    CompileOptions { id: "x".to_owned(), bundle: PathBuf::from("/b"), ..CompileOptions::default() }
}

fn with(change: impl FnOnce(&mut Spec)) -> Result<Plan> {
    let mut spec = spec();
    change(&mut spec);
    compile(&spec, &options())
}

fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> OciMount {
    OciMount {
        destination: destination.to_owned(),
        kind: kind.to_owned(),
        source: source.to_owned(),
        options: options.iter().map(|o| (*o).to_owned()).collect(),
        ..OciMount::default()
    }
}

#[test]
fn a_plan_survives_its_encoding() {
    let plan = with(|spec| spec.mounts.push(mount("/tmp", "tmpfs", "", &["size=1m", "ro"]))).unwrap();
    let bytes = postcard::to_stdvec(&plan).unwrap();
    assert_eq!(postcard::from_bytes::<Plan>(&bytes).unwrap(), plan);
}

#[test]
fn paths_are_where_they_belong() {
    let plan = with(|_| ()).unwrap();
    assert_eq!(plan.root.source, RootSource::Path(PathBuf::from("/b/rootfs")));
    assert_eq!(plan.cgroup.unwrap().path, "/docker/x");
    for (path, plain) in [("/a/../../b/./c", "/b/c"), ("/", "/"), ("/..", "/")] {
        assert_eq!(absolute(path).unwrap(), Path::new(plain));
    }
}

#[test]
fn mount_words_become_bits() {
    use sys::mount::{ATIME, NOATIME, NOSUID, PRIVATE, RDONLY};
    let plan = with(|spec| {
        spec.mounts.push(mount("/v", "bind", "/src", &["rbind", "ro", "nosuid", "noatime", "rprivate"]));
        spec.mounts.push(mount("/w", "bind", "src", &["ro", "rw", "rro"]));
        spec.mounts.push(mount("/t", "tmpfs", "", &["size=5k", "noswap", "mode=755"]));
    })
    .unwrap();
    let [v, w, t] = plan.mounts.as_slice() else { panic!() };
    assert_eq!(v.what, MountSource::Bind { source: PathBuf::from("/src"), recursive: true });
    assert_eq!((v.set, v.clear), (RDONLY | NOSUID | NOATIME, ATIME));
    assert_eq!(v.propagation, Some(Propagation { kind: PRIVATE, recursive: true }));
    assert_eq!(w.what, MountSource::Bind { source: PathBuf::from("/b/src"), recursive: false });
    assert_eq!((w.set, w.clear, w.set_recursive), (0, RDONLY, RDONLY));
    let MountSource::New { fstype, source, options, .. } = &t.what else { panic!() };
    assert_eq!((fstype.as_str(), source.as_str()), ("tmpfs", "tmpfs"));
    assert_eq!(options[1], ("noswap".to_owned(), None));
    assert_eq!(options[2], ("mode".to_owned(), Some("755".to_owned())));
}

#[test]
fn proc_stays_the_kernels() {
    let try_at = |target: &str, kind: &str, source: &str| {
        with(|spec| spec.mounts.push(mount(target, kind, source, &[]))).is_ok()
    };
    assert!(try_at("/proc", "proc", "proc"));
    assert!(try_at("/proc/meminfo", "bind", "/lxcfs/meminfo"));
    assert!(try_at("/procfoo", "bind", "/x"));
    for target in ["/proc", "/proc/self", "/proc/sys", "/proc/1/attr/exec", "/x/../proc/self"] {
        assert!(!try_at(target, "tmpfs", ""), "{target}");
        assert!(!try_at(target, "bind", "/x"), "{target}");
    }
}

#[test]
fn a_default_dev_unless_it_is_the_hosts() {
    assert!(with(|_| ()).unwrap().devices.iter().any(|device| device.path == Path::new("/dev/null")));
    let plan = with(|spec| spec.mounts.push(mount("/dev", "bind", "/dev", &[]))).unwrap();
    assert!(plan.devices.is_empty() && !plan.dev_links);
}

#[test]
fn sysctls_must_be_a_namespaces_own() {
    let name = |key: &str| sysctl(key, "1", &|kind| kind == NamespaceKind::Network).map(|pair| pair.0);
    assert_eq!(name("net.ipv4.ip_forward").unwrap(), "net/ipv4/ip_forward");
    assert_eq!(name("net.ipv4.conf.eth0/1.arp").unwrap(), "net/ipv4/conf/eth0.1/arp");
    assert_eq!(name("net/ipv4/conf/eth0.1/arp").unwrap(), "net/ipv4/conf/eth0.1/arp");
    for bad in
        ["kernel.core_pattern", "kernel.shmmax", "net..x", "net/../kernel/core_pattern", "vm.swappiness", ""]
    {
        assert!(name(bad).is_err(), "{bad}");
    }
}

#[test]
fn no_capability_block_means_none() {
    assert_eq!(with(|_| ()).unwrap().process.capabilities, Capabilities::default());
}

#[test]
fn what_is_wrong_or_unknown_is_refused() {
    type Change = fn(&mut Spec);
    let cases: [(&str, Change); 15] = [
        ("no args", |s| s.process.as_mut().unwrap().args.clear()),
        ("relative cwd", |s| s.process.as_mut().unwrap().cwd = "x".to_owned()),
        ("null byte", |s| s.process.as_mut().unwrap().env.push("A=\0".to_owned())),
        ("no root", |s| s.root = None),
        ("user ns without ids", |s| s.linux.as_mut().unwrap().namespaces[1].kind = OciKind::User),
        ("ids without user ns", |s| s.linux.as_mut().unwrap().uid_mappings.push(IdMapping::default())),
        ("double ns", |s| s.linux.as_mut().unwrap().namespaces[1].kind = OciKind::Mount),
        ("no mount ns", |s| drop(s.linux.as_mut().unwrap().namespaces.remove(0))),
        ("hostname without uts", |s| s.hostname = "h".to_owned()),
        ("cgroup ..", |s| s.linux.as_mut().unwrap().cgroups_path = "/a/../../b".to_owned()),
        ("cgroup systemd", |s| s.linux.as_mut().unwrap().cgroups_path = "a:b:c".to_owned()),
        ("mount at /", |s| s.mounts.push(mount("/", "tmpfs", "", &[]))),
        ("bind option", |s| s.mounts.push(mount("/x", "bind", "/y", &["size=1"]))),
        ("bind nothing", |s| s.mounts.push(mount("/x", "bind", "", &[]))),
        ("rlimit", |s| {
            let limit = Rlimit { kind: "RLIMIT_FOO".to_owned(), hard: 1, soft: 1 };
            s.process.as_mut().unwrap().rlimits.push(limit);
        }),
    ];
    for (name, change) in cases {
        assert!(with(change).is_err(), "{name}");
    }
}

#[test]
fn no_device_rules_still_deny() {
    let rules = with(|_| ()).unwrap().cgroup.unwrap().limits.devices.unwrap();
    assert!(!rules.is_empty());
    assert!(rules.iter().all(|rule| rule.major.is_some() || !rule.read && !rule.write));
}
