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
fn keys_of_other_times() {
    let gateway = config(&[], r#"{"host-gateway-ip":"1.2.3.4","allow-nondistributable-artifacts":["x"]}"#);
    assert_eq!(gateway.network.host_gateway_ips, ["1.2.3.4".parse::<IpAddr>().unwrap()]);
    assert!(ask(&[], "null").is_ok());
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
        "--max-concurrent-downloads=5",
        "--max-concurrent-uploads=6",
        "--max-download-attempts=7",
    ];
    let file = r#"{"hosts":["unix:///a"],"data-root":"/d","bip":"10.1.0.1/24",
        "default-address-pools":[{"base":"10.2.0.0/16","size":24}],"registry-mirrors":["http://m"],
        "insecure-registries":["r:5000"],"default-ulimits":{"nofile":{"Name":"nofile","Soft":1,"Hard":2}},
        "log-opts":{"max-size":"1m"},"default-shm-size":"32m","icc":false,"labels":["a=b"],
        "proxies":{"http-proxy":"http://p"},"mtu":1400,
        "max-concurrent-downloads":5,"max-concurrent-uploads":6,"max-download-attempts":7}"#;
    let (by_flags, by_file) = (config(&flags, "{}"), config(&[], file));
    assert_eq!(format!("{by_flags:?}"), format!("{by_file:?}"));
    assert_eq!(by_file.containers.shm_size, 32 << 20);
    assert_eq!(by_file.network.address_pools.len(), 1);
    assert_eq!((by_file.containers.ulimits[0].soft, by_file.containers.ulimits[0].hard), (1, 2));
    let registry = &by_file.registry;
    assert_eq!((registry.downloads, registry.uploads, registry.retry.attempts), (5, 6, 7));
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
        &["--rootless"],
        &["--authorization-plugin=x"],
    ] {
        assert!(ask(args, "{}").is_err(), "{args:?}");
    }
    assert!(read(["--config-file=/nonexistent/daemon.json".to_owned()]).is_err());
}

/// What `dockerd --validate` of 28.5.2 said to the same files.
#[test]
fn files_are_refused_in_dockerd_s_words() {
    let merged = "merged configuration validation from file and command line flags failed: ";
    for (file, inside, text) in [
        (
            r#"{"nosuch":1,"other":2}"#,
            "",
            "the following directives don't match any configuration option: nosuch, other",
        ),
        (
            r#"{"proxies":{"http-proxy":"http://x","nosuch":"y"}}"#,
            "",
            "the following directives don't match any configuration option: nosuch",
        ),
        ("{", "", "invalid JSON: unexpected end of JSON input"),
        ("{} {}", "", "invalid JSON: invalid character '{' after top-level value"),
        (
            r#"{"debug":"yes"}"#,
            "",
            "invalid JSON: json: cannot unmarshal string into Go struct field Config.debug of type bool",
        ),
        (
            r#"{"mtu":"x"}"#,
            "",
            "invalid JSON: json: cannot unmarshal string into Go struct field Config.mtu of type int",
        ),
        (
            r#"{"features":{"x":"y"}}"#,
            "",
            "invalid JSON: json: cannot unmarshal string into Go struct field Config.features.x of type bool",
        ),
        (r#"{"log-level":"x"}"#, merged, "invalid logging level: x"),
        (r#"{"log-format":"x"}"#, merged, "invalid log format: x"),
        (
            r#"{"default-ipc-mode":"x"}"#,
            merged,
            "default IPC mode setting (x) is invalid; use \"shareable\" or \"private\"",
        ),
        (
            r#"{"default-cgroupns-mode":"x"}"#,
            merged,
            "invalid default cgroup namespace (x): use \"host\" or \"private\"",
        ),
        (r#"{"labels":["a"]}"#, merged, "bad attribute format: a"),
        (r#"{"max-concurrent-downloads":-1}"#, merged, "invalid max concurrent downloads: -1"),
        (r#"{"max-concurrent-uploads":-1}"#, merged, "invalid max concurrent uploads: -1"),
        (r#"{"max-download-attempts":-1}"#, merged, "invalid max download attempts: -1"),
        (r#"{"dns-search":["-x"]}"#, merged, "-x is not a valid domain"),
        (
            r#"{"registry-mirrors":["x"]}"#,
            merged,
            "invalid mirror: no scheme specified for \"x\": must use either 'https://' or 'http://'",
        ),
        (r#"{"hosts":["foo:///a"]}"#, merged, "invalid bind address (foo:///a): unsupported proto 'foo'"),
        (r#"{"exec-opts":["x=y"]}"#, merged, "invalid exec-opt (x=y): unknown option: 'x'"),
    ] {
        let error = ask(&["--validate"], file).unwrap_err().to_string();
        let prefix = "unable to configure the Docker daemon with file FILE: ";
        assert_eq!(error, format!("{prefix}{inside}{text}"), "{file}");
    }
    let error = ask(&[], r#"{"labels":["a=b","a=c"]}"#).unwrap_err();
    assert_eq!(error.message(), "conflict labels for a=c and a=b");
}

#[test]
fn values_that_mean_nothing_are_refused() {
    let merged = "merged configuration validation from file and command line flags failed: ";
    for (file, inside, text) in [
        (
            r#"{"labels":["com.docker.x=b"]}"#,
            merged,
            "label com.docker.x=b is not allowed: the namespaces com.docker.*, io.docker.*, and org.dockerproject.* are \
             reserved for internal use",
        ),
        (r#"{"default-gateway":"x"}"#, merged, "invalid IP address: x"),
        (r#"{"default-gateway-v6":"x"}"#, merged, "invalid IP address: x"),
        (r#"{"host-gateway-ip":"x"}"#, merged, "invalid IP address: x"),
        (r#"{"fixed-cidr-v6":"x"}"#, merged, "invalid fixed-cidr-v6: x"),
        (r#"{"default-shm-size":64}"#, "invalid JSON: ", "invalid size: \"64\""),
        (
            r#"{"log-opts":{"max-size":5}}"#,
            "invalid JSON: ",
            "json: cannot unmarshal number into Go struct field Config.log-opts.max-size of type string",
        ),
        (
            "[]",
            "invalid JSON: ",
            "json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
        ("{bad", "invalid JSON: ", "invalid character 'b' looking for beginning of object key string"),
    ] {
        let error = ask(&["--validate"], file).unwrap_err().to_string();
        let prefix = "unable to configure the Docker daemon with file FILE: ";
        assert_eq!(error, format!("{prefix}{inside}{text}"), "{file}");
    }
}

/// The attributes of dockerd's event for the same file.
#[test]
fn a_reload_tells_what_dockerd_tells() {
    let config = config(
        &[],
        r#"{"labels":["c=d"],"debug":true,"max-concurrent-downloads":7,"max-download-attempts":2,"shutdown-timeout":33,
            "insecure-registries":["foo:5000"],"registry-mirrors":["http://m:5000"],"live-restore":true,
            "features":{"containerd-snapshotter":false}}"#,
    );
    for (key, value) in [
        ("debug", "true"),
        ("default-cgroupns-mode", "host"),
        ("default-ipc-mode", "private"),
        ("default-runtime", "runc"),
        ("default-shm-size", "67108864"),
        ("features", "map[containerd-snapshotter:false]"),
        ("insecure-registries", "[\"foo:5000\"]"),
        ("labels", "[\"c=d\"]"),
        ("live-restore", "true"),
        ("max-concurrent-downloads", "7"),
        ("max-concurrent-uploads", "5"),
        ("max-download-attempts", "2"),
        ("registry-mirrors", "[\"http://m:5000\"]"),
        ("shutdown-timeout", "33"),
    ] {
        assert_eq!(config.shown[key], value, "{key}");
    }
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
