//! Log files: their options, their attributes, and what rotation leaves of them.

use std::path::PathBuf;

use testkit::{Daemon, wait};

/// The directory of a container's files.
fn directory(daemon: &Daemon, name: &str) -> PathBuf {
    let id = daemon.hythe(["inspect", "-f", "{{.Id}}", name]).ok();
    daemon.data().join("containers").join(id)
}

fn names(directory: &std::path::Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .expect("the log's directory")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("plain"))
        .filter(|name| name.contains("log"))
        .collect();
    names.sort();
    names
}

#[test]
fn rotated_files_are_compressed_and_read_back_whole() {
    let daemon = Daemon::start();
    let expected: Vec<String> = (1..=30_000).map(|n| n.to_string()).collect();
    for (name, driver) in [("json", "json-file"), ("local", "local"), ("ring", "json-file")] {
        let mode = if name == "ring" { "mode=non-blocking" } else { "mode=blocking" };
        daemon
            .hythe([
                "run",
                "-d",
                "--name",
                name,
                "--log-driver",
                driver,
                "--log-opt",
                "max-size=400k",
                "--log-opt",
                "max-file=20",
                "--log-opt",
                "compress=true",
                "--log-opt",
                mode,
                "busybox",
                "sh",
                "-c",
                "seq 1 30000",
            ])
            .ok();
        daemon.hythe(["wait", name]).ok();
        let mut dir = directory(&daemon, name);
        if driver == "local" {
            dir = dir.join("local-logs");
        }
        wait::until_true("all rotated files are compressed", || {
            let names = names(&dir);
            names.iter().any(|name| name.ends_with(".log.2.gz"))
                && names.iter().all(|name| name.ends_with(".gz") || name.ends_with(".log"))
        });
        let packed = names(&dir).into_iter().find(|name| name.ends_with(".log.1.gz")).expect("one");
        testkit::Output::of(
            &mut daemon.sandbox().command("gzip", ["-t".into(), dir.join(packed).into_os_string()]),
        )
        .ok();
        if name != "ring" {
            assert!(daemon.hythe(["logs", name]).ok() == expected.join("\n"), "{name}");
        }
        assert_eq!(daemon.hythe(["logs", "--tail", "25000", name]).ok().lines().count(), 25_000);
    }
}

#[test]
fn labels_variables_and_a_tag_go_into_the_file_and_the_details() {
    let daemon = Daemon::start();
    daemon
        .hythe([
            "run",
            "--name",
            "tagged",
            "--label",
            "com.a=x y",
            "--label",
            "other=1",
            "-e",
            "FOO=bar",
            "-e",
            "FAR=2",
            "-e",
            "NOT=3",
            "--log-opt",
            "labels-regex=^com\\.",
            "--log-opt",
            "env=FOO",
            "--log-opt",
            "env-regex=^FA",
            "--log-opt",
            "tag={{upper .Name}}/{{.ImageName}}/{{.ImageID}}/{{json .DaemonName}}",
            "busybox",
            "echo",
            "hi",
        ])
        .ok();
    let id = daemon.hythe(["inspect", "-f", "{{.Id}}", "tagged"]).ok();
    let file = directory(&daemon, "tagged").join(format!("{id}-json.log"));
    let line = std::fs::read_to_string(file).expect("the log");
    let image = daemon.hythe(["inspect", "-f", "{{.Image}}", "tagged"]).ok();
    let tag = format!("TAGGED/busybox/{}/\\\"docker\\\"", &image[..12]);
    let start = format!(
        "{{\"log\":\"hi\\n\",\"stream\":\"stdout\",\"attrs\":{{\"FAR\":\"2\",\"FOO\":\"bar\",\"com.a\":\"x y\",\"tag\":\"{tag}\"}},\"time\":\""
    );
    assert!(line.starts_with(&start), "{line}\n{start}");
    let details = daemon.hythe(["logs", "--details", "tagged"]).ok();
    assert!(details.starts_with("FAR=2,FOO=bar,com.a=x+y,tag=TAGGED%2Fbusybox%2Fsha256%3A"), "{details}");
    assert!(details.ends_with("%2F%22docker%22 hi"), "{details}");
}

/// The texts, and whether the container can be created with it, are Docker 28.5.2's.
#[test]
fn options_are_refused_when_and_as_docker_does() {
    let daemon = Daemon::start();
    let create = |driver: &str, option: &str| {
        daemon.hythe(["create", "--log-driver", driver, "--log-opt", option, "busybox", "echo"])
    };
    for (driver, option, text) in [
        ("json-file", "x=1", "unknown log opt 'x' for json-file log driver"),
        ("local", "tag=x", "unknown log opt 'tag' for log driver local"),
        ("json-file", "mode=q", "logger: logging mode not supported: q"),
        (
            "json-file",
            "max-buffer-size=1m",
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        ("awslogs", "a=b", "error looking up logging plugin awslogs: plugin \"awslogs\" not found"),
        ("nope", "a=b", "error looking up logging plugin nope: plugin \"nope\" not found"),
    ] {
        assert_eq!(create(driver, option).fails_with(1), format!("Error response from daemon: {text}"));
    }
    for (driver, option, text) in [
        ("json-file", "max-size=q", "invalid size: 'q'"),
        ("local", "max-size=-1", "invalid value for max-size: -1: invalid size: '-1'"),
        ("json-file", "labels-regex=(", "error parsing regexp: missing closing ): `(`"),
        (
            "json-file",
            "tag={{ .Nope}}",
            "template: log-tag:1:3: executing \"log-tag\" at <.Nope>: can't evaluate field Nope in type *logger.Info",
        ),
    ] {
        let id = create(driver, option).ok();
        let error = daemon.hythe(["start", &id]).fails_with(1);
        let begin = "failed to create task for container: failed to initialize logging driver: ";
        assert!(error.contains(&format!("{begin}{text}")), "{error}");
    }
}
