//! Requests and answers: versions, headers, pulling a missing image, logs, prompts, texts.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::{Engine, called, frame, hythe, json};

#[test]
fn the_older_version_of_both_is_spoken() {
    for (version, prefix) in [("1.44", "/v1.44/"), ("1.99", "/v1.51/")] {
        let engine = Engine::new(version, |_, stream| json(stream, 200, "[]"));
        let output = engine.run(&["ps"], b"");
        assert!(output.status.success());
        assert!(engine.seen()[0].target.starts_with(prefix), "{}", engine.seen()[0].target);
    }
}

#[test]
fn the_version_can_be_given() {
    let engine = Engine::new("1.51", |_, stream| json(stream, 200, "[]"));
    assert!(engine.hythe(&["ps"]).env("DOCKER_API_VERSION", "1.40").output().unwrap().status.success());
    assert!(engine.seen()[0].target.starts_with("/v1.40/"));
}

#[test]
fn nobody_there() {
    let output = hythe(&["ps"]).env("DOCKER_HOST", "unix:///nonexistent/sock").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "Cannot connect to the Docker daemon at unix:///nonexistent/sock. Is the docker daemon running?\n"
    );
}

#[test]
fn called_as_docker_it_says_docker() {
    let directory = tempfile::tempdir().unwrap();
    let docker = called(directory.path(), "docker");
    let output = std::process::Command::new(docker).arg("nosuch").env_clear().output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "docker: unknown command: docker nosuch\n\nRun 'docker --help' for more information\n"
    );
}

#[test]
fn a_missing_image_is_pulled() {
    let pulled = AtomicBool::new(false);
    let engine = Engine::new("1.51", move |request, stream| match request.line.as_str() {
        "POST /images/create" => {
            pulled.store(true, Ordering::Release);
            json(stream, 200, "{\"status\":\"Pulling\",\"id\":\"latest\"}\n{\"status\":\"Status: done\"}\n");
        }
        "POST /containers/create" if pulled.load(Ordering::Acquire) => json(stream, 201, r#"{"Id":"abc"}"#),
        "POST /containers/create" => json(stream, 404, r#"{"message":"No such image: img:latest"}"#),
        _ => json(stream, 204, ""),
    });
    let output = engine.run(&["run", "-d", "img"], b"");
    assert!(output.status.success());
    assert_eq!(output.stdout, b"abc\n");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "Unable to find image 'img:latest' locally\nlatest: Pulling\nStatus: done\n"
    );
    let pull = engine.seen().into_iter().find(|request| request.line == "POST /images/create").unwrap();
    assert!(pull.target.ends_with("?fromImage=docker.io%2Flibrary%2Fimg&tag=latest"), "{}", pull.target);
}

#[test]
fn logs_in_many_small_chunks() {
    const LINES: usize = 20_000;
    let engine = Engine::new("1.51", |request, stream| match request.line.as_str() {
        "GET /containers/c/json" => json(stream, 200, r#"{"Id":"cid","Config":{"Tty":false}}"#),
        _ => {
            let mut wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for line in 0..LINES {
                let bytes = frame(1 + (line % 2) as u8, format!("line {line}\n").as_bytes());
                write!(wire, "{:x}\r\n", bytes.len()).unwrap();
                wire.extend(bytes);
                wire.extend(b"\r\n");
            }
            wire.extend(b"0\r\n\r\n");
            stream.write_all(&wire).unwrap();
        }
    });
    let output = engine.run(&["logs", "c"], b"");
    assert!(output.status.success());
    let of = |rest: usize| {
        (0..LINES).filter(|line| line % 2 == rest).map(|line| format!("line {line}\n")).collect::<String>()
    };
    assert_eq!(String::from_utf8(output.stdout).unwrap(), of(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), of(1));
}

#[test]
fn nothing_is_pruned_without_a_yes() {
    let engine = Engine::new("1.51", |_, stream| json(stream, 200, r#"{"SpaceReclaimed":0}"#));
    let output = engine.run(&["container", "prune"], b"n\n");
    assert!(output.status.success());
    assert!(engine.lines().is_empty());
    let output = engine.run(&["container", "prune"], b"y\n");
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("Total reclaimed space: 0B\n"));
    assert_eq!(engine.lines(), ["POST /containers/prune"]);
}

#[test]
fn configured_headers_and_credentials_are_sent() {
    let engine = Engine::new("1.51", |_, stream| json(stream, 200, "{\"status\":\"ok\"}\n"));
    let config = tempfile::tempdir().unwrap();
    std::fs::write(
        config.path().join("config.json"),
        r#"{"HttpHeaders":{"X-Own":"yes"},"auths":{"reg.example":{"auth":"bWU6c2VjcmV0"}}}"#,
    )
    .unwrap();
    let output = engine
        .hythe(&["pull", "-q", "reg.example/a:b"])
        .env("DOCKER_CONFIG", config.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "reg.example/a:b\n");
    let request = engine.seen().remove(0);
    let header = |name: &str| {
        request
            .headers
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    };
    assert_eq!(header("x-own"), "yes");
    let login = api::auth::Config::decode(&header("x-registry-auth")).unwrap();
    assert_eq!((login.username.as_str(), login.password.as_str()), ("me", "secret"));
}

#[test]
fn a_context_names_the_engine() {
    let engine = Engine::new("1.51", |_, stream| json(stream, 200, "[]"));
    let config = tempfile::tempdir().unwrap();
    let id = oci::digest::Digest::of(b"mine").hex();
    let meta = config.path().join("contexts/meta").join(id);
    std::fs::create_dir_all(&meta).unwrap();
    let text = format!(
        r#"{{"Name":"mine","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{}"}}}}}}"#,
        engine.host()
    );
    std::fs::write(meta.join("meta.json"), text).unwrap();
    let run = |args: &[&str]| hythe(args).env("DOCKER_CONFIG", config.path()).output().unwrap();
    assert!(run(&["-c", "mine", "ps"]).status.success());
    assert_eq!(engine.lines(), ["GET /containers/json"]);
    assert!(run(&["context", "use", "mine"]).status.success());
    assert_eq!(run(&["context", "show"]).stdout, b"mine\n");
    let output = run(&["-c", "other", "ps"]);
    assert!(String::from_utf8_lossy(&output.stderr).starts_with(
        "Failed to initialize: unable to resolve docker endpoint: context \"other\": context not found: open "
    ));
}

#[test]
fn inspect_prints_what_the_engine_wrote() {
    let engine = Engine::new("1.51", |request, stream| match request.line.as_str() {
        "GET /containers/c/json" => json(stream, 200, "{\"Z\":1.50,\"A\":\"<é>\",\"L\":[]}\n"),
        _ => json(stream, 404, r#"{"message":"No such thing"}"#),
    });
    let output = engine.run(&["inspect", "c", "d"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "[\n    {\n        \"Z\": 1.50,\n        \"A\": \"<é>\",\n        \"L\": []\n    }\n]\n"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "Error: No such object: d\n");
}

#[test]
fn a_broken_answer_is_a_failure() {
    let engine = Engine::new("1.51", |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[").unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    });
    let output = engine.run(&["ps"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.is_empty() && output.stdout.is_empty());
}

#[test]
fn completion_knows_commands_flags_and_names() {
    let engine = Engine::new("1.51", |_, stream| json(stream, 200, r#"[{"Names":["/web"],"Image":"img"}]"#));
    let complete = |words: &[&str]| {
        let output = engine.run(&[&["__complete"], words].concat(), b"");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(complete(&["rena"]), "rename\tRename a container\n");
    assert_eq!(complete(&["network", "disc"]), "disconnect\tDisconnect a container from a network\n");
    assert!(complete(&["run", "--vol"]).contains("--volumes-from\t"));
    assert_eq!(complete(&["rm", "-f", "w"]), "web\timg\n");
    assert_eq!(complete(&["run", "--pull", "n"]), "never\t\n");
}

#[test]
fn a_login_is_tried_and_kept_and_forgotten() {
    let engine = Engine::new("1.51", |request, stream| {
        let login: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        if login["password"] == "right" {
            json(stream, 200, r#"{"Status":"Login Succeeded","IdentityToken":""}"#);
        } else {
            json(stream, 401, r#"{"message":"unauthorized: incorrect username or password"}"#);
        }
    });
    let config = tempfile::tempdir().unwrap();
    let file = config.path().join("config.json");
    let run = |args: &[&str], input: &[u8]| {
        let mut child = engine
            .hythe(args)
            .env("DOCKER_CONFIG", config.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not ask for a password does not read.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    };
    let refused = run(&["login", "-u", "me", "--password-stdin", "reg.example"], b"wrong\n");
    assert_eq!(refused.status.code(), Some(1));
    assert!(!file.exists());
    let kept = run(&["login", "-u", "me", "--password-stdin", "reg.example"], b"right\n");
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "Login Succeeded\n");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&text).unwrap(),
        serde_json::json!({"auths": {"reg.example": {"auth": "bWU6cmlnaHQ="}}})
    );
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(run(&["logout", "reg.example"], b"").status.success());
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), serde_json::json!({"auths": {}}));
}

#[test]
fn a_credential_helper_keeps_the_secret() {
    let engine = Engine::new("1.51", |request, stream| match request.line.as_str() {
        "POST /auth" => json(stream, 200, r#"{"Status":"Login Succeeded","IdentityToken":"tok"}"#),
        _ => json(stream, 200, "{\"status\":\"ok\"}\n"),
    });
    let config = tempfile::tempdir().unwrap();
    let store = config.path().join("secrets");
    let helper = config.path().join("docker-credential-fake");
    let script = format!(
        "#!/bin/sh\ncase $1 in\nstore) /bin/cat > {0} ;;\nget) [ -e {0} ] && /bin/cat {0} || {{ echo 'credentials not found in \
         native keychain'; exit 1; }} ;;\nerase) /bin/rm {0} ;;\nesac\n",
        store.display()
    );
    std::fs::write(&helper, script).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(config.path().join("config.json"), r#"{"credsStore":"fake"}"#).unwrap();
    let run = |args: &[&str]| {
        engine.hythe(args).env("DOCKER_CONFIG", config.path()).env("PATH", config.path()).output().unwrap()
    };
    assert!(run(&["login", "-u", "me", "-p", "pw", "reg.example"]).status.success());
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&store).unwrap()).unwrap();
    assert_eq!(kept, serde_json::json!({"ServerURL": "reg.example", "Username": "<token>", "Secret": "tok"}));
    assert!(!std::fs::read_to_string(config.path().join("config.json")).unwrap().contains("tok"));
    assert!(run(&["pull", "-q", "reg.example/a"]).status.success());
    let pull = engine.seen().into_iter().find(|request| request.line == "POST /images/create").unwrap();
    let header = pull.headers.iter().find(|(name, _)| name == "x-registry-auth").unwrap();
    assert_eq!(api::auth::Config::decode(&header.1).unwrap().identitytoken, "tok");
    assert!(run(&["logout", "reg.example"]).status.success());
    assert!(!store.exists());
}

#[test]
fn a_missing_credential_helper_is_no_obstacle_where_nothing_is_asked_of_it() {
    let engine = Engine::new("1.51", |request, stream| match request.line.as_str() {
        "POST /auth" => json(stream, 401, r#"{"message":"wrong password"}"#),
        _ => json(stream, 404, r#"{"message":"not in the script"}"#),
    });
    let config = tempfile::tempdir().unwrap();
    std::fs::write(config.path().join("config.json"), r#"{"credsStore":"nosuch"}"#).unwrap();
    let run = |args: &[&str]| engine.hythe(args).env("DOCKER_CONFIG", config.path()).output().unwrap();
    let login = run(&["login", "-u", "me", "-p", "pw", "reg.example"]);
    assert_eq!(login.status.code(), Some(1));
    let text = String::from_utf8_lossy(&login.stderr).into_owned();
    assert!(text.contains("wrong password") && !text.contains("docker-credential-nosuch"), "{text}");
    let logout = run(&["logout", "reg.example"]);
    assert!(logout.status.success());
    assert!(
        String::from_utf8_lossy(&logout.stderr)
            .starts_with("WARNING: could not erase credentials:\nreg.example: ")
    );
}
