//! Remote log drivers, each against a real receiver of its protocol.

use receivers::{Journal, Receiver, lines, members};
use testkit::{Daemon, Options, Output, Sandbox, wait};

#[path = "logs_remote/receivers.rs"]
mod receivers;

/// `run -d` with a driver and options.
fn run(daemon: &Daemon, name: &str, driver: &str, options: &[&str], script: &str) -> Output {
    let mut args = vec!["run", "-d", "--name", name, "--log-driver", driver];
    for option in options {
        args.extend(["--log-opt", option]);
    }
    args.extend(["busybox", "sh", "-c", script]);
    daemon.hythe(args)
}

fn numbers(to: usize) -> Vec<String> {
    (1..=to).map(|n| n.to_string()).collect()
}

/// The last words of all lines.
fn last_words(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| line.rsplit(' ').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn syslog_reaches_rsyslog_on_every_kind_of_socket() {
    let daemon = Daemon::start();
    let dir = daemon.scratch();
    let rsyslog = Receiver::rsyslog(daemon.sandbox(), &dir);
    let unix = format!("syslog-address=unixgram://{}/log.sock", dir.display());
    let stream = format!("syslog-address=unix://{}/stream.sock", dir.display());
    let ca = format!("syslog-tls-ca-cert={}/cert.pem", dir.display());
    let mut expected = 0;
    for (name, options) in [
        ("udp", vec!["syslog-address=udp://127.0.0.1:5514", "syslog-format=rfc3164"]),
        (
            "tcp",
            vec!["syslog-address=tcp://127.0.0.1:5515", "syslog-format=rfc5424", "syslog-facility=local3"],
        ),
        ("micro", vec!["syslog-address=tcp://127.0.0.1:5515", "syslog-format=rfc5424micro"]),
        ("tls", vec!["syslog-address=tcp+tls://localhost:5516", "syslog-format=rfc5424", &ca]),
        ("gram", vec![&unix]),
        ("stream", vec![&stream, "syslog-format=rfc5424"]),
    ] {
        let mut options = options;
        options.push("tag=tag-{{.Name}}");
        run(&daemon, name, "syslog", &options, "echo out of $HOSTNAME; echo; echo err >&2").ok();
        expected += 2;
        let lines = rsyslog.wait_for(expected);
        let facility = if name == "tcp" { "local3" } else { "daemon" };
        let own: Vec<&String> = lines.iter().filter(|line| line.contains(&format!("tag-{name}"))).collect();
        assert_eq!(own.len(), 2, "{name}: {lines:?}");
        let has =
            |start: String, end: &str| own.iter().any(|line| line.starts_with(&start) && line.contains(end));
        assert!(has(format!("{facility}.info tag-{name} 20"), "out of "), "{own:?}");
        assert!(has(format!("{facility}.err tag-{name} 20"), "err"), "{own:?}");
        // The local copy answers `logs`.
        let output = daemon.hythe(["logs", name]);
        assert!(output.stdout.starts_with("out of") && output.stderr == "err\n", "{output:?}");
    }
    assert_eq!(rsyslog.lines().len(), expected, "an empty line is not sent");
}

/// The promise about daemons: none of its ends loses a line, and none holds the container up.
#[test]
fn delivery_survives_killed_daemons_and_a_receiver_that_is_away() {
    let mut daemon = Daemon::start();
    let dir = daemon.scratch();
    let rsyslog = Receiver::rsyslog(daemon.sandbox(), &dir);
    let go = dir.join("go");
    std::fs::create_dir(&go).expect("make the directory");
    let script = "for part in 1 2 3 4; do while ! [ -e /go/$part ]; do sleep 0.02; done; \
                  seq $((part * 500 - 499)) $((part * 500)); touch /go/done$part; done";
    let mount = format!("{}:/go", go.display());
    daemon
        .hythe([
            "run",
            "-d",
            "--name",
            "counts",
            "-v",
            &mount,
            "--log-driver",
            "syslog",
            "--log-opt",
            "syslog-address=tcp://127.0.0.1:5515",
            "busybox",
            "sh",
            "-c",
            script,
        ])
        .ok();
    let part = |n: u32| {
        std::fs::write(go.join(n.to_string()), "").expect("go");
        wait::until_true("the container has written", || go.join(format!("done{n}")).exists());
    };
    part(1);
    rsyslog.wait_for(500);
    // Killed as it sends; written without a daemon; another one goes on.
    part(2);
    daemon.kill();
    part(3);
    daemon.boot();
    rsyslog.wait_for(1500);
    // Without a receiver: the container goes on and ends.
    let out = rsyslog.out.clone();
    drop(rsyslog);
    part(4);
    assert_eq!(daemon.hythe(["wait", "counts"]).ok(), "0");
    daemon.stop();
    daemon.boot();
    let _rsyslog = Receiver::rsyslog(daemon.sandbox(), &dir);
    wait::until_true("all is delivered", || last_words(&lines(&out)).contains(&"2000".to_owned()));
    let mut got: Vec<usize> =
        last_words(&lines(&out)).iter().map(|word| word.parse().expect("a number")).collect();
    // What was on its way when a daemon was killed may come twice; nothing is missing.
    got.sort_unstable();
    got.dedup();
    assert_eq!(got, (1..=2000).collect::<Vec<_>>());
    assert_eq!(daemon.hythe(["logs", "counts"]).ok().lines().count(), 2000);
}

/// The other side of that promise: what a receiver that is away costs is bounded, and what was lost is told.
#[test]
fn a_flood_without_a_receiver_keeps_its_end_in_a_cache_of_bounded_size() {
    const LINES: usize = 200_000;
    let daemon = Daemon::start();
    let options =
        ["fluentd-async=true", "fluentd-retry-wait=10ms", "cache-max-size=100k", "cache-max-file=3"];
    run(&daemon, "flood", "fluentd", &options, &format!("seq 1 {LINES}")).ok();
    assert_eq!(daemon.hythe(["wait", "flood"]).ok(), "0");
    let id = daemon.hythe(["inspect", "-f", "{{.Id}}", "flood"]).ok();
    let du = ["-sk", "--apparent-size", &format!("{}/containers/{id}", daemon.data().display())];
    let kilobytes = Output::of(std::process::Command::new("du").args(du)).ok();
    let kilobytes: usize =
        kilobytes.split_whitespace().next().and_then(|text| text.parse().ok()).expect("a size");
    assert!(kilobytes < 400, "the cache takes {kilobytes} kB");
    // The end is there, whole.
    let kept: Vec<usize> =
        daemon.hythe(["logs", "flood"]).ok().lines().map(|line| line.parse().expect("a number")).collect();
    let first = *kept.first().expect("a line");
    assert!(first > 1 && kept == (first..=LINES).collect::<Vec<_>>(), "from {first}, {} lines", kept.len());
    let forward = Receiver::python(daemon.sandbox(), &daemon.scratch(), &["forward", "24224"]);
    wait::until_true("the end arrives", || {
        members(&forward.lines(), "log").last().is_some_and(|last| *last == LINES.to_string())
    });
    let got: Vec<usize> =
        members(&forward.lines(), "log").iter().map(|line| line.parse().expect("a number")).collect();
    let since = got.iter().rposition(|number| *number < first).map_or(0, |at| at + 1);
    assert_eq!(got[since..], (first..=LINES).collect::<Vec<_>>(), "what was kept arrives, once and in order");
    assert!(daemon.log().contains("lines were thrown away before they could be sent"), "{}", daemon.log());
}

#[test]
fn a_receiver_that_is_down_stops_a_start_where_docker_stops_it() {
    let daemon = Daemon::start();
    for (driver, options, text) in [
        (
            "syslog",
            vec!["syslog-address=tcp://127.0.0.1:9"],
            "dial tcp 127.0.0.1:9: connect: connection refused",
        ),
        ("fluentd", vec!["fluentd-address=127.0.0.1:9"], "dial tcp 127.0.0.1:9: connect: connection refused"),
        (
            "gelf",
            vec!["gelf-address=tcp://127.0.0.1:9"],
            "gelf: cannot connect to GELF endpoint: 127.0.0.1:9 dial tcp 127.0.0.1:9: connect: connection refused",
        ),
    ] {
        let error = run(&daemon, driver, driver, &options, "true").fails_with(125);
        let begin = "failed to create task for container: failed to initialize logging driver: ";
        assert!(error.contains(&format!("{begin}{text}")), "{error}");
    }
    for (name, driver, options) in [
        ("gram", "gelf", vec!["gelf-address=udp://127.0.0.1:12201"]),
        ("async", "fluentd", vec!["fluentd-async=true", "fluentd-retry-wait=10ms"]),
        ("ring", "fluentd", vec!["fluentd-async=true", "fluentd-retry-wait=10ms", "mode=non-blocking"]),
    ] {
        run(&daemon, name, driver, &options, "seq 1 5000").ok();
        assert_eq!(daemon.hythe(["wait", name]).ok(), "0");
        assert_eq!(daemon.hythe(["logs", "--tail", "1", name]).ok(), "5000");
    }
    let error = run(&daemon, "refused", "syslog", &["x=1"], "true").fails_with(125);
    assert!(error.contains("unknown log opt 'x' for syslog log driver"), "{error}");
    // What has waited goes out when somebody is there, also of containers that are gone.
    daemon.hythe(["rm", "gram", "ring"]).ok();
    let dir = daemon.scratch();
    let _gelf = Receiver::python(daemon.sandbox(), &dir, &["gelf-udp", "12201"]);
    let forward = Receiver::python(daemon.sandbox(), &dir, &["forward", "24224"]);
    wait::until_true("the waiting log arrives", || {
        let own: Vec<String> =
            forward.lines().into_iter().filter(|line| line.contains("\"/async\"")).collect();
        members(&own, "log") == numbers(5000)
    });
    wait::until_true("logs of removed containers are sent and gone", || {
        std::fs::read_dir(daemon.data().join("log-spool")).is_ok_and(|left| left.count() == 1)
    });
}

#[test]
fn without_the_cache_logs_cannot_be_read_and_arrive_all_the_same() {
    let daemon = Daemon::start();
    let gelf = Receiver::python(daemon.sandbox(), &daemon.scratch(), &["gelf-tcp", "12201"]);
    run(&daemon, "blind", "gelf", &["gelf-address=tcp://127.0.0.1:12201", "cache-disabled=true"], "seq 1 10")
        .ok();
    assert_eq!(members(&gelf.wait_for(10), "short_message"), numbers(10));
    let error = daemon.hythe(["logs", "blind"]).fails_with(1);
    assert!(error.contains("configured logging driver does not support reading"), "{error}");
}

#[test]
fn gelf_messages_arrive_by_udp_in_every_packing_and_by_tcp() {
    let daemon = Daemon::start();
    let dir = daemon.scratch();
    let udp = Receiver::python(daemon.sandbox(), &dir, &["gelf-udp", "12201"]);
    let script = "echo short; head -c 15000 /dev/urandom | hexdump -v -e '/1 \"%02x\"' | head -c 15000; echo; echo err >&2";
    let mut expected = 0;
    for packing in ["gzip", "zlib", "none"] {
        let option = format!("gelf-compression-type={packing}");
        run(
            &daemon,
            packing,
            "gelf",
            &["gelf-address=udp://127.0.0.1:12201", &option, "tag={{.Name}}"],
            script,
        )
        .ok();
        expected += 3;
        let lines = udp.wait_for(expected);
        let own: Vec<String> = lines.into_iter().skip(expected - 3).collect();
        assert!(members(&own, "_tag").iter().all(|tag| tag == packing), "{own:?}");
        let mut lengths: Vec<usize> = members(&own, "short_message").iter().map(String::len).collect();
        lengths.sort_unstable();
        assert_eq!(lengths, [3, 5, 15_000]);
        let mut levels = members(&own, "level");
        levels.sort_unstable();
        assert_eq!(levels, ["3", "6", "6"]);
    }
    let tcp = Receiver::python(daemon.sandbox(), &dir, &["gelf-tcp", "12202"]);
    let options = ["gelf-address=tcp://127.0.0.1:12202", "gelf-tcp-max-reconnect=5", "labels=a", "env=B"];
    let mut args = vec!["run", "-d", "--name", "tcp", "--label", "a=1", "-e", "B=2", "--log-driver", "gelf"];
    options.iter().for_each(|option| args.extend(["--log-opt", option]));
    daemon.hythe(args.into_iter().chain(["busybox", "sh", "-c", "seq 1 1000"])).ok();
    let lines = tcp.wait_for(1000);
    assert_eq!(members(&lines, "short_message"), numbers(1000));
    for (key, value) in [("_a", "1"), ("_B", "2"), ("_container_name", "tcp"), ("_image_name", "busybox")] {
        assert_eq!(members(&lines[..1], key), [value]);
    }
}

#[test]
fn fluentd_gets_records_with_times_acknowledges_them_and_gets_again_what_it_lost() {
    let daemon = Daemon::start();
    let dir = daemon.scratch();
    let plain = Receiver::python(daemon.sandbox(), &dir, &["forward", "24224"]);
    let script = "echo one; echo; head -c 20000 /dev/zero | tr '\\0' x; echo";
    run(&daemon, "plain", "fluentd", &["tag=app.{{.Name}}", "fluentd-sub-second-precision=true"], script)
        .ok();
    let lines = plain.wait_for(4);
    assert_eq!(members(&lines, "tag"), ["app.plain"; 4]);
    assert_eq!(members(&lines, "container_name"), ["/plain"; 4]);
    assert_eq!(members(&lines, "log")[..2], ["one", ""]);
    assert_eq!(members(&lines[2..], "partial_ordinal"), ["1", "2"]);
    assert_eq!(members(&lines[2..], "partial_last"), ["false", "true"]);
    assert!(members(&lines, "time")[0].contains('.'));
    drop(plain);

    std::fs::remove_file(dir.join("forward.json")).expect("the records");
    let path = format!("{}/forward.sock", dir.display());
    let dropping = Receiver::python(daemon.sandbox(), &dir, &["forward", &path, "drop"]);
    let address = format!("fluentd-address=unix://{path}");
    let options = [address.as_str(), "fluentd-request-ack=true", "fluentd-retry-wait=10ms"];
    run(&daemon, "acked", "fluentd", &options, "seq 1 300").ok();
    let mut got = members(&dropping.wait_for(300), "log");
    got.dedup();
    assert_eq!(got, numbers(300));
}

#[test]
fn fluentd_over_tls_trusts_the_systems_authorities_only() {
    let sandbox = Sandbox::new();
    let dir = tempfile::tempdir().expect("a directory");
    receivers::certificate(dir.path(), false);
    let file = |name: &str| dir.path().join(name).display().to_string();
    let daemon = Daemon::within(sandbox, Options { images: vec!["busybox"], ..Options::default() });
    let args = ["forward", "24224", &file("cert.pem"), &file("key.pem")];
    let forward = Receiver::python(daemon.sandbox(), dir.path(), &args);
    let options = ["fluentd-address=tls://localhost:24224", "fluentd-async=true", "fluentd-retry-wait=10ms"];
    run(&daemon, "secret", "fluentd", &options, "seq 1 20").ok();
    wait::until_true("the certificate is refused", || daemon.log().contains("log receiver lost"));
    assert_eq!(forward.lines().len(), 0);
    let script = format!("mount --bind {} /etc/ssl/certs/ca-certificates.crt", file("cert.pem"));
    Output::of(&mut daemon.sandbox().command("sh", ["-c", &script])).ok();
    // The files are read again for each try.
    assert_eq!(members(&forward.wait_for(20), "log"), numbers(20));
    let script = "umount /etc/ssl/certs/ca-certificates.crt";
    Output::of(&mut daemon.sandbox().command("sh", ["-c", script])).ok();
}

#[test]
fn journald_has_entries_with_dockers_fields_also_large_ones() {
    let sandbox = Sandbox::new();
    receivers::own_run(&sandbox);
    let daemon = Daemon::within(sandbox, Options { images: vec!["busybox"], ..Options::default() });
    let refused = run(&daemon, "early", "journald", &[], "true").fails_with(125);
    assert!(refused.contains("failed to initialize logging driver: journald is not enabled on this host"));
    let journal = Journal::start(&daemon);
    let script = "echo hello; echo bad >&2; head -c 20000 /dev/zero | tr '\\0' x; echo";
    // Together too large for a datagram.
    let big = "L".repeat(100_000);
    let mut args = vec!["run", "-d", "--name", "speaks", "--log-driver", "journald"];
    let labels = ["big1", "big2", "big3"].map(|name| format!("{name}={big}"));
    labels.iter().for_each(|label| args.extend(["--label", label]));
    args.extend(["--log-opt", "labels-regex=^big", "--log-opt", "tag=t-{{.Name}}"]);
    daemon.hythe(args.into_iter().chain(["busybox", "sh", "-c", script])).ok();
    wait::until_true("the journal has it all", || journal.entries("speaks").len() == 4);
    let entries = journal.entries("speaks");
    let id = daemon.hythe(["inspect", "-f", "{{.Id}}", "speaks"]).ok();
    for (key, value) in [
        ("CONTAINER_ID_FULL", id.as_str()),
        ("CONTAINER_ID", &id[..12]),
        ("CONTAINER_TAG", "t-speaks"),
        ("SYSLOG_IDENTIFIER", "t-speaks"),
        ("IMAGE_NAME", "busybox"),
        ("BIG3", &big),
    ] {
        assert!(members(&entries, key).iter().all(|have| have == value), "{key}");
    }
    let find = |message: &str| {
        let all = members(&entries, "MESSAGE");
        entries[all.iter().position(|have| have == message).expect("an entry")].clone()
    };
    assert_eq!(members(&[find("hello")], "PRIORITY"), ["6"]);
    assert_eq!(members(&[find("bad")], "PRIORITY"), ["3"]);
    assert_eq!(members(&[find(&"x".repeat(16_384))], "CONTAINER_PARTIAL_MESSAGE"), ["true"]);
    assert_eq!(members(&[find(&"x".repeat(3616))], "CONTAINER_PARTIAL_LAST"), ["true"]);
}

/// `--rm` takes the container away as soon as it has ended: its log arrives all the same, even by the next daemon.
#[test]
fn the_log_of_a_removed_container_is_sent_to_its_end() {
    let mut daemon = Daemon::start();
    let options = [
        "--log-driver",
        "fluentd",
        "--log-opt",
        "fluentd-async=true",
        "--log-opt",
        "fluentd-retry-wait=10ms",
    ];
    let run = ["run", "--rm"].into_iter().chain(options).chain(["busybox", "sh", "-c", "seq 1 100"]);
    daemon.hythe(run).ok();
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
    daemon.kill();
    daemon.boot();
    let dir = daemon.scratch();
    let forward = Receiver::python(daemon.sandbox(), &dir, &["forward", "24224"]);
    assert_eq!(members(&forward.wait_for(100), "log"), numbers(100));
    let spool = daemon.data().join("log-spool");
    wait::until_true("nothing is left", || {
        std::fs::read_dir(&spool).is_ok_and(|mut left| left.next().is_none())
    });
}
