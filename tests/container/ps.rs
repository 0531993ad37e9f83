//! `ps`: what runs, what has run, and how it is shown.

use testkit::Daemon;

#[test]
fn shows_running_ones_and_all_with_a() {
    let daemon = Daemon::start();
    let id = daemon.hythe(["run", "-d", "--name", "up", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["run", "--name", "down", "busybox", "sh", "-c", "exit 3"]).fails_with(3);
    assert_eq!(daemon.hythe(["ps", "-q", "--no-trunc"]).ok(), id);
    assert_eq!(
        daemon.hythe(["ps", "-a", "--format", "{{.Names}} {{.Image}} {{.State}}"]).ok(),
        "down busybox exited\nup busybox running"
    );
    let table = daemon.hythe(["ps", "-a"]).ok();
    assert!(table.starts_with("CONTAINER ID   IMAGE     COMMAND"), "{table}");
    assert!(table.contains("Exited (3) "), "{table}");
    assert!(table.contains("\"sleep 1000\""), "{table}");
    // Same daemon, same moment, both clients: the same table.
    let (ours, theirs) =
        (daemon.hythe(["ps", "-a", "--no-trunc"]).ok(), daemon.docker(["ps", "-a", "--no-trunc"]).ok());
    let without_ages = |table: &str| {
        table
            .lines()
            .map(|line| line.split_whitespace().take(4).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(without_ages(&ours), without_ages(&theirs));
}

#[test]
fn filters() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "web-1", "--label", "tier=web", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["create", "--name", "db-1", "--label", "tier=db", "busybox"]).ok();
    let names = |filter: &str| daemon.hythe(["ps", "-a", "--filter", filter, "--format", "{{.Names}}"]).ok();
    assert_eq!(names("name=web"), "web-1");
    assert_eq!(names("label=tier=db"), "db-1");
    assert_eq!(names("label=tier"), "db-1\nweb-1");
    assert_eq!(names("status=created"), "db-1");
    assert_eq!(names("ancestor=busybox"), "db-1\nweb-1");
    let error = daemon.hythe(["ps", "--filter", "nosuch=1"]).fails_with(1);
    assert!(error.contains("invalid filter 'nosuch'"), "{error}");
}

/// Names are searched by regular expressions, as in Docker.
#[test]
fn a_name_is_a_regular_expression() {
    let daemon = Daemon::start();
    for name in ["web1", "web2", "db"] {
        daemon.hythe(["create", "--name", name, "busybox"]).ok();
        daemon.hythe(["volume", "create", name]).ok();
    }
    let found = |filter: &str| {
        let filter = format!("--filter=name={filter}");
        let names = daemon.hythe(["ps", "-a", &filter, "--format={{.Names}}"]).ok();
        let mut sorted: Vec<&str> = names.lines().collect();
        sorted.sort_unstable();
        assert_eq!(daemon.hythe(["volume", "ls", &filter, "-q"]).ok(), sorted.join("\n"), "{filter}");
        names
    };
    assert_eq!(found("^web[12]$"), "web2\nweb1");
    assert_eq!(found("db|web1"), "db\nweb1");
    assert_eq!(found("w.b"), "web2\nweb1");
    assert_eq!(found("eb"), "web2\nweb1");
    assert_eq!(found("^eb"), "");
    assert_eq!(found("["), "");
    daemon.hythe(["rm", "web1", "web2", "db"]).ok();
    daemon.hythe(["volume", "rm", "web1", "web2", "db"]).ok();
}
