//! `save`, `load`, `import`, `export`, `history`.

use testkit::{Daemon, Output};

#[test]
fn saved_images_load_again() {
    let daemon = Daemon::start();
    let file = daemon.scratch().join("saved.tar").display().to_string();
    daemon.hythe(["tag", "busybox", "me/copy:v1"]).ok();
    let id = daemon.hythe(["image", "inspect", "-f", "{{.Id}}", "busybox"]).ok();
    daemon.hythe(["save", "-o", &file, "me/copy:v1"]).ok();
    daemon.hythe(["rmi", "-f", "me/copy:v1", "busybox"]).ok();
    assert_eq!(daemon.hythe(["images", "-q"]).ok(), "");
    assert_eq!(daemon.hythe(["load", "-i", &file]).ok(), "Loaded image: me/copy:v1");
    assert_eq!(daemon.hythe(["image", "inspect", "-f", "{{.Id}}", "me/copy:v1"]).ok(), id);
    assert_eq!(daemon.hythe(["run", "--rm", "me/copy:v1", "echo", "works"]).ok(), "works");
    // An independent reader.
    let target = format!("oci:{}:x", daemon.scratch().join("oci").display());
    Output::of(std::process::Command::new("skopeo").args([
        "copy",
        "--insecure-policy",
        &format!("docker-archive:{file}"),
        &target,
    ]))
    .ok();
}

#[test]
fn a_root_tree_becomes_an_image() {
    let daemon = Daemon::start();
    daemon.hythe(["run", "--name", "cc", "busybox", "sh", "-c", "echo mine > /file"]).ok();
    let file = daemon.scratch().join("root.tar").display().to_string();
    daemon.hythe(["export", "-o", &file, "cc"]).ok();
    let id = daemon.hythe(["import", "-c", "CMD [\"cat\",\"/file\"]", "-m", "by hand", &file, "mine:1"]).ok();
    assert!(id.starts_with("sha256:"), "{id}");
    assert_eq!(daemon.hythe(["run", "--rm", "mine:1"]).ok(), "mine");
    assert!(daemon.hythe(["history", "mine:1"]).ok().contains("by hand"));
    let id = daemon.hythe(["commit", "-m", "again", "cc", "mine:2"]).ok();
    assert!(id.starts_with("sha256:"), "{id}");
    assert_eq!(daemon.hythe(["run", "--rm", "mine:2", "cat", "/file"]).ok(), "mine");
    assert_eq!(daemon.hythe(["diff", "cc"]).ok(), "A /file");
}

#[test]
fn rubbish_is_refused_and_leaves_nothing() {
    let daemon = Daemon::start();
    let before = daemon.hythe(["images", "-q", "--no-trunc"]).ok();
    for (name, bytes) in
        [("text", b"not a tar at all".to_vec()), ("empty", Vec::new()), ("zeros", vec![0; 4096])]
    {
        let file = daemon.scratch().join(name);
        std::fs::write(&file, bytes).expect("write");
        assert_ne!(daemon.hythe(["load", "-i", &file.display().to_string()]).code, 0, "{name}");
    }
    // By then Docker has said that all is well: the failure stands in the stream.
    let (code, answer) = daemon.api("POST", "/images/load", "{}");
    assert_eq!(code, 200);
    assert!(answer.starts_with("{\"errorDetail\":{\"message\":"), "{answer}");
    assert_eq!(daemon.hythe(["images", "-q", "--no-trunc"]).ok(), before);
}
