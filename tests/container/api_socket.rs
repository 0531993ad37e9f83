//! `--use-api-socket`: the engine answers inside the container, with the user's logins.

use testkit::{Daemon, Options, Output};

const AUTHS: &str = r#"{"auths":{"reg.test:5000":{"auth":"bWU6cHc="}}}"#;

/// A client with a login.
fn with_login(daemon: &Daemon, program: &str, args: &[&str]) -> Output {
    let config = daemon.scratch().join("config");
    std::fs::create_dir_all(&config).expect("make a directory");
    std::fs::write(config.join("config.json"), AUTHS).expect("write config.json");
    let path = if program == "hythe" { testkit::program("hythe") } else { program.into() };
    Output::of(daemon.client(path, args).env("DOCKER_CONFIG", config))
}

#[test]
fn the_engine_answers_inside_and_the_logins_are_there() {
    let daemon = Daemon::with(Options { images: vec!["busybox", "debian"], ..Options::default() });
    let script = "echo \"$DOCKER_CONFIG\"; stat -c '%a %u' /run/secrets/docker/config.json; cat /run/secrets/docker/config.json; \
                  /client -H unix:///var/run/docker.sock ps --format '{{.Names}}'";
    let client = format!("{}:/client:ro", testkit::program("hythe").display());
    let flags =
        ["run", "--rm", "--name", "asks", "--use-api-socket", "-v", &client, "debian", "sh", "-c", script];
    let output = with_login(&daemon, "hythe", &flags).ok();
    assert!(output.starts_with("/run/secrets/docker\n600 0\n"), "{output}");
    assert!(output.contains("\"reg.test:5000\"") && output.contains("bWU6cHc="), "{output}");
    assert!(output.ends_with("asks"), "{output}");
    // As a mount, it is seen; without a login there is no file, and a directory of the user's own is left alone.
    let id = daemon.hythe(["create", "--use-api-socket", "busybox", "true"]).ok();
    let format =
        "{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.RW}}{{end}} {{json .Config.Env}}";
    let shown = daemon.hythe(["inspect", "-f", format, &id]).ok();
    assert!(
        shown.starts_with(&format!("bind {} /var/run/docker.sock true ", daemon.socket().display())),
        "{shown}"
    );
    assert!(!shown.contains("DOCKER_CONFIG"), "{shown}");
    let flags = ["run", "--rm", "--use-api-socket", "-e", "DOCKER_CONFIG=/mine", "busybox", "sh", "-c"];
    let script = ["echo $DOCKER_CONFIG; ls /run/secrets 2>&1"];
    let output = with_login(&daemon, "hythe", &[&flags[..], &script[..]].concat());
    assert!(output.stdout.starts_with("/mine\nls: "), "{output:?}");
}

#[test]
fn the_stock_client_asks_for_the_socket_that_it_knows() {
    if !testkit::skip::needs_new_client("--use-api-socket of the stock client") {
        return;
    }
    let flags = vec!["--docker-socket".to_owned()];
    let sandbox = testkit::Sandbox::new();
    // The host's own socket is not ours to make.
    Output::of(&mut sandbox.command("mount", ["-t", "tmpfs", "tmpfs", "/var/run"])).ok();
    let daemon = Daemon::within(sandbox, Options { images: vec!["debian"], flags, ..Options::default() });
    let script =
        "cat $DOCKER_CONFIG/config.json; /client -H unix:///var/run/docker.sock ps --format '{{.Names}}'";
    let client = format!("{}:/client:ro", testkit::program("hythe").display());
    let args =
        ["run", "--rm", "--name", "asks", "--use-api-socket", "-v", &client, "debian", "sh", "-c", script];
    let output = with_login(&daemon, "docker", &args).ok();
    assert!(output.contains("bWU6cHc=") && output.ends_with("asks"), "{output}");
}
