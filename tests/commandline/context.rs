//! `context`: the same words and the same files as Docker's client, and engines behind unix, TLS and ssh addresses.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use testkit::{Daemon, program};

use crate::pair::{Pair, Who, files};

/// Every command line, in an order in which the later ones meet what the earlier ones made.
const LINES: &[&str] = &[
    "context ls",
    "context show",
    "context inspect",
    "context create a",
    "context create default --docker host=tcp://x",
    "context create ab --docker host=unix:///tmp/x.sock --description words",
    "context create ab",
    "context create copy",
    "context create --from ab copied",
    "context create --from none cc",
    "context create --from ab cc --docker host=tcp://h:1",
    "context create dd --docker foo=bar",
    "context create dd --docker host=foo",
    "context create dd --docker host=foo://",
    "context create dd --docker host",
    "context create dd --docker from=none",
    "context create dd --docker from=ab,host=tcp://h:1",
    "context create ee --docker host=tcp://h:1,ca=none.pem",
    "context create ee --docker host=tcp://h:1,ca=words.pem",
    "context create ee --docker host=tcp://h:1,skip-tls-verify=maybe",
    "context create ee --docker host=ssh://",
    "context create ee --docker host=tcp://h:1,ca=ca.pem,cert=cert.pem,key=key.pem",
    "context create ff --docker host=tcp://h:1 --docker skip-tls-verify=true",
    "context create gg --docker host=ssh://me@box:22/x",
    "context create gg --nothing",
    "context create",
    "context ls",
    "context ls -q",
    "context ls --format json",
    "context ls --format {{.Name}}={{.Current}}",
    "context ls --format table|{{.Name}}\\t{{.Current}}",
    "context ls extra",
    "context inspect ab ee ff",
    "context inspect none ab",
    "context inspect -f {{.Name}}:{{.Endpoints.docker.Host}}:{{.TLSMaterial}} ab ee",
    "context inspect -f json ab",
    "context use ab",
    "context use none",
    "context use",
    "context show",
    "context show extra",
    "context ls",
    "-c none context ls",
    "-c ee context show",
    "-c none ps",
    "-c ab -H tcp://h:1 context ls",
    "-H tcp://h:1 context ls",
    "-H foo://x ps",
    "-H http://x ps",
    "-H ssh://me:pw@box ps",
    "-H ssh://box/a?b ps",
    "-H unix:///nonexistent ps",
    "-H tcp://127.0.0.1:1 ps",
    "context rm ab",
    "context rm none",
    "context rm -f none",
    "context rm default",
    "context rm copy default copied",
    "context rm -f ab",
    "context show",
    "context update default",
    "context update none",
    "context update ee --description new",
    "context update ff --docker host=tcp://n:1",
    "context update ff --docker foo=1",
    "context export ee",
    "context export ee",
    "context export none",
    "context export ff ff.tar",
    "context export default",
    "context import im ee.dockercontext",
    "context import im ee.dockercontext",
    "context import default ee.dockercontext",
    "context import none none.tar",
    "context import bad words.pem",
    "context import im",
    "context inspect im",
    "context",
    "context foo",
];

fn certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let cert = rcgen::CertificateParams::new(vec!["h".to_owned()]).expect("params").self_signed(&key);
    (cert.expect("a certificate").pem(), key.serialize_pem())
}

#[test]
fn the_words_and_the_files_are_dockers() {
    if !testkit::skip::needs_new_client("contexts beside Docker's") {
        return;
    }
    let pair = Pair::new();
    let (cert, key) = certificate();
    for (name, text) in
        [("ca.pem", cert.as_str()), ("cert.pem", &cert), ("key.pem", &key), ("words.pem", "words\n")]
    {
        pair.write(name, text);
    }
    for line in LINES {
        pair.same(&line.split(' ').collect::<Vec<_>>());
    }
    let [docker, ours] = [Who::Docker, Who::Ours].map(|who| files(&pair.home(who).join("config/contexts")));
    let names = |files: &[(PathBuf, u32, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(path, mode, _)| format!("{} {mode:o}", path.display())).collect()
    };
    assert_eq!(names(&docker), names(&ours));
    assert!(docker.len() > 10 && docker == ours, "a file differs in its content");
    // Each reads the archive of the other.
    let exported = pair.home(Who::Docker).join("ee.dockercontext");
    let out = testkit::Output::of(
        &mut pair.command(Who::Ours, &["context", "import", "theirs", exported.to_str().unwrap()]),
    );
    assert_eq!(out.ok(), "theirs");
    let exported = pair.home(Who::Ours).join("ee.dockercontext");
    let out = testkit::Output::of(
        &mut pair.command(Who::Docker, &["context", "import", "ours", exported.to_str().unwrap()]),
    );
    assert_eq!(out.ok(), "ours");
    let inspect = ["context", "inspect", "-f", "{{json .TLSMaterial}}", "ours"];
    let shown = testkit::Output::of(&mut pair.command(Who::Docker, &inspect)).ok();
    assert_eq!(shown, r#"{"docker":["ca.pem","cert.pem","key.pem"]}"#);
}

#[test]
fn the_environment_goes_before_the_current_context() {
    if !testkit::skip::needs_new_client("contexts beside Docker's") {
        return;
    }
    let pair = Pair::new();
    pair.same(&["context", "create", "one", "--docker", "host=tcp://one:1"]);
    pair.same(&["context", "create", "two", "--docker", "host=tcp://two:1"]);
    pair.same(&["context", "use", "one"]);
    for (variables, shown) in [
        (&[("DOCKER_CONTEXT", "two")][..], "two"),
        (&[("DOCKER_HOST", "tcp://h:1")], "default"),
        (&[("DOCKER_HOST", "tcp://h:1"), ("DOCKER_CONTEXT", "two")], "default"),
        (&[("DOCKER_CONTEXT", "none")], "none"),
    ] {
        let with = |args: &[&str]| {
            pair.same_with(args, &|command| {
                command.envs(variables.iter().copied());
            })
        };
        assert_eq!(with(&["context", "show"]).ok(), shown);
        with(&["context", "ls"]);
        with(&["context", "ls", "-q"]);
        with(&["-c", "two", "context", "ls"]);
        with(&["context", "use", "one"]);
    }
}

#[test]
fn an_engine_behind_ssh() {
    if !testkit::skip::needs_new_client("an engine behind ssh") {
        return;
    }
    let daemon = Daemon::start();
    let bin = daemon.scratch().join("bin");
    std::fs::create_dir(&bin).expect("mkdir");
    // What `ssh` does, without the network: the words after the host are a line for a shell.
    let script = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\n[ \"$2\" = box ] || { echo \"no host $2\" >&2; exit 255; }\nshift 2\nexec sh -c \"$*\"\n";
    std::fs::write(bin.join("ssh"), script).expect("write");
    std::fs::set_permissions(bin.join("ssh"), std::fs::Permissions::from_mode(0o755)).expect("chmod");
    for name in ["docker", "hythe"] {
        std::os::unix::fs::symlink(program("hythe"), bin.join(name)).expect("link");
    }
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", bin.display());
    let socket = daemon.socket().display().to_string();
    let run = |client: &str, args: &[&str]| {
        let mut command = daemon.client(client, args);
        command.env("PATH", &path).env_remove("DOCKER_HOST").env("HOME", daemon.scratch());
        testkit::Output::of(&mut command)
    };
    let hythe = program("hythe").display().to_string();
    let docker = bin.join("docker").display().to_string();
    let stock = testkit::Output::of(&mut daemon.client("sh", ["-c", "command -v docker"])).ok();
    for client in [&hythe, &docker, &stock] {
        let host = format!("ssh://me@box:22{socket}");
        assert_eq!(run(client, &["-H", &host, "run", "--rm", "busybox", "echo", "far"]).ok(), "far");
        let name = format!("box{}", client.len());
        run(client, &["context", "create", &name, "--docker", &format!("host={host}")]).ok();
        assert_eq!(run(client, &["-c", &name, "ps", "-aq"]).ok(), "");
        if *client == stock {
            // Its error depends on which of its two streams it looks at first.
            continue;
        }
        let words = run(client, &["-H", "ssh://elsewhere", "ps"]).fails_with(1);
        assert!(words.contains("has exited with exit status 255"), "{words}");
        assert!(words.ends_with("stderr=no host elsewhere\n"), "{words}");
    }
    daemon.check_leaks();
}
