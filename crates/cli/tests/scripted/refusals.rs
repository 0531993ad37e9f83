//! What the client refuses by itself: flags that an old engine does not know, signatures that nobody can check, and global
//! flags given twice.

use crate::engine::{Engine, hythe, json};

fn refusal(engine: &Engine, words: &[&str]) -> String {
    let output = engine.run(words, b"");
    assert_eq!(output.status.code(), Some(1), "{words:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_an_old_engine_does_not_know_is_not_sent() {
    let engine = Engine::new("1.24", |_, stream| json(stream, 404, r#"{"message":"asked"}"#));
    for (words, what, since) in [
        (&["update", "--pids-limit", "5", "c"][..], "\"--pids-limit\"", "1.40"),
        (&["run", "--platform", "linux/amd64", "img"], "\"--platform\"", "1.32"),
        (&["create", "--annotation", "a=b", "img"], "\"--annotation\"", "1.43"),
        (&["container", "exec", "-e", "A=1", "c", "x"], "\"--env\"", "1.25"),
        (&["system", "prune", "-f"], "hythe system prune", "1.25"),
        (&["system", "df"], "hythe system df", "1.25"),
    ] {
        assert_eq!(
            refusal(&engine, words),
            format!("{what} requires API version {since}, but the Docker daemon API version is 1.24\n")
        );
    }
    assert_eq!(
        refusal(&engine, &["create", "--init", "--cpus", "1", "img"]),
        "\"--cpus\" requires API version 1.25, but the Docker daemon API version is 1.24\n\
         \"--init\" requires API version 1.25, but the Docker daemon API version is 1.24\n"
    );
    assert!(engine.lines().is_empty(), "{:?}", engine.lines());
    // What it knows is sent.
    assert!(refusal(&engine, &["update", "--memory", "64m", "c"]).contains("asked"));
    let engine = Engine::new("1.40", |_, stream| json(stream, 404, r#"{"message":"asked"}"#));
    assert!(refusal(&engine, &["update", "--pids-limit", "5", "c"]).contains("asked"));
}

#[test]
fn signatures_that_are_asked_for_are_not_forgotten() {
    let engine = Engine::new("1.51", |request, stream| match request.line.as_str() {
        "POST /containers/create" => json(stream, 201, r#"{"Id":"abc"}"#),
        _ => json(stream, 204, ""),
    });
    let text = "content trust is not supported";
    for words in [
        &["create", "--disable-content-trust=false", "img"][..],
        &["pull", "--disable-content-trust=false", "img"],
        &["push", "--disable-content-trust=false", "img"],
    ] {
        assert!(refusal(&engine, words).contains(text), "{words:?}");
    }
    let run = engine.run(&["run", "-d", "--disable-content-trust=false", "img"], b"");
    assert_eq!(run.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&run.stderr).contains(text));
    for (value, trusted) in [("1", true), ("yes", true), ("0", false), ("false", false), ("", false)] {
        let output = engine.hythe(&["create", "img"]).env("DOCKER_CONTENT_TRUST", value).output().unwrap();
        assert_eq!(output.status.success(), !trusted, "{value:?}");
    }
    // A digest says what is wanted, and the flag goes before the environment.
    let digest = format!("img@sha256:{}", "0".repeat(64));
    for words in [&["create", digest.as_str()][..], &["create", "--disable-content-trust", "img"]] {
        let output = engine.hythe(words).env("DOCKER_CONTENT_TRUST", "1").output().unwrap();
        assert!(output.status.success(), "{words:?} {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn one_engine_at_a_time() {
    let output = hythe(&["-H", "unix:///a", "-H", "unix:///b", "ps"]).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with(
        "invalid argument \"unix:///b\" for \"-H, --host\" flag: specify only one -H\n\nUsage:  "
    ));
}
