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
