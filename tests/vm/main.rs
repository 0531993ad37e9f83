//! A selection of the black-box tests in a virtual machine with pure cgroup v2 and AppArmor, as `scripts/vm-test.sh` runs
//! them; here so that an ordinary test run has met that kind of kernel too.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The newest program of the `container` tests beside this one.
fn container_tests() -> Option<PathBuf> {
    let own = std::env::current_exe().expect("the test's own path");
    let built = std::fs::read_dir(own.parent().expect("a directory")).expect("list it").flatten();
    built
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_none())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("container-")))
        .max_by_key(|path| path.metadata().and_then(|meta| meta.modified()).ok())
}

#[test]
fn resources_and_apparmor_on_a_kernel_with_cgroup_v2() {
    let has = |program: &str| {
        Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .output()
            .is_ok_and(|o| o.status.success())
    };
    if !has("qemu-system-x86_64") || !cfg!(target_arch = "x86_64") {
        testkit::skip::report("the virtual machine: qemu-system-x86_64 is not installed here");
        return;
    }
    let Some(tests) = container_tests() else {
        testkit::skip::report("the virtual machine: the container tests are not built");
        return;
    };
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("scripts/vm-test.sh");
    let output = testkit::Output::of(
        Command::new(script)
            .args(["unified::", "userns::a_containers_root", "userns::images_do_not"])
            .env("HYTHE_TESTS", tests)
            .env("HYTHE_BIN", testkit::program("hythed").parent().expect("a directory"))
            .env("HYTHE_SHIM", testkit::shim()),
    );
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    // Nothing of it may have been skipped there: that is what the machine is for.
    assert!(
        output.stdout.contains("test result: ok. 6 passed") && !output.stdout.contains("SKIPPED"),
        "{}",
        output.stdout
    );
}
