//! CDI: devices that are asked for by the names their vendor's files give them.

use testkit::{Daemon, Options};

const SPEC: &str = r#"
cdiVersion: "0.6.0"
kind: "example.com/thing"
containerEdits:
  env: ["THING=here"]
devices:
  - name: zero
    containerEdits:
      env: ["WHICH=zero"]
      deviceNodes:
        - path: /dev/thing0
          hostPath: /dev/fuse
          permissions: r
      mounts:
        - hostPath: DIR
          containerPath: /thing
          options: ["ro", "rbind"]
"#;

/// A daemon that reads CDI files from a directory of the test's own, with this file in it.
fn with_spec(name: &str, text: &str) -> (Daemon, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join(name), text.replace("DIR", &dir.path().display().to_string()))
        .expect("write");
    let flags = vec![format!("--cdi-spec-dir={}", dir.path().display())];
    (Daemon::with(Options { flags, images: vec!["busybox"], ..Options::default() }), dir)
}

#[test]
fn a_cdi_device_brings_its_node_its_mounts_and_its_variables() {
    if !std::path::Path::new("/dev/fuse").exists() {
        testkit::skip::report("CDI device nodes: this host has no /dev/fuse");
        return;
    }
    let (daemon, dir) = with_spec("thing.yaml", SPEC);
    for flags in [&[][..], &["--privileged"]] {
        let args = ["run", "--rm", "--device", "example.com/thing=zero"];
        let script = "echo $THING $WHICH; ls /thing; touch /thing/x 2>&1 | grep -o Read-only; stat -c %t:%T /dev/thing0";
        let seen = daemon.hythe(args.iter().chain(flags).chain(&["busybox", "sh", "-c", script])).ok();
        assert_eq!(seen, "here zero\nthing.yaml\nRead-only\na:e5", "{flags:?}");
    }
    let open = "dd if=/dev/thing0 of=/dev/null count=0 2>/dev/null && echo reads; (: > /dev/thing0) 2>/dev/null || echo only";
    assert_eq!(
        daemon.hythe(["run", "--rm", "--device", "example.com/thing=zero", "busybox", "sh", "-c", open]).ok(),
        "reads\nonly"
    );
    let info = daemon.hythe(["info", "-f", "{{json .CDISpecDirs}}"]).ok();
    assert_eq!(info, format!("[\"{}\"]", dir.path().display()));
}

#[test]
fn what_no_file_describes_is_refused_in_dockers_words() {
    let (daemon, _dir) = with_spec("thing.yaml", SPEC);
    for (flag, value, text) in [
        (
            "--device",
            "vendor.com/class=name",
            "CDI device injection failed: unresolvable CDI devices vendor.com/class=name",
        ),
        ("--gpus", "all", "could not select device driver \"\" with capabilities: [[gpu]]"),
    ] {
        let error = daemon.hythe(["run", "--rm", flag, value, "busybox", "true"]).fails_with(125);
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn gpus_are_the_cdi_devices_of_their_vendor() {
    let text = r#"{"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [
        {"name": "0", "containerEdits": {"env": ["GPU0=1"]}}, {"name": "1", "containerEdits": {"env": ["GPU1=1"]}},
        {"name": "all", "containerEdits": {"env": ["GPU0=1", "GPU1=1"]}}]}"#;
    let (daemon, _dir) = with_spec("nvidia.json", text);
    for (value, seen) in [("all", "11"), ("1", "1"), ("2", "11"), ("device=1", "1")] {
        let args = ["run", "--rm", "--gpus", value, "busybox", "sh", "-c", "echo $GPU0$GPU1"];
        assert_eq!(daemon.hythe(args).ok(), seen, "{value}");
    }
}

/// Hooks that write to a file beside the description; `startContainer` runs a program of the container.
const HOOKED: &str = r#"
cdiVersion: "0.6.0"
kind: "example.com/hooked"
devices:
  - name: fine
    containerEdits:
      hooks:
        - {hookName: createRuntime, path: DIR/hook, args: [hook, createRuntime]}
        - {hookName: createContainer, path: DIR/hook, args: [hook, createContainer]}
        - {hookName: startContainer, path: /bin/touch, args: [touch, /before]}
        - {hookName: poststart, path: DIR/hook, args: [hook, poststart]}
        - {hookName: poststop, path: DIR/hook, args: [hook, poststop]}
  - name: broken
    containerEdits:
      hooks:
        - {hookName: createContainer, path: DIR/hook, args: [hook, broken, "3"]}
  - name: late
    containerEdits:
      hooks:
        - {hookName: poststart, path: DIR/hook, args: [hook, late, "4"]}
"#;

/// What a vendor's hook does: it reads the state, finds the root by the bundle, and puts a file there.
const HOOK: &str = "#!/bin/sh\nset -e\nstate=$(cat)\nbundle=$(echo \"$state\" | sed 's/.*\"bundle\":\"\\([^\"]*\\)\".*/\\1/')\n\
    echo \"$1 $(echo \"$state\" | sed 's/.*\"status\":\"\\([^\"]*\\)\".*/\\1/')\" >> DIR/trace\n\
    if [ $1 = createContainer ]; then grep -q '\"path\":\"[^\"]*/rootfs\"' $bundle/config.json; echo driver > $bundle/rootfs/driver; fi\n\
    exit ${2:-0}\n";

#[test]
fn the_hooks_of_a_cdi_device_run_and_leave_their_traces() {
    use std::os::unix::fs::PermissionsExt;
    let (daemon, dir) = with_spec("hooked.yaml", HOOKED);
    let hook = dir.path().join("hook");
    std::fs::write(&hook, HOOK.replace("DIR", &dir.path().display().to_string())).expect("write the hook");
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    let trace = || std::fs::read_to_string(dir.path().join("trace")).unwrap_or_default();
    let script = "cat /driver; ls /before; grep Seccomp: /proc/self/status";
    let args = ["run", "--rm", "--device", "example.com/hooked=fine", "busybox", "sh", "-c", script];
    assert_eq!(daemon.hythe(args).ok(), "driver\n/before\nSeccomp:\t2");
    assert_eq!(
        trace(),
        "createRuntime creating\ncreateContainer creating\npoststart running\npoststop stopped\n"
    );
    // One that fails: the start fails, by name, and nothing is left.
    for (device, words) in [
        ("broken", "error during container init: error running createContainer hook #0: exit status 3"),
        ("late", "error running poststart hook #0: exit status 4"),
    ] {
        let device = format!("example.com/hooked={device}");
        let args = ["run", "--name", "fails", "--device", &device, "busybox", "sleep", "1000"];
        let error = daemon.hythe(args).fails_with(125);
        assert!(error.contains(words), "{error}");
        let state = daemon.hythe(["inspect", "-f", "{{.State.Status}} {{.State.Pid}}", "fails"]).ok();
        assert_eq!(state, "created 0");
        daemon.hythe(["rm", "fails"]).ok();
    }
    // An image says nothing about hooks.
    assert!(daemon.hythe(["run", "--rm", "--label", "hooks={}", "busybox", "true"]).ok().is_empty());
    assert_eq!(trace().lines().count(), 6);
}
