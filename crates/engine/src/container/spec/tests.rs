//! Specs compared with what Docker 28.5 hands to its runtime for the same settings.

use api::container::{Config, HostConfig};

use super::*;
use crate::container::mountpoint::parse_short;
use crate::container::state::State;

pub(crate) fn record() -> Record {
    let list = |paths: &[&str]| Some(paths.iter().map(|path| (*path).to_owned()).collect());
    Record {
        id: "6eca84a169b0".repeat(5) + "6eca",
        name: "ref1".into(),
        created: jiff::Timestamp::UNIX_EPOCH,
        image: None,
        layers: Vec::new(),
        platform: "linux".into(),
        path: "top".into(),
        args: Vec::new(),
        config: Config::default(),
        host: HostConfig {
            masked_paths: list(&MASKED),
            readonly_paths: list(&READ_ONLY),
            shm_size: 67_108_864,
            ..HostConfig::default()
        },
        networks: BTreeMap::new(),
        mounts: Vec::new(),
        state: State::created(),
        auto_remove: false,
        remove_volumes: false,
        ids: None,
        cgroup_parent: String::new(),
    }
}

fn run() -> Run {
    Run {
        pid: Space::New,
        ipc: Space::New,
        uts: Space::New,
        cgroup: Space::Host,
        network: Space::New,
        user: None,
        hostname: "6eca84a169b0".into(),
        links: Vec::new(),
        shm: Shm::Own(67_108_864),
        mounts: Vec::new(),
        files: ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts"]
            .map(|target| (target, PathBuf::from(format!("/c{target}"))))
            .to_vec(),
        last_capability: 40,
        devices: devices::Granted::default(),
        init: None,
        apparmor: false,
        default_ulimits: Vec::new(),
    }
}

fn lines(mounts: &[Mount]) -> Vec<String> {
    let line = |mount: &Mount| {
        format!("{} {} {} {}", mount.destination, mount.kind, mount.source, mount.options.join(","))
    };
    mounts.iter().map(line).collect()
}

#[test]
fn the_default_spec_is_dockers() {
    let spec = build(&record(), &run()).unwrap();
    let process = spec.process.unwrap();
    assert_eq!(process.args, ["top"]);
    assert_eq!(
        process.env,
        ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=6eca84a169b0"]
    );
    assert_eq!((process.cwd.as_str(), process.oom_score_adj), ("/", Some(0)));
    let capabilities = process.capabilities.unwrap();
    assert_eq!((capabilities.bounding.len(), capabilities.ambient.len()), (14, 0));
    let linux = spec.linux.unwrap();
    let kinds: Vec<_> = linux.namespaces.iter().map(|namespace| namespace.kind).collect();
    use NamespaceKind as Kind;
    assert_eq!(kinds, [Kind::Mount, Kind::Network, Kind::Uts, Kind::Pid, Kind::Ipc]);
    assert_eq!(linux.sysctl["net.ipv4.ping_group_range"], "0 2147483647");
    assert_eq!((linux.masked_paths.len(), linux.readonly_paths.len()), (12, 5));
    assert_eq!(linux.cgroups_path, format!("/docker/{}", record().id));
    assert_eq!(
        lines(&spec.mounts),
        [
            "/proc proc proc nosuid,noexec,nodev",
            "/dev tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k",
            "/dev/pts devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
            "/sys sysfs sysfs nosuid,noexec,nodev,ro",
            "/sys/fs/cgroup cgroup cgroup ro,nosuid,noexec,nodev",
            "/dev/mqueue mqueue mqueue nosuid,noexec,nodev",
            "/dev/shm tmpfs shm nosuid,noexec,nodev,mode=1777,size=67108864",
            "/etc/resolv.conf bind /c/etc/resolv.conf rbind,rprivate",
            "/etc/hostname bind /c/etc/hostname rbind,rprivate",
            "/etc/hosts bind /c/etc/hosts rbind,rprivate",
        ]
    );
}

fn bound(raw: &str) -> Bound {
    let point = parse_short(raw, "").unwrap();
    Bound { source: point.source.clone(), propagation: point.propagation.clone(), lowers: Vec::new(), point }
}

#[test]
fn the_users_mounts_come_shallow_first_and_replace_defaults() {
    let mut record = record();
    record.host.tmpfs.insert("/tt".into(), "size=3m,exec".into());
    let run = Run { mounts: vec![bound("/a:/x/y"), bound("/tmp:/bnd:ro"), bound("/s:/dev/shm")], ..run() };
    let got = lines(&build(&record, &run).unwrap().mounts);
    let tail = &got[6..];
    assert_eq!(
        tail,
        [
            "/tt tmpfs tmpfs nosuid,nodev,size=3m,exec,rprivate",
            "/bnd bind /tmp rbind,rro,rprivate",
            "/x/y bind /a rbind,rprivate",
            "/dev/shm bind /s rbind,rprivate",
            "/etc/resolv.conf bind /c/etc/resolv.conf rbind,rprivate",
            "/etc/hostname bind /c/etc/hostname rbind,rprivate",
            "/etc/hosts bind /c/etc/hosts rbind,rprivate",
        ]
    );
}

#[test]
fn a_read_only_root_leaves_only_what_must_be_written_writable() {
    let mut record = record();
    record.host.readonly_rootfs = true;
    let spec = build(&record, &run()).unwrap();
    assert!(spec.root.unwrap().readonly);
    for mount in &spec.mounts {
        let read_only = mount.options.iter().any(|option| option == "ro");
        let expected =
            !matches!(mount.destination.as_str(), "/proc" | "/dev" | "/dev/pts" | "/dev/shm" | "/dev/mqueue");
        assert_eq!(read_only, expected, "{}", mount.destination);
    }
}

#[test]
fn shared_namespaces_bring_neither_host_name_nor_sysctls() {
    let run = Run {
        network: Space::Join("/proc/7/ns/net".into()),
        uts: Space::Host,
        pid: Space::Host,
        cgroup: Space::New,
        ..run()
    };
    let spec = build(&record(), &run).unwrap();
    assert_eq!(spec.hostname, "");
    let linux = spec.linux.unwrap();
    assert!(linux.sysctl.is_empty());
    let got: Vec<_> = linux.namespaces.iter().map(|space| (space.kind, space.path.as_str())).collect();
    assert_eq!(
        got,
        [
            (NamespaceKind::Mount, ""),
            (NamespaceKind::Network, "/proc/7/ns/net"),
            (NamespaceKind::Ipc, ""),
            (NamespaceKind::Cgroup, ""),
        ]
    );
}

#[test]
fn privileged_and_init_change_what_they_should() {
    let mut record = record();
    record.host.privileged = true;
    let run = Run { init: Some("/usr/bin/hythe-shim".into()), ..run() };
    let spec = build(&record, &run).unwrap();
    let process = spec.process.as_ref().unwrap();
    assert_eq!(process.args, ["/sbin/docker-init", "--", "top"]);
    assert_eq!(process.capabilities.as_ref().unwrap().bounding.len(), 41);
    let sys = spec.mounts.iter().find(|mount| mount.destination == "/sys").unwrap();
    assert!(!sys.options.iter().any(|option| option == "ro"));
    assert!(spec.mounts.iter().any(|mount| mount.destination == "/sbin/docker-init"));
}
