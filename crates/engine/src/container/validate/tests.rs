//! What Docker 28.5 refuses, in its words.

use super::*;
use api::container::PortMap;

fn policy(name: &str, maximum_retry_count: i64) -> RestartPolicy {
    RestartPolicy { name: name.into(), maximum_retry_count }
}

#[test]
fn restart_policies() {
    let table = [
        (policy("", 0), None),
        (policy("on-failure", 3), None),
        (
            policy("foo", 0),
            Some("unknown policy 'foo'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"),
        ),
        (policy("always", 3), Some("maximum retry count can only be used with 'on-failure'")),
        (policy("on-failure", -3), Some("maximum retry count cannot be negative")),
    ];
    for (policy, text) in table {
        let expected = text.map(|text| format!("invalid restart policy: {text}"));
        assert_eq!(restart_policy(&policy).err().map(|error| error.to_string()), expected, "{policy:?}");
    }
}

#[test]
fn host_settings() {
    let with = |change: fn(&mut HostConfig)| {
        let mut host = HostConfig::default();
        change(&mut host);
        host
    };
    let table = [
        (with(|host| host.ipc_mode = "foo".into()), "invalid IPC mode: foo"),
        (with(|host| host.ipc_mode = "container:".into()), "invalid IPC mode: container:"),
        (with(|host| host.pid_mode = "foo".into()), "invalid PID mode: foo"),
        (with(|host| host.uts_mode = "foo".into()), "invalid UTS mode: foo"),
        (with(|host| host.cgroupns_mode = "foo".into()), "invalid cgroup namespace mode: foo"),
        (
            with(|host| host.oom_score_adj = 5000),
            "Invalid value 5000, range for oom score adj is [-1000, 1000]",
        ),
        (with(|host| host.isolation = "x".into()), "invalid isolation (x): linux only supports 'default'"),
        (with(|host| host.extra_hosts = Some(vec!["foo".into()])), "bad format for add-host: \"foo\""),
        (
            with(|host| host.extra_hosts = Some(vec!["a\nb:1.2.3.4".into()])),
            "bad format for add-host: \"a\nb:1.2.3.4\"",
        ),
        (
            with(|host| {
                host.network_mode = "container:x".into();
                host.port_bindings = Some(PortMap::from([("80/tcp".into(), None)]));
            }),
            "conflicting options: port publishing and the container type network mode",
        ),
        (
            with(|host| {
                host.auto_remove = true;
                host.restart_policy.name = "always".into();
            }),
            "can't create 'AutoRemove' container with restart policy",
        ),
    ];
    for (settings, text) in table {
        assert_eq!(host(&settings, &Config::default()).unwrap_err().to_string(), text);
    }
    host(&HostConfig::default(), &Config::default()).unwrap();
}

#[test]
fn portable_settings() {
    let base = Config::default;
    let health = |interval| Some(HealthConfig { interval, ..HealthConfig::default() });
    let table = [
        (Config { env: Some(vec!["=x".into()]), ..base() }, "invalid environment variable: =x"),
        (
            Config { working_dir: "relative".into(), ..base() },
            "the working directory 'relative' is invalid, it needs to be an absolute path",
        ),
        (Config { stop_signal: "FOO".into(), ..base() }, "invalid signal: FOO"),
        (Config { healthcheck: health(1000), ..base() }, "Interval in Healthcheck cannot be less than 1ms"),
        (Config { env: Some(vec!["A=\0".into()]), ..base() }, "invalid argument: null byte"),
    ];
    for (settings, text) in table {
        assert_eq!(config(&settings).unwrap_err().to_string(), text);
    }
    config(&base()).unwrap();
}

#[test]
fn extra_hosts_take_both_separators() {
    let table = [
        ("a:1.2.3.4", ("a", "1.2.3.4")),
        ("a=::1", ("a", "::1")),
        ("a:[::1]", ("a", "::1")),
        ("a:host-gateway", ("a", "host-gateway")),
    ];
    for (entry, expected) in table {
        assert_eq!(split_extra_host(entry).unwrap(), expected);
    }
}
