//! Configurations as operators write them.

use super::*;

fn ask(args: &[&str], file: &str) -> Result<Asked> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("daemon.json");
    std::fs::write(&path, file).unwrap();
    let named = format!("--config-file={}", path.display());
    read(args.iter().map(|arg| (*arg).to_owned()).chain([named])).map_err(|error| {
        errdefs::Error::new(error.class(), error.to_string().replace(&path.display().to_string(), "FILE"))
    })
}

fn config(args: &[&str], file: &str) -> Config {
    match ask(args, file).unwrap() {
        Asked::Run(config) => *config,
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults() {
    let config = config(&[], "{}");
    assert_eq!(config.data_root, PathBuf::from("/var/lib/hythe"));
    assert_eq!(config.exec_root, PathBuf::from("/run/hythe"));
    assert_eq!(config.containers.state, PathBuf::from("/run/hythe/containers"));
    assert!(config.hosts.is_empty() && config.ignored.is_empty() && config.network.icc);
    assert_eq!(config.log_level, "info");
}

#[test]
fn flags_and_file_say_the_same_thing() {
    let flags = [
        "-H",
        "unix:///a",
        "--data-root=/d",
        "--bip",
        "10.1.0.1/24",
        "--default-address-pool",
        "base=10.2.0.0/16,size=24",
        "--registry-mirror=http://m",
        "--insecure-registry=r:5000",
        "--default-ulimit",
        "nofile=1:2",
        "--log-opt=max-size=1m",
        "--default-shm-size=32m",
        "--icc=false",
        "--label=a=b",
        "--http-proxy=http://p",
        "--mtu=1400",
    ];
    let file = r#"{"hosts":["unix:///a"],"data-root":"/d","bip":"10.1.0.1/24",
        "default-address-pools":[{"base":"10.2.0.0/16","size":24}],"registry-mirrors":["http://m"],
        "insecure-registries":["r:5000"],"default-ulimits":{"nofile":{"Name":"nofile","Soft":1,"Hard":2}},
        "log-opts":{"max-size":"1m"},"default-shm-size":"32m","icc":false,"labels":["a=b"],
        "proxies":{"http-proxy":"http://p"},"mtu":1400}"#;
    let (by_flags, by_file) = (config(&flags, "{}"), config(&[], file));
    assert_eq!(format!("{by_flags:?}"), format!("{by_file:?}"));
    assert_eq!(by_file.containers.shm_size, 32 << 20);
    assert_eq!(by_file.network.address_pools.len(), 1);
    assert_eq!((by_file.containers.ulimits[0].soft, by_file.containers.ulimits[0].hard), (1, 2));
}

#[test]
fn mistakes_are_told_in_dockerd_s_words() {
    let prefix = "unable to configure the Docker daemon with file FILE: ";
    for (args, file, text) in [
        (
            &["--debug"][..],
            r#"{"debug":false}"#,
            "the following directives are specified both as a flag and in the configuration file: debug: (from flag: true, from file: false)",
        ),
        (
            &["-H", "unix:///a"],
            r#"{"hosts":["unix:///b"]}"#,
            "the following directives are specified both as a flag and in the configuration file: hosts: (from flag: [unix:///a], from file: [unix:///b])",
        ),
        (&[], r#"{"foo":1}"#, "the following directives don't match any configuration option: foo"),
        (&[], r#"{"debug":"x"}"#, "invalid value for \"debug\": \"x\""),
    ] {
        assert_eq!(ask(args, file).unwrap_err().to_string(), format!("{prefix}{text}"));
    }
    for args in [
        &["--bip=x"][..],
        &["--log-level=loud"],
        &["--log-format=xml"],
        &["--default-address-pool=base=10.0.0.0/16,size=8"],
        &["--default-ulimit=nofile=2:1"],
        &["--default-shm-size=1x"],
        &["--label=a"],
        &["--registry-mirror=m"],
        &["--mtu=-1"],
        &["--userns-remap=default"],
        &["--authorization-plugin=x"],
    ] {
        assert!(ask(args, "{}").is_err(), "{args:?}");
    }
    assert!(read(["--config-file=/nonexistent/daemon.json".to_owned()]).is_err());
}

#[test]
fn what_means_nothing_here_is_named() {
    let config = config(
        &["--containerd=/x", "--iptables=false", "--selinux-enabled=false"],
        r#"{"storage-driver":"overlay2"}"#,
    );
    assert_eq!(config.ignored, ["containerd", "iptables", "storage-driver"]);
}

#[test]
fn validate_stops_after_reading() {
    assert!(matches!(ask(&["--validate"], "{}").unwrap(), Asked::Validate));
    assert!(ask(&["--validate"], "{").is_err());
    assert!(matches!(read(["-v".to_owned()]).unwrap(), Asked::Version));
}

#[test]
fn runtimes_are_read_from_both_places() {
    let file = r#"{"runtimes": {"a": {"path": "/bin/a", "runtimeArgs": ["--x"]},
        "b": {"runtimeType": "io.containerd.runc.v2", "options": {"BinaryName": "/bin/b"}}}, "default-runtime": "a"}"#;
    let config = config(&[], file);
    let program = |name: &str| config.containers.runtimes[name].program.clone();
    assert_eq!((program("a"), program("b")), (Some("/bin/a".into()), Some("/bin/b".into())));
    assert_eq!(config.containers.runtimes["a"].args, ["--x"]);
    assert_eq!(config.containers.default_runtime, "a");
    for (args, file, text) in [
        (&["--add-runtime=runc=/x"][..], "{}", "runtime name 'runc' is reserved"),
        (&["--default-runtime=no"], "{}", "specified default runtime 'no' does not exist"),
        (&["--add-runtime=x"], "{}", "the flag value must be of the form name=path"),
        (&[], r#"{"runtimes": {"x": {}}}"#, "runtime x: either a runtimeType or a path must be configured"),
        (&[], r#"{"runtimes": {"x": {"runtimeType": "io.containerd.kata.v2"}}}"#, "is not supported"),
    ] {
        let error = ask(args, file).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}
