//! Named and anonymous volumes: contents that outlive containers.

use testkit::Daemon;

#[test]
fn outlives_its_containers() {
    let daemon = Daemon::start();
    assert_eq!(daemon.hythe(["volume", "create", "data"]).ok(), "data");
    daemon.hythe(["run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", "echo kept > /d/f"]).ok();
    assert_eq!(daemon.hythe(["run", "--rm", "-v", "data:/d", "busybox", "cat", "/d/f"]).ok(), "kept");
    assert_eq!(daemon.hythe(["volume", "ls", "-q"]).ok(), "data");
    daemon.hythe(["create", "--name", "user", "-v", "data:/d", "busybox"]).ok();
    let error = daemon.hythe(["volume", "rm", "data"]).fails_with(1);
    assert!(error.contains("volume is in use"), "{error}");
    daemon.hythe(["rm", "user"]).ok();
    assert_eq!(daemon.hythe(["volume", "rm", "data"]).ok(), "data");
    assert!(daemon.hythe(["volume", "inspect", "data"]).fails_with(1).contains("no such volume"));
}

#[test]
fn a_new_one_gets_the_images_content_once() {
    let daemon = Daemon::start();
    let script = "stat -c '%a %n' /etc/passwd /etc/group; cat /etc/passwd";
    let plain = daemon.hythe(["run", "--rm", "busybox", "sh", "-c", script]).ok();
    assert_eq!(daemon.hythe(["run", "--rm", "-v", "etc:/etc", "busybox", "sh", "-c", script]).ok(), plain);
    daemon.hythe(["run", "--rm", "-v", "etc:/etc", "busybox", "rm", "/etc/passwd"]).ok();
    assert_eq!(
        daemon.hythe(["run", "--rm", "-v", "etc:/etc", "busybox", "sh", "-c", "test ! -e /etc/passwd"]).code,
        0
    );
    let listing = daemon.hythe(["run", "--rm", "-v", "empty:/etc:nocopy", "busybox", "/bin/ls", "/etc"]).ok();
    assert!(!listing.contains("passwd"), "{listing}");
    daemon.hythe(["volume", "rm", "etc", "empty"]).ok();
}

/// An image says where its volumes are, never what is in them: a colon in their paths is a letter of a name.
#[test]
fn a_volume_of_an_image_is_never_a_directory_of_the_host() {
    let daemon = Daemon::start();
    let host = daemon.scratch();
    std::fs::write(host.join("secret"), "of the host").expect("write");
    let volume = format!("{}:/taken", host.display());
    daemon.hythe(["create", "--name=base", "busybox"]).ok();
    daemon.hythe(["commit", "-c", &format!("VOLUME [{volume:?}]"), "base", "hostile"]).ok();
    daemon.hythe(["run", "-d", "--name=victim", "hostile", "sleep", "1000"]).ok();
    let format = "{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}}{{end}}";
    assert_eq!(daemon.hythe(["inspect", "--format", format, "victim"]).ok(), format!("volume {volume} true"));
    let seen = daemon.hythe(["exec", "victim", "sh", "-c", "ls /taken; cat /taken/secret; true"]);
    assert!(!seen.stdout.contains("secret") && !seen.stdout.contains("of the host"), "{seen:?}");
    // The same from a request of its own.
    let body = format!(r#"{{"Image":"busybox","Volumes":{{"{volume}":{{}},"/a:/b:ro":{{}}}}}}"#);
    let (status, answer) = daemon.api("POST", "/containers/create?name=asked", &body);
    assert_eq!(status, 201, "{answer}");
    let kinds = daemon.hythe(["inspect", "--format={{range .Mounts}}{{.Type}} {{end}}", "asked"]).ok();
    assert_eq!(kinds.trim(), "volume volume");
    daemon.hythe(["rm", "-fv", "base", "victim", "asked"]).ok();
    daemon.hythe(["rmi", "hostile"]).ok();
    daemon.check_leaks();
}

#[test]
fn empty_labels_and_options_that_were_named_are_shown_empty() {
    let mut daemon = Daemon::start();
    let made = |daemon: &Daemon, name: &str| {
        let (status, answer) = daemon.api("GET", &format!("/volumes/{name}"), "");
        assert_eq!(status, 200, "{answer}");
        let seen: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        (seen["Labels"].to_string(), seen["Options"].to_string())
    };
    let create = |daemon: &Daemon, body: &str| assert_eq!(daemon.api("POST", "/volumes/create", body).0, 201);
    create(&daemon, r#"{"Name":"plain","Labels":null}"#);
    create(&daemon, r#"{"Name":"labels","Labels":{}}"#);
    create(&daemon, r#"{"Name":"options","DriverOpts":{}}"#);
    daemon.kill();
    daemon.boot();
    for (name, labels, options) in
        [("plain", "null", "null"), ("labels", "{}", "null"), ("options", "null", "{}")]
    {
        assert_eq!(made(&daemon, name), (labels.to_owned(), options.to_owned()), "{name}");
        daemon.hythe(["volume", "rm", name]).ok();
    }
    daemon.check_leaks();
}
