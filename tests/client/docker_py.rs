//! docker-py, the Python client under Compose 1, Ansible and Testcontainers: our script over its usual calls, and the
//! integration tests of its own source package.
//!
//! The client comes from PyPI into an environment beside the fixture images, once. Without a way to PyPI both tests are
//! reported as skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::fixture::workspace;
use testkit::{Daemon, Options, Output, Registry, Sandbox, fixture, skip};

/// The newest release whose source package has its tests with it.
const VERSION: &str = "6.1.3";

/// What its tests need beside it; later releases of `requests` and `pytest` do not work with it.
const NEEDED: [&str; 5] =
    ["requests<2.32", "websocket-client", "pytest==7.1.2", "pytest-timeout==2.1.0", "paramiko"];

/// The files of its tests whose subjects exist here. The others are about building images, plugins and swarm.
const SUBJECTS: [&str; 15] = [
    "api_client",
    "api_container",
    "api_exec",
    "api_healthcheck",
    "api_image",
    "api_network",
    "api_volume",
    "client",
    "errors",
    "models_containers",
    "models_images",
    "models_networks",
    "models_resources",
    "models_volumes",
    "regression",
];

/// Longest time for one of its tests, in seconds.
const PATIENCE: &str = "--timeout=90";

/// The environment: `bin/python`, and the unpacked source package in `source`. `None` if PyPI cannot be reached.
fn environment() -> Option<PathBuf> {
    let dir = fixture::dir().join(format!("docker-py-{VERSION}"));
    std::fs::create_dir_all(fixture::dir()).expect("the directory of the fixtures");
    let lock = File::create(dir.with_extension("lock")).expect("a lock");
    lock.lock().expect("lock");
    if dir.join("ready").exists() {
        return Some(dir);
    }
    let _ = std::fs::remove_dir_all(&dir);
    Output::of(Command::new("python3").args(["-m", "venv"]).arg(&dir)).ok();
    let docker = format!("docker=={VERSION}");
    let pip = |args: &[&str]| {
        let output = Output::of(Command::new(dir.join("bin/pip")).arg("--quiet").args(args));
        (output.code == 0).then_some(()).ok_or_else(|| eprintln!("{}", output.stderr))
    };
    let source = dir.join("source");
    let got = pip(&[&["install", &docker], &NEEDED[..]].concat()).and_then(|()| {
        let to = source.to_str().expect("a plain path");
        pip(&["download", "--no-deps", "--no-binary", ":all:", "--dest", to, &docker])
    });
    if got.is_err() {
        skip::report(&format!("docker-py {VERSION} cannot be got from PyPI"));
        return None;
    }
    let archive = source.join(format!("docker-{VERSION}.tar.gz"));
    let unpack = ["--strip-components=1", "-xzf"].map(str::to_owned);
    Output::of(Command::new("tar").arg("-C").arg(&source).args(unpack).arg(archive)).ok();
    File::create(dir.join("ready")).expect("mark it");
    Some(dir)
}

#[test]
fn the_usual_calls() {
    let Some(environment) = environment() else { return };
    let daemon = Daemon::start();
    let script = workspace().join("tests/client/docker_py.py");
    Output::of(&mut daemon.client(environment.join("bin/python"), [script])).ok();
}

/// Every failure of its own tests is on our list, with the reason, and nothing on the list passes.
#[test]
fn its_own_tests() {
    let Some(environment) = environment() else { return };
    let sandbox = Sandbox::new();
    let registry = Registry::start(&sandbox, 5000, &["busybox"]);
    let mirror = format!("--registry-mirror=http://{}", registry.address());
    let options = Options { flags: vec![mirror], images: vec!["busybox"], ..Options::default() };
    let daemon = Daemon::within(sandbox, options);
    make_images(&daemon, &registry);
    let results = run(&daemon, &environment);
    let expected = expected();
    let failed: BTreeSet<&String> =
        results.iter().filter(|(_, passed)| !**passed).map(|(name, _)| name).collect();
    let surprising: Vec<_> = failed.iter().filter(|name| !expected.contains_key(**name)).collect();
    let outdated: Vec<_> = expected.keys().filter(|name| !failed.contains(name)).collect();
    eprintln!("{} of {} passed, {} failed", results.len() - failed.len(), results.len(), failed.len());
    assert!(results.len() > 200, "only {} tests ran", results.len());
    assert!(surprising.is_empty(), "fail and are not expected to: {surprising:#?}");
    assert!(outdated.is_empty(), "pass now, or are gone; take them off the list: {outdated:#?}");
    daemon.hythe(["network", "prune", "-f"]).ok();
    daemon.hythe(["volume", "prune", "-af"]).ok();
}

/// The images that the tests know, each one of its own so that removing one leaves the others: here, and in the mirror.
fn make_images(daemon: &Daemon, registry: &Registry) {
    for name in ["alpine:3.10", "alpine:latest", "hello-world:latest", "busybox:buildroot-2014.02"] {
        daemon.hythe(["run", "--name", "base", "busybox", "sh", "-c", &format!("echo {name} > /name")]).ok();
        daemon.hythe(["commit", "-c", "CMD [\"sh\"]", "base", name]).ok();
        daemon.hythe(["rm", "base"]).ok();
    }
    for name in ["alpine:3.10", "alpine:latest", "hello-world:latest"] {
        let there = format!("{}/library/{name}", registry.address());
        daemon.hythe(["tag", name, &there]).ok();
        daemon.hythe(["push", "-q", &there]).ok();
        daemon.hythe(["rmi", &there]).ok();
    }
    daemon.hythe(["rmi", "hello-world"]).ok();
}

/// Runs them; each test's name, and whether it passed.
fn run(daemon: &Daemon, environment: &Path) -> BTreeMap<String, bool> {
    let files = SUBJECTS.map(|subject| format!("tests/integration/{subject}_test.py"));
    let script = "cd \"$0\" && exec \"$@\"";
    let source = environment.join("source");
    let python = environment.join("bin/python");
    let start = ["-c", script, source.to_str().expect("plain"), python.to_str().expect("plain")];
    let options =
        ["-m", "pytest", "-p", "no:cacheprovider", "-q", "-rA", "--tb=short", "-W", "ignore", PATIENCE];
    let args = start.into_iter().chain(options).chain(files.iter().map(String::as_str));
    let output = Output::of(&mut daemon.client("sh", args));
    let mut results = BTreeMap::new();
    for line in output.stdout.lines() {
        let Some((word, rest)) = line.split_once(' ') else { continue };
        let passed = match word {
            "PASSED" => true,
            "FAILED" | "ERROR" => false,
            _ => continue,
        };
        let name = rest.split(" - ").next().unwrap_or(rest).trim_start_matches("tests/integration/");
        if name.contains("::") {
            results.insert(name.to_owned(), passed);
        }
    }
    assert!(!results.is_empty(), "{}{}", output.stdout, output.stderr);
    if results.values().any(|passed| !passed) {
        eprintln!("{}", output.stdout);
    }
    results
}

/// The tests that fail, with why: lines of `name: reason`.
fn expected() -> BTreeMap<String, String> {
    let path = workspace().join("tests/client/docker_py_failures.txt");
    let text = std::fs::read_to_string(&path).expect("the list of failures");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let split = |line: &str| {
        let (name, reason) = line.split_once(": ").unwrap_or_else(|| panic!("no reason in {line:?}"));
        (name.to_owned(), reason.to_owned())
    };
    lines.map(split).collect()
}
