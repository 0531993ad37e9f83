//! Hooks: when and where each runs, what it is told, and what its failure does. The same bundle goes through runc.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::bundle::Bundle;

const POINTS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

/// Writes a line of what it sees: its name, variable, network namespace, and its standard input.
const HOOK: &str = "#!/bin/sh\n\
    echo \"$1 $X $(readlink /proc/self/ns/net) $(pwd) $(cat)\" >> TRACE\n\
    echo said; echo complained >&2\n\
    exit ${2:-0}\n";

/// A bundle with a hook at each point that leaves a trace; that at `fails` fails.
fn bundle(fails: &str) -> Bundle {
    let mut bundle = Bundle::new("cat /tmp/trace; sleep 1000");
    let write = |path: &Path, trace: &Path| {
        fs::write(path, HOOK.replace("TRACE", &trace.display().to_string())).expect("write the hook");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("chmod");
    };
    let outside = bundle.dir.path().join("hook.sh");
    write(&outside, &bundle.dir.path().join("trace"));
    write(&bundle.root().join("bin/hook.sh"), Path::new("/tmp/trace"));
    let mut hooks = json!({});
    for point in POINTS {
        let path = if point == "startContainer" { Path::new("/bin/hook.sh") } else { &outside };
        let mut args = vec!["hook.sh", point];
        if point == fails {
            args.push("7");
        }
        hooks[point] = json!([{"path": path, "args": args, "env": ["X=y", "PATH=/bin:/usr/bin"]}]);
    }
    bundle.spec["hooks"] = hooks;
    bundle.spec["annotations"] = json!({"who": "me"});
    bundle
}

fn create(bundle: &Bundle) -> (i32, String) {
    bundle.write();
    let log = fs::File::create(bundle.dir.path().join("log")).expect("log");
    let mut create = bundle.call(&crate::bundle::program(), &["create", "--pid-file", "pid", "ID"]);
    let status = create.stdout(log.try_clone().expect("dup")).stderr(log).status().expect("create");
    (status.code().unwrap_or(-1), bundle.log())
}

/// The lines that hooks outside have written: name, and what they were told.
fn trace(bundle: &Bundle) -> Vec<(String, String, Value)> {
    let text = fs::read_to_string(bundle.dir.path().join("trace")).unwrap_or_default();
    text.lines()
        .map(|line| {
            let parts: Vec<&str> = line.splitn(5, ' ').collect();
            assert_eq!(parts[1], "y", "{line}");
            (parts[0].to_owned(), parts[2].to_owned(), serde_json::from_str(parts[4]).expect("a state"))
        })
        .collect()
}

fn names(bundle: &Bundle) -> Vec<String> {
    trace(bundle).into_iter().map(|(name, _, _)| name).collect()
}

#[test]
fn each_runs_at_its_point_in_its_namespaces_with_the_state() {
    let bundle = bundle("");
    assert_eq!(create(&bundle), (0, String::new()));
    assert_eq!(names(&bundle), ["prestart", "createRuntime", "createContainer"]);
    assert_eq!(bundle.ours(&["start", "ID"]).code, 0);
    assert_eq!(names(&bundle).last().map(String::as_str), Some("poststart"));
    let pid: u64 = fs::read_to_string(bundle.dir.path().join("pid")).unwrap().parse().unwrap();
    bundle.ours(&["delete", "--force", "ID"]);
    let trace = trace(&bundle);
    let host = fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
    let expected = [
        ("prestart", "creating", pid, true),
        ("createRuntime", "creating", pid, true),
        ("createContainer", "creating", 1, false),
        ("poststart", "running", pid, true),
        ("poststop", "stopped", 0, true),
    ];
    assert_eq!(trace.len(), expected.len());
    for ((name, space, state), (point, status, pid, on_host)) in trace.iter().zip(expected) {
        assert_eq!((name.as_str(), *space == host), (point, on_host));
        assert_eq!(
            (state["status"].as_str(), state["pid"].as_u64().unwrap_or(0)),
            (Some(status), pid),
            "{point}"
        );
        assert_eq!(state["id"], bundle.id.as_str());
        assert_eq!(state["bundle"], bundle.dir.path().to_str().unwrap());
        assert_eq!(state["annotations"]["who"], "me");
    }
    // That before the program runs in the container, as the program would.
    let inside = fs::read_to_string(bundle.root().join("tmp/trace")).unwrap();
    assert!(inside.starts_with("startContainer y net:[") && inside.contains(" / {"), "{inside}");
    assert!(inside.contains("\"status\":\"created\",\"pid\":1"), "{inside}");
    bundle.finish();
}

#[test]
fn runc_runs_the_same_at_create() {
    let ours = bundle("");
    let theirs = bundle("");
    for (bundle, runtime) in [(&ours, crate::bundle::program()), (&theirs, "runc".into())] {
        bundle.write();
        let log = fs::File::create(bundle.dir.path().join("log")).unwrap();
        let status = bundle.call(&runtime, &["create", "ID"]).stdout(log).status().unwrap();
        assert!(status.success(), "{}", bundle.log());
        bundle.call(&runtime, &["delete", "--force", "ID"]).output().unwrap();
    }
    // runc runs `poststart` already now, which the specification has after the start.
    let told = |bundle: &Bundle| -> Vec<(String, Value, bool)> {
        let all = trace(bundle).into_iter().filter(|(name, _, _)| name != "poststart");
        all.map(|(name, _, state)| (name, state["status"].clone(), state["pid"] == json!(1))).collect()
    };
    assert_eq!(told(&ours), told(&theirs));
    ours.finish();
    theirs.finish();
}

#[test]
fn a_failure_ends_what_was_begun_and_says_which() {
    for point in ["prestart", "createRuntime", "createContainer"] {
        let bundle = bundle(point);
        let (code, said) = create(&bundle);
        assert_eq!(code, 1, "{point}");
        let text = format!(
            "unable to start container process: error running {point} hook #0: \
             exit status 7, stdout: said\n, stderr: complained\n"
        );
        assert!(said.contains(text.trim_end()), "{said}");
        assert_ne!(bundle.ours(&["state", "ID"]).code, 0, "{point}");
        assert_eq!(names(&bundle).last().map(String::as_str), Some("poststop"), "{point}");
        bundle.finish();
    }
    for point in ["startContainer", "poststart"] {
        let bundle = bundle(point);
        assert_eq!(create(&bundle).0, 0);
        let started = bundle.ours(&["start", "ID"]);
        assert_eq!(started.code, 1, "{point}");
        assert!(
            started.err.contains(&format!("error running {point} hook #0: exit status 7")),
            "{started:?}"
        );
        bundle.finish();
    }
    let bundle = bundle("poststop");
    assert_eq!(create(&bundle).0, 0);
    let deleted = bundle.ours(&["delete", "ID"]);
    assert_eq!(deleted.code, 0, "it is gone");
    assert!(deleted.err.contains("error running poststop hook #0: exit status 7"), "{deleted:?}");
    bundle.finish();
}

#[test]
fn one_that_takes_too_long_is_killed_and_one_that_is_missing_fails() {
    for (hook, text) in [
        (
            json!({"path": "/bin/sleep", "args": ["sleep", "1000"], "timeout": 1}),
            "hook ran past specified timeout of 1.0s",
        ),
        (json!({"path": "/nosuch"}), "fork/exec /nosuch: no such file or directory"),
        (json!({"path": "relative"}), "hook path \"relative\" is not absolute"),
    ] {
        let mut bundle = Bundle::new("true");
        bundle.spec["hooks"] = json!({"createRuntime": [hook]});
        let (code, said) = create(&bundle);
        assert_eq!(code, 1);
        assert!(said.contains(text), "{said}");
        bundle.finish();
    }
}
