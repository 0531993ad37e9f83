//! What a spec reads and writes.

use super::*;

/// As an engine writes it, with a field we do not know.
const SPEC: &str = r#"{"ociVersion":"1.2.0","process":{"terminal":true,"user":{"uid":0,"gid":0,"additionalGids":[0,10]},
"args":["sh"],"env":["PATH=/bin"],"cwd":"/","capabilities":{"bounding":["CAP_CHOWN"]},"oomScoreAdj":0},
"root":{"path":"rootfs"},"hostname":"h","mounts":[{"destination":"/proc","type":"proc","source":"proc","options":["nosuid"]}],
"linux":{"resources":{"devices":[{"allow":false,"access":"rwm"}],"memory":{"disableOOMKiller":false},"blockIO":{"weight":10}},
"namespaces":[{"type":"network","path":"/x"},{"type":"mount"}],"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,
"syscalls":[{"names":["socket"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":38,"op":"SCMP_CMP_LT"}]}]}},"windows":{"x":1}}"#;

#[test]
fn reads_what_engines_write() {
    let spec: Spec = serde_json::from_str(SPEC).unwrap();
    let process = spec.process.as_ref().unwrap();
    assert_eq!(process.user.additional_gids, [0, 10]);
    assert_eq!(process.oom_score_adj, Some(0));
    let linux = spec.linux.as_ref().unwrap();
    assert_eq!(linux.namespaces[0].kind, NamespaceKind::Network);
    let resources = linux.resources.as_ref().unwrap();
    assert_eq!(resources.memory.as_ref().unwrap().disable_oom_killer, Some(false));
    assert_eq!(resources.block_io.as_ref().unwrap().weight, Some(10));
    assert_eq!(linux.seccomp.as_ref().unwrap().syscalls[0].args[0].op, SeccompOperator::Less);
}

#[test]
fn writes_what_it_reads() {
    let spec: Spec = serde_json::from_str(SPEC).unwrap();
    let again: Spec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(spec, again);
}

#[test]
fn refuses_an_unknown_action() {
    let text = r#"{"defaultAction":"SCMP_ACT_MAYBE"}"#;
    assert!(serde_json::from_str::<Seccomp>(text).is_err());
}
