//! Plugins: found, listed, refused and called as Docker's client does it.

use std::os::unix::fs::PermissionsExt as _;

use testkit::Output;

use crate::pair::{Pair, Who};

const GOOD: &str = r#"#!/bin/sh
case $1 in
docker-cli-plugin-metadata)
    echo '{"SchemaVersion":"0.1.0","Vendor":"Somebody","Version":"v1.2","ShortDescription":"Say hello"}' ;;
__complete) shift; printf 'one\tfirst\ntwo\n:4\n'; echo "asked: $*" >&2 ;;
*)
    echo "args: $*, called by ${DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND##*/}"
    read line && echo "read: $line"
    case " $* " in *" fail "*) echo failed >&2; exit 7 ;; esac ;;
esac
"#;

/// Both clients, with plugins in both homes.
fn with_plugins() -> Pair {
    let pair = Pair::new();
    let answer = |text: &str| format!("#!/bin/sh\necho '{text}'\n");
    for (name, script) in [
        ("greet", GOOD.to_owned()),
        ("buildx", GOOD.to_owned()),
        ("compose", GOOD.to_owned()),
        ("ps", GOOD.to_owned()),
        ("Upper", GOOD.to_owned()),
        ("bad", "#!/bin/sh\nexit 3\n".to_owned()),
        ("old", answer(r#"{"SchemaVersion":"0.0.1","Vendor":"v"}"#)),
        ("nobody", answer(r#"{"SchemaVersion":"0.1.0"}"#)),
    ] {
        let path = format!("config/cli-plugins/docker-{name}");
        pair.write(&path, &script);
        for who in [Who::Docker, Who::Ours] {
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(pair.home(who).join(&path), mode).expect("chmod");
        }
    }
    pair
}

#[test]
fn called_with_the_words_that_were_given() {
    if !testkit::skip::needs_new_client("plugins beside Docker's") {
        return;
    }
    let pair = with_plugins();
    for line in [
        "greet",
        "greet a b --foo",
        "greet fail",
        "greet --help",
        "-D -H unix:///nonexistent greet x",
        "--config config greet",
        "-c default greet -- -x",
        "help greet",
        "compose up -d",
        "buildx ls",
        "bad",
        "old x",
        "nobody",
        "Upper",
        "gree",
    ] {
        pair.same(&line.split(' ').collect::<Vec<_>>());
    }
    // Their standard input is ours.
    pair.write("input", "hello\n");
    let input = |command: &mut std::process::Command| {
        let directory = command.get_current_dir().expect("its home").to_path_buf();
        command.stdin(std::fs::File::open(directory.join("input")).expect("the input"));
    };
    assert!(pair.same_with(&["greet"], &input).ok().ends_with("read: hello"));
    // Building is the plugin's work.
    for (args, words) in [
        (&["build", "-t", "x", "."][..], "buildx build -t x ."),
        (&["-D", "bake"], "-D buildx bake"),
        (&["builder", "prune"], "buildx prune"),
    ] {
        let out = Output::of(&mut pair.command(Who::Ours, args)).ok();
        assert_eq!(out, format!("args: {words}, called by docker"));
    }
}

#[test]
fn listed_in_help_and_info_and_completed() {
    if !testkit::skip::needs_new_client("plugins beside Docker's") {
        return;
    }
    let pair = with_plugins();
    let [docker, ours] = pair.outputs(&["--help"], &|_| {});
    let part = |output: &Output, from: &str, to: &str| {
        let (_, rest) = output.stdout.split_once(from).expect("the section");
        rest.split_once(to).expect("its end").0.to_owned()
    };
    let invalid = part(&ours, "Invalid Plugins:", "Global Options:");
    assert_eq!(invalid, part(&docker, "Invalid Plugins:", "Global Options:"));
    let management = part(&ours, "Management Commands:", "Commands:");
    assert!(management.contains("  greet*      Say hello\n  image       "), "{management}");

    let info = &["-H", "unix:///nonexistent", "info"][..];
    let [mut docker, mut ours] = pair.outputs(info, &|_| {});
    for output in [&mut docker, &mut ours] {
        // The two need not be of the same version.
        let version = output.stdout.lines().find(|line| line.starts_with(" Version: ")).map(str::to_owned);
        output.stdout = output.stdout.replace(&version.expect("a version"), " Version: ");
    }
    assert_eq!(docker, ours);
    let format = "{{json .ClientInfo.Plugins}}";
    pair.same(&["-H", "unix:///nonexistent", "info", "-f", format]);

    let complete = |words: &[&str]| Output::of(&mut pair.command(Who::Ours, words)).ok();
    assert_eq!(complete(&["__complete", "gr"]), "greet\tSay hello");
    assert_eq!(complete(&["__complete", "greet", "sub", ""]), "one\tfirst\ntwo");
}

#[test]
fn extra_directories_go_first() {
    let pair = with_plugins();
    pair.write("extra/docker-greet", &GOOD.replace("args:", "extra:"));
    for who in [Who::Docker, Who::Ours] {
        let home = pair.home(who);
        std::fs::set_permissions(home.join("extra/docker-greet"), std::fs::Permissions::from_mode(0o755))
            .expect("chmod");
        let config = format!(r#"{{"cliPluginsExtraDirs": ["{}"]}}"#, home.join("extra").display());
        std::fs::write(home.join("config/config.json"), config).expect("write");
    }
    assert_eq!(pair.same(&["greet", "x"]).ok(), "extra: greet x, called by docker");
}
