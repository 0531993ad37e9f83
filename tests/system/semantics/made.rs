//! Semantics 48 to 66: what a container becomes from what was asked for, how it is found, and what its start says.

use serde_json::{Value, json};
use testkit::{Output, wait};

use super::Engine;

/// Nanoseconds of a probe's interval that tests can wait for.
const SOON: u64 = 30_000_000;

impl Engine {
    /// Makes a container, by itself what `busybox` is.
    fn create(&self, name: &str, body: Value) -> String {
        let mut all = json!({ "Image": "busybox" });
        all.as_object_mut().expect("an object").extend(body.as_object().expect("an object").clone());
        let answer = self.post(&format!("/containers/create?name={name}"), &all);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["Id"].as_str().expect("an ID").to_owned()
    }

    fn run(&self, name: &str, body: Value) {
        self.create(name, body);
        self.is(&self.post(&format!("/containers/{name}/start"), &Value::Null), 204, None);
    }

    fn inspect(&self, name: &str) -> Value {
        self.get(&format!("/containers/{name}/json")).json()
    }

    fn inside(&self, name: &str, words: &[&str]) -> Output {
        self.daemon.hythe(["exec", name].iter().chain(words))
    }

    fn health(&self, name: &str) -> String {
        self.inspect(name)["State"]["Health"]["Status"].as_str().unwrap_or("none").to_owned()
    }
}

#[test]
fn semantics_48_a_paused_container_keeps_other_signals_and_dies_of_kill() {
    let engine = Engine::new();
    engine.run("held", json!({ "Cmd": ["sleep", "1000"] }));
    engine.post("/containers/held/pause", &Value::Null);
    engine.is(&engine.post("/containers/held/kill?signal=USR2", &Value::Null), 204, None);
    assert_eq!(engine.inspect("held")["State"]["Status"], "paused");
    engine.is(&engine.post("/containers/held/kill", &Value::Null), 204, None);
    wait::until_true("it has ended", || {
        let state = engine.inspect("held")["State"].clone();
        (state["Status"] == "exited") && state["Paused"] == json!(false) && state["ExitCode"] == 137
    });
}

#[test]
fn semantics_51_policies_that_make_no_sense_and_ends_that_are_no_failures() {
    let engine = Engine::new();
    let with = |policy: Value| {
        let body = json!({ "Image": "busybox", "HostConfig": { "RestartPolicy": policy } });
        engine.post("/containers/create", &body)
    };
    let count = "invalid restart policy: maximum retry count can only be used with 'on-failure'";
    for (policy, text) in [
        (json!({ "Name": "always", "MaximumRetryCount": 2 }), count),
        (json!({ "Name": "no", "MaximumRetryCount": 2 }), count),
        (json!({ "Name": "", "MaximumRetryCount": 2 }), count),
        (
            json!({ "Name": "on-failure", "MaximumRetryCount": -1 }),
            "invalid restart policy: maximum retry count cannot be negative",
        ),
    ] {
        engine.is(&with(policy), 400, Some(text));
    }
    // Success is the end for on-failure, not for always.
    for (name, policy) in [("fails", "on-failure"), ("always", "always")] {
        let host = json!({ "RestartPolicy": { "Name": policy } });
        engine.run(name, json!({ "Cmd": ["true"], "HostConfig": host }));
    }
    wait::until_true("it runs again and again", || {
        engine.inspect("always")["RestartCount"].as_u64().is_some_and(|count| count >= 2)
    });
    let fails = engine.inspect("fails");
    assert_eq!((&fails["RestartCount"], &fails["State"]["Status"]), (&json!(0), &json!("exited")));
}

#[test]
fn semantics_54_and_55_a_start_that_fails_has_its_status_its_words_and_its_codes() {
    let engine = Engine::new();
    const START: &str = "failed to create task for container: failed to create shim task: OCI runtime create failed: \
        runc create failed: unable to start container process: error during container init: ";
    let programs = [
        ("nosuch", 127, "exec: \"nosuch\": executable file not found in $PATH"),
        ("/nosuch", 127, "exec: \"/nosuch\": stat /nosuch: no such file or directory"),
        ("/etc", 126, "exec: \"/etc\": is a directory: permission denied"),
        ("/etc/passwd", 126, "exec: \"/etc/passwd\": permission denied"),
        (
            "/etc/passwd/x",
            127,
            "exec: \"/etc/passwd/x\": stat /etc/passwd/x: not a directory: Are you trying to mount a \
            directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type",
        ),
    ];
    for (at, (program, code, text)) in programs.into_iter().enumerate() {
        let name = format!("wrong{at}");
        engine.create(&name, json!({ "Cmd": [program] }));
        let answer = engine.post(&format!("/containers/{name}/start"), &Value::Null);
        let text = format!("{START}{text}");
        engine.is(&answer, 400, Some(&text));
        let state = engine.inspect(&name)["State"].clone();
        assert_eq!(
            [&state["Status"], &state["ExitCode"], &state["Error"]],
            [&json!("created"), &json!(code), &json!(text)]
        );
        // The client of Docker and ours take their own codes from the words.
        for output in [
            engine.daemon.hythe(["run", "--rm", "busybox", program]),
            engine.daemon.docker(["run", "--rm", "busybox", program]),
        ] {
            // The words that clients look for.
            let known = [
                "executable file not found",
                "no such file or directory",
                "is a directory",
                "permission denied",
            ];
            let expected = if known.iter().any(|word| text.contains(word)) { code } else { 125 };
            assert_eq!(output.code, expected, "{output:?}");
        }
    }
    // What has nothing to do with the program is 128.
    let device =
        json!({ "PathOnHost": "/dev/nosuch", "PathInContainer": "/dev/x", "CgroupPermissions": "r" });
    engine.create("device", json!({ "HostConfig": { "Devices": [device] } }));
    let answer = engine.post("/containers/device/start", &Value::Null);
    let text = "error gathering device information while adding custom device \"/dev/nosuch\": no such file or directory";
    assert!(answer.status >= 400 && answer.json()["message"] == text, "{}", answer.text());
    assert_eq!(engine.inspect("device")["State"]["ExitCode"], 128);
    assert_eq!(engine.daemon.hythe(["run", "--rm", "--device", "/dev/nosuch", "busybox"]).code, 127);
}

#[test]
fn semantics_59_what_counts_as_unhealthy_and_when() {
    let engine = Engine::new();
    let probe = |test: Value, more: Value| {
        let mut health =
            json!({ "Test": test, "Interval": SOON, "Timeout": 10_000_000_000_u64, "Retries": 2 });
        health.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({ "Cmd": ["sleep", "1000"], "Healthcheck": health })
    };
    // In the start period failures do not count, until the first success.
    let hour = json!({ "StartPeriod": 3_600_000_000_000_u64, "StartInterval": SOON });
    engine.run("patient", probe(json!(["CMD-SHELL", "echo x >> /tries; test -e /well"]), hour));
    wait::until_true("it has failed more often than it may", || {
        engine.inside("patient", &["cat", "/tries"]).stdout.lines().count() > 3
    });
    let health = engine.inspect("patient")["State"]["Health"].clone();
    assert_eq!((&health["Status"], &health["FailingStreak"]), (&json!("starting"), &json!(0)));
    engine.inside("patient", &["touch", "/well"]).ok();
    wait::until_true("it is healthy", || engine.health("patient") == "healthy");
    engine.inside("patient", &["rm", "/well"]).ok();
    wait::until_true("failures count", || engine.health("patient") == "unhealthy");
    // A paused one is not asked.
    engine.post("/containers/patient/pause", &Value::Null);
    let last = || engine.inspect("patient")["State"]["Health"]["Log"][4]["Start"].clone();
    let (mut before, mut now) = (Value::Null, last());
    wait::until_true("the last answer has come", || {
        before = std::mem::replace(&mut now, last());
        before == now
    });
    engine.post("/containers/patient/unpause", &Value::Null);
    wait::until_true("it is asked again", || last() != now);
    // None, and nothing to inherit.
    for test in [json!(["NONE"]), json!([])] {
        let name = format!("none{}", test.as_array().map_or(0, Vec::len));
        engine.run(&name, probe(test, json!({})));
        assert_eq!(engine.health(&name), "none");
    }
    assert!(engine.inspect("none0")["Config"]["Healthcheck"].get("Test").is_none());
    // The container's own shell, not the image's.
    engine.create("plain", json!({ "Cmd": ["true"] }));
    let answer = engine.post("/commit?container=plain&repo=shelled", &json!({ "Shell": ["/bin/false"] }));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let mut body = probe(json!(["CMD-SHELL", "true"]), json!({}));
    body["Image"] = "shelled".into();
    engine.run("inherits", body.clone());
    assert!(engine.inspect("inherits")["Config"].get("Shell").is_none());
    body["Shell"] = json!(["/bin/false"]);
    engine.run("own", body);
    wait::until_true("both have been asked", || {
        engine.health("inherits") == "healthy" && engine.health("own") == "unhealthy"
    });
}

#[test]
fn semantics_61_full_ids_before_names_before_prefixes() {
    let engine = Engine::new();
    let (first, second) = (engine.create("first", json!({})), engine.create("second", json!({})));
    let found = |reference: &str| engine.inspect(reference)["Id"].as_str().map(str::to_owned);
    let rename = |name: &str| {
        engine.is(&engine.post(&format!("/containers/{second}/rename?name={name}"), &Value::Null), 204, None);
    };
    rename(&first);
    assert_eq!(found(&first), Some(first.clone()), "a full ID goes before a name");
    rename(&first[..10]);
    assert_eq!(found(&first[..10]), Some(second.clone()), "a name goes before a prefix");
    assert_eq!(found(&first[..9]), Some(first.clone()));
    // Seventeen IDs cannot begin with sixteen different digits.
    let ids: Vec<String> = (0..17).map(|at| engine.create(&format!("more{at}"), json!({}))).collect();
    let digits = "0123456789abcdef".chars().map(|digit| digit.to_string());
    let mut digits = digits.filter(|digit| ids.iter().filter(|id| id.starts_with(digit)).count() > 1);
    let digit = digits.next().expect("two that begin alike");
    let text = format!("multiple IDs found with provided prefix: {digit}");
    engine.is(&engine.get(&format!("/containers/{digit}/json")), 400, Some(&text));
    engine.is(&engine.post(&format!("/containers/{digit}/start"), &Value::Null), 400, Some(&text));
}

#[test]
fn semantics_63_the_host_name_is_the_short_id_or_the_hosts() {
    let engine = Engine::new();
    let id = engine.create("own", json!({ "Cmd": ["hostname"] }));
    assert_eq!(engine.daemon.hythe(["start", "-a", "own"]).ok(), id[..12]);
    assert_eq!(engine.inspect("own")["Config"]["Hostname"], id[..12]);
    let host = json!({ "NetworkMode": "host" });
    engine.create("hosts", json!({ "Cmd": ["hostname"], "HostConfig": host }));
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    assert_eq!(engine.daemon.hythe(["start", "-a", "hosts"]).ok(), name.trim_end());
    assert_eq!(engine.inspect("hosts")["Config"]["Hostname"], name.trim_end());
}

#[test]
fn semantics_64_the_environment_in_its_order() {
    let engine = Engine::new();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    for (tty, wanted, seen) in [
        (false, json!([]), vec![path, "HOSTNAME=hh", "HOME=/root"]),
        (
            true,
            json!(["A=1", "HOSTNAME=own", "PATH=/bin", "B", "FOO=", "A=2", "Z=3"]),
            vec!["PATH=/bin", "HOSTNAME=own", "TERM=xterm", "FOO=", "A=2", "Z=3", "HOME=/root"],
        ),
        (false, json!(["Z=3", "A=1", "HOME=/h", "A", "HOSTNAME"]), vec![path, "Z=3", "A=1", "HOME=/h"]),
    ] {
        let body = json!({ "Cmd": ["/bin/env"], "Hostname": "hh", "Tty": tty, "Env": wanted });
        engine.create("said", body);
        let said = engine.daemon.hythe(["start", "-a", "said"]).ok().replace('\r', "");
        assert_eq!(said.lines().collect::<Vec<_>>(), seen, "{wanted}");
        engine.daemon.hythe(["rm", "said"]).ok();
    }
    // The home is that of the user in the container's own passwd, or `/`.
    let home = |user: &str| {
        engine.daemon.hythe(["run", "--rm", "-u", user, "busybox", "sh", "-c", "echo $HOME"]).ok()
    };
    let passwd = engine.daemon.hythe(["run", "--rm", "busybox", "cat", "/etc/passwd"]).ok();
    let nobody = passwd.lines().find(|line| line.starts_with("nobody:")).expect("nobody");
    assert_eq!(home("nobody"), nobody.split(':').nth(5).expect("a home"));
    assert_eq!(home("4242"), "/");
}

#[test]
fn semantics_66_the_images_settings_with_the_users_over_them() {
    let engine = Engine::new();
    engine.create("plain", json!({ "Cmd": ["true"] }));
    let image = json!({
        "Env": ["A=1", "B=2"], "Labels": { "l": "image", "m": "image" }, "ExposedPorts": { "80/tcp": {} },
        "Volumes": { "/v": {} }, "Cmd": ["of", "image"], "User": "5", "WorkingDir": "/w", "StopSignal": "INT",
        "Healthcheck": { "Test": ["CMD", "true"], "Interval": 5_000_000_000_u64, "Retries": 7 },
    });
    let answer = engine.post("/commit?container=plain&repo=merged", &image);
    assert_eq!(answer.status, 201, "{}", answer.text());
    engine.create(
        "both",
        json!({
            "Image": "merged", "Env": ["B=3", "C=4"], "Labels": { "m": "user", "n": "user" },
            "ExposedPorts": { "81/tcp": {} }, "Volumes": { "/u": {} },
            "Healthcheck": { "Retries": 2, "Timeout": 3_000_000_000_u64 },
        }),
    );
    let mut config = engine.inspect("both")["Config"].clone();
    // What the image that it was made of says itself.
    let env = config["Env"].as_array_mut().expect("a list");
    env.retain(|entry| !entry.as_str().is_some_and(|entry| entry.starts_with("PATH=")));
    for (key, value) in [
        ("Env", json!(["B=3", "C=4", "A=1"])),
        ("Labels", json!({ "l": "image", "m": "user", "n": "user" })),
        ("ExposedPorts", json!({ "80/tcp": {}, "81/tcp": {} })),
        ("Volumes", json!({ "/u": {}, "/v": {} })),
        (
            "Healthcheck",
            json!({ "Test": ["CMD", "true"], "Interval": 5_000_000_000_u64, "Timeout": 3_000_000_000_u64, "Retries": 2 }),
        ),
        ("Cmd", json!(["of", "image"])),
        ("Entrypoint", Value::Null),
        ("User", json!("5")),
        ("WorkingDir", json!("/w")),
        ("StopSignal", json!("INT")),
    ] {
        assert_eq!(config[key], value, "{key}");
    }
}
