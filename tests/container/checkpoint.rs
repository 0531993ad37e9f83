//! `checkpoint` and `start --checkpoint`: experimental in Docker. The answers are those of a Docker without experiments.

use testkit::Daemon;

const DISABLED: &str = "This experimental feature is disabled by default. Start the Docker daemon in experimental mode in \
                        order to enable it.";

#[test]
fn both_clients_and_the_api_say_that_it_is_experimental() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "-d", "--name", "cc", "busybox", "sleep", "1000"]).ok();
    for words in [
        &["checkpoint", "create", "cc", "c1"][..],
        &["checkpoint", "ls", "cc"],
        &["checkpoint", "rm", "cc", "c1"],
    ] {
        for (client, output) in [("hythe", daemon.hythe(words)), ("docker", daemon.docker(words))] {
            let command = format!("{client} {} {}", words[0], words[1]);
            let text =
                format!("{command} is only supported on a Docker daemon with experimental features enabled");
            assert_eq!(output.fails_with(1), text);
        }
    }
    for flag in ["--checkpoint", "--checkpoint-dir"] {
        let text =
            format!("\"{flag}\" is only supported on a Docker daemon with experimental features enabled");
        assert_eq!(daemon.hythe(["start", flag, "x", "cc"]).fails_with(1), text);
        assert_eq!(daemon.docker(["start", flag, "x", "cc"]).fails_with(1), text);
    }
    for (method, path) in [
        ("GET", "/v1.51/containers/cc/checkpoints"),
        ("POST", "/v1.51/containers/cc/checkpoints"),
        ("DELETE", "/v1.51/containers/cc/checkpoints/c1"),
        ("GET", "/v1.24/containers/nosuch/checkpoints"),
    ] {
        let (status, body) = daemon.api(method, path, "");
        assert_eq!((status, body.contains(DISABLED)), (501, true), "{method} {path}: {body}");
    }
    let start = |query: &str| daemon.api("POST", &format!("/v1.51/containers/cc/start?{query}"), "");
    let refused = (400, "{\"message\":\"checkpoint is only supported in experimental mode\"}\n".to_owned());
    assert_eq!(start("checkpoint=c1"), refused);
    assert_eq!(start("checkpoint-dir=/x").0, 304);
    daemon.hythe(["stop", "-t", "0", "cc"]).ok();
    assert_eq!(start("checkpoint=c1"), refused);
    let (status, body) = start("checkpoint-dir=/x");
    assert_eq!((status, body.contains("custom checkpointdir is not supported")), (403, true), "{body}");
}
