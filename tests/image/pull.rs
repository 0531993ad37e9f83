//! `pull`: from a real registry on loopback.

use testkit::{Daemon, Options, Registry, Sandbox, wait};

fn with_registry(images: &[&str]) -> (Registry, Daemon) {
    let sandbox = Sandbox::new();
    let registry = Registry::start(&sandbox, 5000, images);
    let flags = vec![format!("--registry-mirror=http://{}", registry.address())];
    (registry, Daemon::within(sandbox, Options { flags, ..Options::default() }))
}

#[test]
fn by_name_through_a_mirror_and_by_address() {
    let (registry, daemon) = with_registry(&["busybox"]);
    let output = daemon.hythe(["pull", "busybox"]).ok();
    assert!(
        output.starts_with("Using default tag: latest\nlatest: Pulling from library/busybox\n"),
        "{output}"
    );
    assert!(output.contains("Status: Downloaded newer image for busybox:latest"), "{output}");
    assert!(output.ends_with("docker.io/library/busybox:latest"), "{output}");
    assert!(
        daemon.hythe(["pull", "busybox"]).ok().contains("Status: Image is up to date for busybox:latest")
    );
    let name = format!("{}/library/busybox:latest", registry.address());
    daemon.docker(["pull", "-q", &name]).ok();
    let id = |name: &str| daemon.hythe(["image", "inspect", "-f", "{{.Id}}", name]).ok();
    assert_eq!(id("busybox"), id(&name));
    // Missing images are pulled by `run`.
    daemon.hythe(["rmi", "busybox", &name]).ok();
    let output = daemon.hythe(["run", "--rm", "busybox", "echo", "ran"]);
    assert_eq!((output.code, output.stdout.as_str()), (0, "ran\n"), "{output:?}");
    assert!(
        output.stderr.starts_with(
            "Unable to find image 'busybox:latest' locally\nlatest: Pulling from library/busybox\n"
        ),
        "{}",
        output.stderr
    );
}

#[test]
fn shared_layers_are_fetched_once() {
    let (_registry, daemon) = with_registry(&["debian", "redis"]);
    daemon.hythe(["pull", "-q", "debian"]).ok();
    let output = daemon.hythe(["pull", "redis"]).ok();
    assert!(output.contains("Already exists"), "{output}");
    assert!(output.contains("Pull complete"), "{output}");
    assert_eq!(
        daemon.hythe(["run", "--rm", "redis", "redis-cli", "--version"]).ok().split(' ').next(),
        Some("redis-cli")
    );
}

#[test]
fn what_a_push_has_compressed_is_not_kept_as_a_tar_too() {
    let (registry, daemon) = with_registry(&["busybox"]);
    daemon.hythe(["run", "--name", "cc", "busybox", "sh", "-c", "echo mine > /file"]).ok();
    let name = format!("{}/mine:1", registry.address());
    daemon.hythe(["commit", "cc", &name]).ok();
    let layers = daemon.hythe(["image", "inspect", "-f", "{{join .RootFS.Layers \" \"}}", &name]).ok();
    let diff_id = layers.rsplit(':').next().expect("a layer");
    let tar = daemon.data().join("content/blobs/sha256").join(diff_id);
    assert!(tar.exists(), "{}", tar.display());
    daemon.hythe(["push", &name]).ok();
    wait::until_true("the tar is gone", || !tar.exists());
    // It can be pushed again, and pulled.
    let other = format!("{}/mine:2", registry.address());
    daemon.hythe(["tag", &name, &other]).ok();
    daemon.hythe(["push", &other]).ok();
    daemon.hythe(["rm", "cc"]).ok();
    daemon.hythe(["rmi", &name, &other]).ok();
    assert_eq!(daemon.hythe(["run", "--rm", "--pull", "always", "-q", &other, "cat", "/file"]).ok(), "mine");
}

#[test]
fn unknown_names_say_so() {
    let (registry, daemon) = with_registry(&[]);
    let name = format!("{}/nothing", registry.address());
    let error = daemon.hythe(["pull", &name]).fails_with(1);
    assert!(error.starts_with("Error response from daemon: "), "{error}");
    assert!(error.contains("not found"), "{error}");
    let error = daemon.hythe(["pull", "127.0.0.1:9/x"]).fails_with(1);
    assert!(error.contains("connection refused"), "{error}");
    let error = daemon.hythe(["pull", "a b"]).fails_with(1);
    assert!(error.contains("invalid reference format"), "{error}");
}
