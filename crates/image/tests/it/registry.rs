//! Pulling and pushing: what becomes of names, digests, layers and of pulls that fail.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use distribution::config::Retry;
use distribution::{Auth, Cancel, Config, Event};
use errdefs::Result;
use image::{ListFilter, PruneFilter, PullRequest, Pulled, PushRequest};
use oci::digest::Digest;
use oci::reference::Reference;

use super::bench::{Bench, remove, shown};
use crate::hostile::{Answer, Server};

/// A running `docker-registry`; it ends with the value.
struct Registry {
    server: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Registry {
    /// `None` where the program is not installed.
    fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
            dir.path().display()
        );
        let path = dir.path().join("config.yml");
        std::fs::write(&path, config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let mut registry = Self { server: command.spawn().ok()?, address, _dir: dir };
        while TcpStream::connect(&registry.address).is_err() {
            assert!(registry.server.try_wait().unwrap().is_none(), "docker-registry ended");
            std::thread::yield_now();
        }
        Some(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Runs something that tells of its progress; gives the texts, `id: text`.
fn watched<T>(work: impl FnOnce(&dyn distribution::Progress) -> T) -> (T, Vec<String>) {
    let texts = Mutex::new(Vec::new());
    let watch = |event: Event| {
        let id = if event.id.is_empty() { String::new() } else { format!("{}: ", event.id) };
        texts.lock().unwrap().push(format!("{id}{}", event.status.text()));
    };
    let value = work(&watch);
    (value, texts.into_inner().unwrap())
}

fn pull(bench: &Bench, name: &str, all_tags: bool) -> (Result<Vec<Pulled>>, Vec<String>) {
    let request = PullRequest {
        reference: Reference::parse(name).unwrap(),
        all_tags,
        platform: None,
        auth: Auth::anonymous(),
    };
    watched(|progress| bench.images.pull(&request, progress, &Cancel::new()))
}

fn push(bench: &Bench, name: &str, all_tags: bool) -> (Result<()>, Vec<String>) {
    let request =
        PushRequest { reference: Reference::parse(name).unwrap(), all_tags, auth: Auth::anonymous() };
    watched(|progress| bench.images.push(&request, progress, &Cancel::new()))
}

#[test]
fn what_is_pushed_comes_back_as_the_same_image() {
    let Some(registry) = Registry::start() else { return };
    let name = |rest: &str| format!("{}/{rest}", registry.address);
    let sender = Bench::new();
    let base = sender.import(&name("a:base"), &[("f", "x")]);
    let child = sender.commit(&base, &name("a:child"), &[("g", "yy")]);
    push(&sender, &name("a"), true).0.unwrap();
    let digest_of = |bench: &Bench, name: &str| {
        let image = bench.images.get(name).unwrap();
        let (_, digest) = image.repo_digests[0].split_once('@').unwrap();
        digest.to_owned()
    };
    let pushed = digest_of(&sender, &name("a:child"));
    let plain = sender.images.by_id(&child).unwrap().layers()[0];
    sender.images.collect().unwrap();
    assert!(!sender.content.has(&plain).unwrap(), "the plain tar makes way for the compressed one");

    let receiver = Bench::new();
    let (pulled, texts) = pull(&receiver, &name("a:base"), false);
    assert_eq!(pulled.unwrap(), [Pulled { id: base, name: name("a:base"), newer: true }]);
    assert_eq!(texts[0], "base: Pulling from a");
    assert_eq!(*texts.last().unwrap(), format!("Status: Downloaded newer image for {}", name("a:base")));
    let (pulled, texts) = pull(&receiver, &name("a:child"), false);
    assert!(pulled.unwrap()[0].newer);
    assert_eq!(texts.iter().filter(|text| text.ends_with(": Already exists")).count(), 1, "{texts:?}");
    assert!(texts.contains(&format!("Digest: {pushed}")));
    assert_eq!(digest_of(&receiver, &name("a:child")), pushed);
    assert_eq!(
        receiver.images.get(&name("a:child")).unwrap().config,
        sender.images.get(&name("a:child")).unwrap().config
    );

    let (pulled, texts) = pull(&receiver, &name("a:child"), false);
    assert!(!pulled.unwrap()[0].newer);
    assert_eq!(texts.len(), 3, "nothing is said of layers: {texts:?}");
    assert_eq!(*texts.last().unwrap(), format!("Status: Image is up to date for {}", name("a:child")));
    let by_digest = name(&format!("a@{pushed}"));
    assert_eq!(pull(&receiver, &by_digest, false).0.unwrap()[0].id, child);
    assert_eq!(receiver.images.get(&by_digest).unwrap().id, child);

    // The name is all that another push of it needs.
    receiver.images.tag(&name("a:child"), &Reference::parse(&name("other:1")).unwrap()).unwrap();
    let (result, texts) = push(&receiver, &name("other:1"), false);
    result.unwrap();
    assert_eq!(texts[0], format!("The push refers to repository [{}]", name("other")));
    assert_eq!(texts.iter().filter(|text| text.ends_with(": Mounted from a")).count(), 2, "{texts:?}");
    assert!(
        texts.last().unwrap().starts_with(&format!("1: digest: {pushed} size: ")),
        "an unchanged manifest"
    );

    let everything = Bench::new();
    let (pulled, texts) = pull(&everything, &name("a"), true);
    let mut ids: Vec<_> = pulled.unwrap().into_iter().map(|pulled| pulled.id).collect();
    ids.sort();
    let mut expected = vec![base, child];
    expected.sort();
    assert_eq!(ids, expected);
    assert_eq!(*texts.last().unwrap(), format!("Status: Downloaded newer image for {}", name("a")));
}

#[test]
fn a_tag_that_moved_in_the_registry_moves_here() {
    let Some(registry) = Registry::start() else { return };
    let name = format!("{}/a:1", registry.address);
    let sender = Bench::new();
    let receiver = Bench::new();
    let old = sender.import(&name, &[("f", "old")]);
    push(&sender, &name, false).0.unwrap();
    pull(&receiver, &name, false).0.unwrap();
    let new = sender.import(&name, &[("f", "new")]);
    push(&sender, &name, false).0.unwrap();
    assert!(pull(&receiver, &name, false).0.unwrap()[0].newer);
    assert_eq!(receiver.images.get(&name).unwrap().id, new);
    let left = receiver.images.by_id(&old).unwrap();
    assert!(
        left.is_dangling() && left.repo_digests.len() == 1,
        "the old one keeps the digest it is known by"
    );
    let bench = receiver.reopen();
    bench.images.collect().unwrap();
    assert_eq!(bench.images.get(&name).unwrap().id, new);
    let deleted = shown(&remove(&bench, &old.hex()).unwrap());
    assert!(deleted[0].starts_with("Untagged: ") && deleted[0].contains("@sha256:"), "{deleted:?}");
    remove(&bench, &name).unwrap();
    assert!(bench.kept().is_empty(), "{:?}", bench.kept());
}

#[test]
fn a_push_of_nothing_has_dockers_words() {
    let bench = Bench::new();
    bench.import("127.0.0.1:1/a:1", &[("f", "x")]);
    for (name, text) in [
        ("127.0.0.1:1/b", "An image does not exist locally with the tag: 127.0.0.1:1/b"),
        ("127.0.0.1:1/a:2", "tag does not exist: 127.0.0.1:1/a:2"),
    ] {
        assert_eq!(push(&bench, name, false).0.unwrap_err().to_string(), text);
    }
    let error = push(&bench, "127.0.0.1:1/a:1", false).0.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused"
    );
}

/// Two layers, of which the second can be out of order.
fn shaky() -> (Server, Arc<AtomicBool>, Vec<Digest>) {
    let source = Bench::new();
    let base = source.import("a:1", &[("f", "x")]);
    let child = source.commit(&base, "a:2", &[("g", "y")]);
    let image = source.images.by_id(&child).unwrap();
    let layers = image.layers().to_vec();
    let config = source.images.config_bytes(&child).unwrap();
    let blobs: Vec<Vec<u8>> =
        layers.iter().map(|layer| source.content.read(layer, 1 << 20).unwrap()).collect();
    let descriptor = |media: &str, bytes: &[u8]| serde_json::json!({"mediaType": media, "digest": Digest::of(bytes), "size": bytes.len()});
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": blobs.iter().map(|blob| descriptor("application/vnd.oci.image.layer.v1.tar", blob)).collect::<Vec<_>>(),
    })
    .to_string();
    let works = Arc::new(AtomicBool::new(false));
    let (switch, second) = (works.clone(), layers[1]);
    let server = Server::start(move |request| {
        let last = request.path.rsplit('/').next().unwrap_or_default();
        let blob = blobs.iter().chain([&config]).find(|blob| Digest::of(blob).to_string() == last);
        match blob {
            _ if request.path == "/v2/" => Answer::new(200),
            _ if request.path.contains("/manifests/") => Answer::new(200).body(manifest.clone()),
            _ if last == second.to_string() && !switch.load(Ordering::SeqCst) => Answer::new(503),
            Some(blob) => Answer::new(200).body(blob.clone()),
            None => Answer::new(404),
        }
    });
    (server, works, layers)
}

fn impatient() -> Config {
    let retry = Retry { first: Duration::from_millis(1), most: Duration::from_millis(2), ..Retry::default() };
    Config { retry, downloads: 1, ..Config::default() }
}

#[test]
fn a_failed_pull_is_gone_on_with_after_a_restart() {
    let (server, works, layers) = shaky();
    let name = format!("{}/a", server.address);
    let bench = Bench::with(impatient());
    assert!(pull(&bench, &name, false).0.is_err());
    assert!(bench.images.list(&ListFilter::default()).unwrap().is_empty(), "half an image is no image");
    let bench = bench.reopen();
    bench.images.collect().unwrap();
    assert!(bench.content.has(&layers[0]).unwrap(), "what was fetched is kept for the next try");
    works.store(true, Ordering::SeqCst);
    let before = server.requests().len();
    pull(&bench, &name, false).0.unwrap();
    let fetched: Vec<String> =
        server.requests()[before..].iter().map(|request| request.path.clone()).collect();
    assert_eq!(fetched.iter().filter(|path| path.contains("/blobs/")).count(), 1, "{fetched:?}");
    remove(&bench, &name).unwrap();
    assert!(bench.kept().is_empty(), "{:?}", bench.kept());
}

#[test]
fn a_prune_takes_what_failed_pulls_left() {
    let (server, _, layers) = shaky();
    let bench = Bench::with(impatient());
    assert!(pull(&bench, &format!("{}/a", server.address), false).0.is_err());
    assert!(bench.content.has(&layers[0]).unwrap());
    bench.images.prune(&PruneFilter::default(), &|_| Vec::new()).unwrap();
    assert!(bench.kept().is_empty(), "{:?}", bench.kept());
}
