//! `events`: what happened, in order, replayed and filtered.

use testkit::Daemon;

#[test]
fn the_life_of_a_container_in_order() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "--rm", "--name", "short", "busybox", "true"]).ok();
    daemon.hythe(["create", "--name", "other", "busybox"]).ok();
    let events =
        |args: &[&str]| daemon.hythe(["events", "--since", "1h", "--until", "0s"].iter().chain(args)).ok();
    let list = events(&["--filter", "container=short", "--format", "{{.Action}}"]);
    assert_eq!(list, "create\nattach\nstart\ndie\ndestroy");
    assert_eq!(
        events(&[
            "--filter",
            "type=container",
            "--filter",
            "event=create",
            "--format",
            "{{.Actor.Attributes.name}}"
        ]),
        "short\nother"
    );
    let exit = events(&["--filter", "event=die", "--format", "{{.Actor.Attributes.exitCode}}"]);
    assert_eq!(exit, "0");
}

/// Order, actions and attributes as a Docker 28.5 told them for the same commands.
#[test]
fn volumes_images_and_execs_are_told_of() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "told", "-v", "data:/data:ro", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["exec", "-d", "told", "true"]).ok();
    daemon.hythe(["commit", "-m", "note", "told", "made:1"]).ok();
    daemon.hythe(["kill", "told"]).ok();
    daemon.hythe(["rm", "told"]).ok();
    daemon.hythe(["create", "--name", "broken", "busybox", "nosuch"]).ok();
    daemon.hythe(["start", "broken"]).fails_with(1);
    let events = |args: &[&str]| {
        let base = ["events", "--since", "1h", "--until", "0s"];
        let text = daemon.hythe(base.iter().chain(args)).ok();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let format = "--format={{.Type}} {{.Action}}";
    let all = events(&[format]);
    let at =
        |what: &str| all.iter().position(|one| one == what).unwrap_or_else(|| panic!("no {what}: {all:?}"));
    assert!(
        at("volume mount") < at("network connect") && at("network connect") < at("container start"),
        "{all:?}"
    );
    assert!(
        at("network disconnect") < at("volume unmount") && at("volume unmount") < at("container die"),
        "{all:?}"
    );
    // Without arguments the space behind the program is there all the same.
    assert!(all.contains(&"container exec_create: true ".to_owned()), "{all:?}");
    let commit = ["container pause", "image create", "image tag", "container commit", "container unpause"];
    assert_eq!(commit.map(at).as_slice(), (at(commit[0])..).take(5).collect::<Vec<_>>(), "{all:?}");
    assert_eq!(
        events(&[
            "--filter=event=commit",
            "--format={{.Actor.Attributes.imageRef}} {{.Actor.Attributes.comment}}"
        ]),
        ["made:1 note"]
    );
    assert_eq!(events(&["--filter=event=tag", "--format={{.Actor.Attributes.name}}"]), ["made:1"]);
    assert_eq!(
        events(&[
            "--filter=volume=data",
            "--filter=event=mount",
            "--format={{.Actor.ID}} {{.Actor.Attributes.driver}} {{.Actor.Attributes.destination}} {{index .Actor.Attributes \"read/write\"}}",
        ]),
        ["data local /data false"]
    );
    // What has not run does not die.
    assert_eq!(events(&["--filter=container=broken", "--filter=event=die", format]), [""; 0]);
    daemon.hythe(["rm", "broken"]).ok();
    daemon.hythe(["rmi", "made:1"]).ok();
    daemon.hythe(["volume", "rm", "data"]).ok();
    daemon.check_leaks();
}

#[test]
fn a_probe_is_created_before_it_starts() {
    let daemon = Daemon::start();
    let health = ["--health-cmd=true", "--health-interval=100ms", "--health-retries=1"];
    daemon
        .hythe(["run", "-d", "--name=probed"].iter().chain(&health).chain(&["busybox", "sleep", "1000"]))
        .ok();
    testkit::wait::until_true("the container is healthy", || {
        daemon.hythe(["inspect", "--format={{.State.Health.Status}}", "probed"]).ok() == "healthy"
    });
    let list = daemon.hythe([
        "events",
        "--since=1h",
        "--until=0s",
        "--filter=container=probed",
        "--format={{.Action}}",
    ]);
    let list: Vec<String> = list.ok().lines().map(str::to_owned).collect();
    let first = list.iter().position(|action| action.starts_with("exec_create: /bin/sh -c true"));
    let first = first.unwrap_or_else(|| panic!("{list:?}"));
    assert!(list[first + 1].starts_with("exec_start: /bin/sh -c true"), "{list:?}");
    daemon.hythe(["rm", "-f", "probed"]).ok();
}

#[test]
fn volumes_of_a_start_that_fails_are_mounted_and_unmounted() {
    let daemon = Daemon::start();
    let failed = daemon.hythe(["run", "--name=broken", "-v", "data:/data", "busybox", "nosuch"]);
    assert_eq!(failed.code, 127, "{failed:?}");
    let list =
        daemon.hythe(["events", "--since=1h", "--until=0s", "--filter=volume=data", "--format={{.Action}}"]);
    assert_eq!(list.ok().lines().collect::<Vec<_>>(), ["create", "mount", "unmount"]);
    daemon.hythe(["rm", "broken"]).ok();
    daemon.hythe(["volume", "rm", "data"]).ok();
    daemon.check_leaks();
}
