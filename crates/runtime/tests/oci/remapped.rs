//! Containers with a user namespace of their own.

use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::seen::{LOOK, MOUNTS};

/// Gives the container ids from 100000 on, and its files to its root.
fn remap(bundle: &mut Bundle) {
    let range = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    bundle.spec["linux"]["uidMappings"] = range.clone();
    bundle.spec["linux"]["gidMappings"] = range;
    let namespaces = bundle.spec["linux"]["namespaces"].as_array_mut().expect("namespaces");
    namespaces.push(json!({ "type": "user" }));
    give(&bundle.root());
    // runc's own process in the namespace walks to the root.
    let open = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(bundle.dir.path(), open).expect("chmod");
}

fn give(path: &Path) {
    lchown(path, Some(100_000), Some(100_000)).expect("lchown");
    if path.symlink_metadata().expect("stat").is_dir() {
        for entry in path.read_dir().expect("list") {
            give(&entry.expect("entry").path());
        }
    }
}

fn check_same(script: &str, change: impl Fn(&mut Value)) {
    let mut bundle = Bundle::new(script);
    remap(&mut bundle);
    // runc has it written by root of the namespace, which does not have so many groups.
    if let Some(parameters) = bundle.spec["linux"]["sysctl"].as_object_mut() {
        parameters.remove("net.ipv4.ping_group_range");
    }
    change(&mut bundle.spec);
    let theirs = bundle.run_under(Path::new("runc"));
    let ours = bundle.run();
    assert_eq!(ours.out, theirs.out, "{}", theirs.err);
    assert_eq!((ours.code, &ours.err), (theirs.code, &theirs.err));
    bundle.finish();
}

#[test]
fn the_same_as_under_runc() {
    // Device nodes are made, where runc binds the host's, which belong to nobody inside.
    let look = LOOK.replace("%u %g %t:%T %n' /dev/*", "%t:%T %n' /dev/*");
    let mounts = format!("{MOUNTS} | grep -vE '^/dev/(full|null|random|tty|urandom|zero) '");
    let ids = "stat -c '%u %g %n' /dev/pts /dev/pts/ptmx /dev/shm /sys /proc /proc/sys/net /dev; \
               cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups";
    check_same(&format!("{ids}; {look}{mounts}"), |_| ());
}

#[test]
fn the_same_as_under_runc_for_a_user_who_writes() {
    let script = "id; umask; pwd; touch /tmp/mine; ls -ln /tmp; echo x > /proc/self/oom_score_adj; ulimit -u; \
                  stat -c '%u %g' /dev/fd/1 /dev/shm /proc/1 /proc/sys/net; mount -t proc p /tmp; hostname x";
    check_same(script, |spec| {
        spec["process"]["user"] =
            json!({ "uid": 1000, "gid": 1000, "additionalGids": [1000, 10], "umask": 0o027 });
        spec["process"]["rlimits"] = json!([{ "type": "RLIMIT_NPROC", "hard": 500, "soft": 400 }]);
        spec["process"]["cwd"] = json!("/tmp");
        spec["process"]["oomScoreAdj"] = json!(500);
    });
}

#[test]
fn an_exec_is_in_the_namespace_and_what_it_makes_is_its_roots() {
    let mut bundle = Bundle::new("sleep 100");
    remap(&mut bundle);
    bundle.spec["process"]["oomScoreAdj"] = json!(7);
    bundle.start();
    let ran = bundle.exec(&[
        "sh",
        "-c",
        "id -u; head -n1 /proc/self/uid_map | tr -s ' '; touch /made; \
                             cat /proc/1/oom_score_adj",
    ]);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("0\n 0 100000 65536\n7\n", ""));
    let made = bundle.root().join("made").metadata().expect("made");
    assert_eq!((made.uid(), made.gid()), (100_000, 100_000));
    // What root of the container has no word in.
    let denied =
        bundle.exec(&["sh", "-c", "echo -7 > /proc/self/oom_score_adj; kill -0 -1 2>&1; mknod /x c 1 3"]);
    assert!(denied.code != 0 && denied.err.contains("mknod: /x: Operation not permitted"), "{denied:?}");
    bundle.finish();
}
