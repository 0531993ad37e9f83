//! `rm`: stopped and running containers, by force and with their volumes (semantics 49).

use testkit::Daemon;

#[test]
fn refuses_a_running_one_without_force() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "busy", "busybox", "sleep", "1000"]).ok();
    let error = daemon.hythe(["rm", "busy"]).fails_with(1);
    assert!(
        error.contains("container is running: stop the container before removing or force remove"),
        "{error}"
    );
    assert_eq!(daemon.hythe(["rm", "-f", "busy"]).ok(), "busy");
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
    // The name is free at once.
    daemon.hythe(["create", "--name", "busy", "busybox"]).ok();
}

#[test]
fn of_many_goes_on_after_a_failure() {
    let daemon = Daemon::start();
    daemon.hythe(["create", "--name", "one", "busybox"]).ok();
    daemon.hythe(["create", "--name", "two", "busybox"]).ok();
    let output = daemon.hythe(["rm", "one", "nobody", "two"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, "one\ntwo\n"));
    assert_eq!(output.stderr, "Error response from daemon: No such container: nobody\n");
}

#[test]
fn many_running_ones_by_force_leave_nothing() {
    let daemon = Daemon::start();
    let names: Vec<String> = (0..20).map(|n| format!("many-{n}")).collect();
    for name in &names {
        daemon.hythe(["run", "-d", "--name", name, "-p", "80", "busybox", "sleep", "1000"]).ok();
    }
    daemon.hythe(["rm", "-f"].into_iter().chain(names.iter().map(String::as_str))).ok();
    assert_eq!(daemon.hythe(["ps", "-aq"]).ok(), "");
}

#[test]
fn semantics_49_its_words_and_which_volumes_go() {
    let daemon = Daemon::start();
    let api = daemon.door();
    let run =
        ["run", "-d", "--name", "busy", "-v", "named:/n", "-v", "/anonymous", "busybox", "sleep", "1000"];
    let id = daemon.hythe(run).ok();
    let delete = |path: &str| {
        let answer = api.call("DELETE", path).expect("an answer");
        (answer.status, answer.json()["message"].as_str().unwrap_or_default().to_owned())
    };
    let text = "cannot remove container \"busy\": container is running: stop the container before removing or force remove";
    assert_eq!(delete("/containers/busy"), (409, text.to_owned()));
    daemon.hythe(["pause", "busy"]).ok();
    let text = "cannot remove container \"busy\": container is paused and must be unpaused first";
    assert_eq!(delete("/containers/busy"), (409, text.to_owned()));
    // By force KILL is sent, and a volume without a name goes only when asked for.
    assert_eq!(delete("/containers/busy?force=1").0, 204);
    let events = daemon
        .hythe(["events", "--since", "10m", "--until", "0s", "--filter", &format!("container={id}")])
        .ok();
    assert!(events.contains("container kill") && events.contains("signal=9"), "{events}");
    assert_eq!(daemon.hythe(["volume", "ls", "-q"]).ok().lines().count(), 2);
    daemon.hythe(["create", "--name", "idle", "-v", "named:/n", "-v", "/anonymous", "busybox"]).ok();
    assert_eq!(daemon.hythe(["volume", "ls", "-q"]).ok().lines().count(), 3);
    assert_eq!(delete("/containers/idle?v=1").0, 204);
    let left = daemon.hythe(["volume", "ls", "-q"]).ok();
    assert!(left.lines().count() == 2 && left.contains("named"), "{left}");
}

#[test]
fn semantics_49_of_removals_side_by_side_one_removes() {
    let daemon = Daemon::start();
    let api = daemon.door();
    let mut refused = 0;
    for round in 0..20 {
        let name = format!("wanted{round}");
        daemon.hythe(["run", "-d", "--name", &name, "busybox", "sleep", "1000"]).ok();
        let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
            let delete = || {
                let answer = api.call("DELETE", &format!("/containers/{name}?force=1")).expect("an answer");
                (answer.status, answer.json()["message"].as_str().unwrap_or_default().to_owned())
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(delete)).collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
        });
        // One that comes right after the removal finds nothing, and is told so or that it is done.
        assert!(answers.iter().any(|(status, _)| *status == 204), "{answers:?}");
        refused += answers.iter().filter(|(status, _)| *status == 409).count();
        let told = |(status, text): &(u16, String)| match status {
            204 => true,
            404 => *text == format!("No such container: {name}"),
            409 => *text == format!("removal of container {name} is already in progress"),
            _ => false,
        };
        assert!(answers.iter().all(told), "{answers:?}");
    }
    assert!(refused > 0, "none of them met another");
}
