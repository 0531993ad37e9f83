//! What is only for people: pictures that are redrawn in place, colours, hints. On a terminal, and nowhere else.

use std::fs::File;

use testkit::{Daemon, Output, program, wait};

#[test]
fn hints_are_for_people_who_call_it_by_its_name() {
    let daemon = Daemon::start();
    let hythe = program("hythe").display().to_string();
    let docker = daemon.scratch().join("docker");
    std::os::unix::fs::symlink(&hythe, &docker).expect("link");
    let on_terminal = |program: &str| {
        let line = format!("{program} start nothing");
        Output::of(&mut daemon.client("script", ["-qec", &line, "/dev/null"])).stdout.replace('\r', "")
    };
    let words = "Error response from daemon: No such container: nothing\nError: failed to start containers: nothing\n";
    assert_eq!(on_terminal(&hythe), format!("{words}Hint: 'hythe ps -a' lists all containers\n"));
    assert_eq!(on_terminal(&docker.display().to_string()), words);
    assert_eq!(daemon.hythe(["start", "nothing"]).stderr, words);
    daemon.check_leaks();
}

#[test]
fn stats_stay_in_their_place() {
    let daemon = Daemon::start();
    let hythe = program("hythe").display().to_string();
    for (colours, bold) in [("", true), ("NO_COLOR=1", false)] {
        daemon.hythe(["run", "-d", "--name", "up", "busybox", "sleep", "1000"]).ok();
        let path = daemon.scratch().join("screen");
        let line = format!("stty rows 5 cols 40; {colours} exec {hythe} stats up");
        let mut command = daemon.client("script", ["-qfec", &line, "/dev/null"]);
        command.env("TERM", "xterm").stdout(File::create(&path).expect("a file"));
        let mut child = command.spawn().expect("script");
        let screen = || std::fs::read_to_string(&path).unwrap_or_default();
        wait::until_true("it draws twice", || {
            screen().matches("\u{1b}[H").count() > 1 && screen().contains("up ")
        });
        daemon.hythe(["rm", "-f", "up"]).ok();
        assert!(child.wait().expect("script").success());
        let screen = screen();
        assert!(screen.starts_with("\u{1b}[2J"), "{screen:?}");
        assert_eq!(screen.contains("\u{1b}[1mCONTAINER ID"), bold, "{screen:?}");
        for line in screen.split(['\n', 'H', 'J']).filter(|line| line.contains("up ")) {
            let text = line.split('\u{1b}').next().unwrap_or_default();
            assert!(text.chars().count() <= 40, "{line:?}");
        }
    }
    // Elsewhere it is plain lines.
    daemon.hythe(["run", "-d", "--name", "up", "busybox", "sleep", "1000"]).ok();
    assert!(!daemon.hythe(["stats", "--no-stream", "up"]).ok().contains('\u{1b}'));
    daemon.check_leaks();
}
