//! Completion: what the shells are offered, and that they load what `completion` prints; manual pages.

use testkit::{Daemon, Output};

#[test]
fn objects_flags_and_values() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "up", "busybox", "sleep", "1000"]).ok();
    daemon.hythe(["create", "--name", "made", "busybox"]).ok();
    daemon.hythe(["network", "create", "net1"]).ok();
    daemon.hythe(["volume", "create", "data"]).ok();
    let names = |words: &[&str]| -> Vec<String> {
        let mut args = vec!["__complete"];
        args.extend(words);
        let out = daemon.hythe(&args).ok();
        out.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
    };
    for (words, wanted) in [
        (&["exec", ""][..], &["up"][..]),
        (&["rm", ""], &["made"]),
        (&["rm", "-f", ""], &["made", "up"]),
        (&["rm", "up", "m"], &["made"]),
        (&["start", ""], &["made"]),
        (&["pause", ""], &["up"]),
        (&["unpause", ""], &[]),
        (&["ps", "--filter", "status=r"], &["status=removing", "status=restarting", "status=running"]),
        (&["events", "--filter=type=v"], &["--filter=type=volume"]),
        (&["run", "-e", "HOM"], &["HOME"]),
        (&["run", "--log-opt", "max-s"], &["max-size="]),
        (&["container", "start", "ma"], &["made"]),
        (&["run", "-it", "bu"], &["busybox:latest"]),
        (&["rmi", ""], &["busybox:latest"]),
        (&["network", "rm", "net"], &["net1"]),
        (&["network", "connect", "net1", ""], &["made", "up"]),
        (&["volume", "rm", ""], &["data"]),
        (&["run", "--network", "ne"], &["net1"]),
        (&["run", "--network=ne"], &["--network=net1"]),
        (&["run", "--pid", "con"], &["container:up"]),
        (&["run", "-v", "d"], &["data"]),
        (&["run", "--cap-add", "NET_A"], &["NET_ADMIN"]),
        (&["run", "--log-driver", "json"], &["json-file"]),
        (&["kill", "-s", "US"], &["USR1", "USR2"]),
        (&["ps", "--filter", "st"], &["status="]),
        (&["ps", "--no"], &["--no-trunc"]),
        (&["-c", "de"], &["default"]),
        (&["--log-level", "w"], &["warn"]),
        (&["contai"], &["container"]),
        (&["container", "pru"], &["prune"]),
        (&["context", "use", ""], &["default"]),
        (&["nothing", ""], &[]),
    ] {
        let mut found = names(words);
        found.sort();
        assert_eq!(found, wanted, "{words:?}");
    }
    // Bash asks with the words of its line, and offers what it hears.
    let script = r#"eval "$("$1" completion bash)"; COMP_WORDS=("$1" exec ''); COMP_CWORD=2; _hythe_complete; echo "${COMPREPLY[@]}""#;
    let hythe = testkit::program("hythe").display().to_string();
    let out = Output::of(&mut daemon.client("bash", ["-c", script, "bash", &hythe]));
    assert_eq!(out.ok(), "up");
    for (shell, beginning) in [
        ("zsh", "#compdef hythe\n"),
        ("fish", "# fish completion for hythe\n"),
        ("powershell", "# powershell completion for hythe\n"),
    ] {
        let script = daemon.hythe(["completion", shell]).stdout;
        assert!(script.starts_with(beginning) && script.contains("__complete"), "{script}");
    }
    // Fish offers files beside candidates unless it is told not to.
    if std::process::Command::new("fish").arg("--version").output().is_ok() {
        let script = "eval ($argv[1] completion fish | string collect); complete -C \"$argv[1] exec \"";
        let out = Output::of(&mut daemon.client("fish", ["--no-config", "-c", script, &hythe]));
        assert_eq!(out.ok(), "up\tbusybox");
    } else {
        testkit::skip::report("completion in fish itself: there is none here");
    }
    daemon.hythe(["network", "rm", "net1"]).ok();
    daemon.check_leaks();
}

#[test]
fn manual_pages() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut command = std::process::Command::new(testkit::program("hythe"));
    Output::of(command.args(["man", "--dir"]).arg(directory.path())).ok();
    let page = |name: &str| std::fs::read_to_string(directory.path().join(name)).expect("a page");
    assert_eq!(page("hythe-ps.1"), ".so man1/hythe-container-ls.1\n");
    assert!(page("hythe.1").contains("hythe\\-network"));
    assert!(page("hythe-container-ls.1").contains("\\-\\-no\\-trunc"));
    for entry in std::fs::read_dir(directory.path()).expect("pages") {
        let name = entry.expect("an entry").file_name().into_string().expect("plain");
        let text = page(&name);
        // A page that only points to another has to find it.
        match text.strip_prefix(".so man1/") {
            Some(other) => assert!(page(other.trim_end()).starts_with(".TH "), "{name}"),
            None => assert!(text.starts_with(".TH \"HYTHE") && text.contains("\n.SH NAME\n"), "{name}"),
        }
    }
}
