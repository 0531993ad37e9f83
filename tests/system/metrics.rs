//! `--metrics-addr`: figures for Prometheus under Docker's names.

use testkit::{Daemon, Options, Output};

#[test]
fn figures_follow_what_happens() {
    let flags = vec!["--metrics-addr=127.0.0.1:9323".to_owned()];
    let daemon = Daemon::with(Options { flags, images: vec!["busybox"], ..Options::default() });
    let scrape = || {
        let args = ["-s", "-f", "http://127.0.0.1:9323/metrics"];
        Output::of(&mut daemon.sandbox().command("curl", args)).ok()
    };
    let value = |text: &str, name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse().expect("a number")
    };
    daemon.hythe(["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["run", "-d", "--name", "two", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["pause", "two"]).ok();
    daemon.hythe(["create", "--name", "three", "busybox", "true"]).ok();
    let text = scrape();
    for (state, count) in [("running", 1.0), ("paused", 1.0), ("stopped", 1.0)] {
        let name = format!("engine_daemon_container_states_containers{{state=\"{state}\"}}");
        assert_eq!(value(&text, &name), count, "{state}");
    }
    for (action, count) in [("create", 3.0), ("start", 2.0), ("delete", 0.0)] {
        let name = format!("engine_daemon_container_actions_seconds_count{{action=\"{action}\"}}");
        assert_eq!(value(&text, &name), count, "{action}");
        let sum =
            value(&text, &format!("engine_daemon_container_actions_seconds_sum{{action=\"{action}\"}}"));
        assert_eq!(sum > 0.0, count > 0.0, "{action}");
    }
    for (action, count) in [("allocate", 2.0), ("connect", 2.0), ("release", 0.0)] {
        let name = format!("engine_daemon_network_actions_seconds_count{{action=\"{action}\"}}");
        assert_eq!(value(&text, &name), count, "{action}");
    }
    for (action, count) in [("load", 1.0), ("pull", 0.0), ("delete", 0.0)] {
        let name = format!("engine_daemon_image_actions_seconds_count{{action=\"{action}\"}}");
        assert_eq!(value(&text, &name), count, "{action}");
    }
    assert!(value(&text, "engine_daemon_events_total") >= 6.0);
    assert!(value(&text, "engine_daemon_engine_cpus_cpus") >= 1.0);
    assert!(value(&text, "engine_daemon_engine_memory_bytes") > 1e6);
    assert!(value(&text, "process_resident_memory_bytes") > 1e5);
    assert!(text.contains("engine_daemon_engine_info{architecture=\""));
    daemon.hythe(["rm", "-f", "one", "two", "three"]).ok();
    let after = scrape();
    assert_eq!(value(&after, "engine_daemon_container_actions_seconds_count{action=\"delete\"}"), 3.0);
    assert_eq!(value(&after, "engine_daemon_network_actions_seconds_count{action=\"release\"}"), 2.0);
    // What Prometheus itself would refuse: a metric without a type, or one that is told twice.
    let mut names: Vec<&str> =
        after.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split(' ').next()).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    let args = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:9323/other"];
    assert_eq!(Output::of(&mut daemon.sandbox().command("curl", args)).ok(), "404");
}
