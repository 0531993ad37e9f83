//! Pushing to a registry written for the test: what is sent, what is not, and what happens when it breaks off.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use distribution::{Auth, Config, Form, Push, PushImage, PushedImage, Source};
use errdefs::Result;
use oci::digest::Digest;
use oci::manifest::{Descriptor, media_type};
use oci::reference::Reference;

use super::hostile::{Answer, Request, Server};
use super::support::{Bench, Count, Fixture, bump, quick};

/// A registry that takes uploads.
#[derive(Default)]
struct Store {
    blobs: HashMap<String, Vec<u8>>,
    uploads: HashMap<String, Vec<u8>>,
    /// Uploads so far, which gives each a name of its own.
    begun: usize,
    manifests: HashMap<String, Vec<u8>>,
}

type Shared = Arc<Mutex<Store>>;

fn answer(store: &Shared, request: &Request) -> Answer {
    let mut store = store.lock().unwrap();
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    let last = path.rsplit('/').next().unwrap_or_default().to_owned();
    match request.method.as_str() {
        "HEAD" if path.contains("/blobs/") => {
            Answer::new(if store.blobs.contains_key(&last) { 200 } else { 404 })
        }
        "POST" => {
            let name = format!("u{}", store.begun);
            store.begun += 1;
            store.uploads.insert(name.clone(), Vec::new());
            Answer::new(202).header("Location", format!("/v2/x/blobs/uploads/{name}?state=1"))
        }
        "PATCH" => {
            store.uploads.entry(last.clone()).or_default().extend(&request.body);
            Answer::new(202).header("Location", format!("/v2/x/blobs/uploads/{last}?state=2"))
        }
        "GET" if path.contains("/uploads/") => {
            let there = store.uploads.get(&last).map_or(0, Vec::len);
            Answer::new(204)
                .header("Range", format!("0-{}", there.saturating_sub(1)))
                .header("Location", format!("/v2/x/blobs/uploads/{last}?state=3"))
        }
        "PUT" if path.contains("/uploads/") => {
            let digest = query.split("digest=").nth(1).unwrap_or_default().replace("%3A", ":");
            let bytes = store.uploads.remove(&last).unwrap_or_default();
            if Digest::of(&bytes).to_string() != digest {
                return Answer::new(400).body(r#"{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}"#);
            }
            store.blobs.insert(digest, bytes);
            Answer::new(201)
        }
        "PUT" => {
            store.manifests.insert(last, request.body.clone());
            Answer::new(201)
        }
        _ => Answer::new(200),
    }
}

/// Layers that are in the bench's content.
struct Layers<'a> {
    fixture: &'a Fixture,
    mounts: Vec<String>,
    /// The one layer as a tar that is to be compressed.
    plain: Option<Vec<u8>>,
    content: &'a content::Content,
}

impl Source for Layers<'_> {
    fn form(&self, diff_id: &Digest) -> Result<Form> {
        let index = self.fixture.diff_ids.iter().position(|known| known == diff_id).unwrap();
        if let Some(plain) = &self.plain {
            return Ok(Form::Plain(plain.len() as u64));
        }
        Ok(Form::Compressed(Box::new(Descriptor::of(
            media_type::DOCKER_LAYER_GZIP,
            &self.fixture.layers[index],
        ))))
    }

    fn compress(&self, _: &Digest, copy: &mut dyn Write) -> Result<Descriptor> {
        let mut gzip = Vec::new();
        distribution::gzip::gzip(&mut &self.plain.as_ref().unwrap()[..], &mut gzip)?;
        for chunk in gzip.chunks(10_000) {
            if copy.write_all(chunk).is_err() {
                break;
            }
        }
        self.content.put(&gzip)?;
        Ok(Descriptor::of(media_type::DOCKER_LAYER_GZIP, &gzip))
    }

    fn repositories(&self, _: &Digest, _: &str) -> Vec<String> {
        self.mounts.clone()
    }

    fn sent(&self, _: &Digest, _: &Reference) {}
}

fn push(bench: &Bench, server: &Server, fixture: &Fixture, mounts: &[&str]) -> Result<PushedImage> {
    for blob in fixture.layers.iter().chain([&fixture.config]) {
        bench.content.put(blob).unwrap();
    }
    push_from(bench, server, fixture, mounts, None)
}

fn push_from(
    bench: &Bench,
    server: &Server,
    fixture: &Fixture,
    mounts: &[&str],
    plain: Option<Vec<u8>>,
) -> Result<PushedImage> {
    let mounts = mounts.iter().map(ToString::to_string).collect();
    let source = Layers { fixture, mounts, plain, content: &bench.content };
    let reference = Reference::parse(&format!("{}/x:1", server.address)).unwrap();
    let image =
        PushImage { config: Digest::of(&fixture.config), diff_ids: &fixture.diff_ids, manifest: None };
    let auth = Auth::anonymous();
    let push = Push { reference: &reference, auth: &auth };
    bench.client.push(&push, &image, &bench.content, &source, bench, &bench.cancel)
}

#[test]
fn a_push_sends_layers_config_and_then_the_manifest() {
    let fixture = Fixture::new(&[1000, 3 << 20]);
    let store = Shared::default();
    let shared = store.clone();
    let server = Server::start(move |request| answer(&shared, request));
    let bench = Bench::new();
    let pushed = push(&bench, &server, &fixture, &[]).unwrap();
    {
        let store = store.lock().unwrap();
        assert_eq!(store.blobs.len(), 3);
        assert_eq!(Digest::of(&store.manifests["1"]), pushed.manifest.digest);
        assert!(store.manifests["1"] == fixture.manifest);
    }
    assert_eq!(server.requests().last().unwrap().method, "PUT");
    assert!(server.requests().last().unwrap().path.ends_with("/manifests/1"));
    let texts = bench.texts();
    assert_eq!(texts.iter().filter(|text| text.ends_with(": Pushed")).count(), 2);
    let digest = pushed.manifest.digest;
    assert_eq!(texts.last().unwrap(), &format!(": 1: digest: {digest} size: {}", fixture.manifest.len()));

    // Again: only looked for.
    let before = server.count(|request| request.method == "PATCH");
    push(&bench, &server, &fixture, &[]).unwrap();
    assert_eq!(server.count(|request| request.method == "PATCH"), before);
    assert_eq!(bench.texts().iter().filter(|text| text.ends_with(": Layer already exists")).count(), 2);
}

/// How many layers are sent at once: the first to come wait until there are as many as are allowed.
fn most_at_once(uploads: usize) -> usize {
    let fixture = Fixture::new(&[1000, 2000, 3000, 4000]);
    let store = Shared::default();
    // Now, and at most.
    let sending = Arc::new((Mutex::new((0, 0)), Condvar::new()));
    let seen = Arc::clone(&sending);
    let server = Server::start(move |request| {
        if request.method != "PATCH" {
            return answer(&store, request);
        }
        let (counts, more) = &*sending;
        let mut counts = counts.lock().unwrap();
        counts.0 += 1;
        counts.1 = counts.1.max(counts.0);
        more.notify_all();
        // With fewer at once than allowed this ends by itself, and the test fails.
        let enough = more.wait_timeout_while(counts, Duration::from_secs(10), |counts| counts.1 < uploads);
        enough.unwrap().0.0 -= 1;
        answer(&store, request)
    });
    push(&Bench::with(Config { uploads, ..quick() }), &server, &fixture, &[]).unwrap();
    seen.0.lock().unwrap().1
}

#[test]
fn as_many_layers_are_sent_at_once_as_are_allowed() {
    for uploads in [1, 2, 4] {
        assert_eq!(most_at_once(uploads), uploads);
    }
}

#[test]
fn an_upload_goes_on_where_it_broke() {
    let fixture = Fixture::new(&[3 << 20]);
    let store = Shared::default();
    let shared = store.clone();
    let count = Count::default();
    let half = fixture.layers[0].len() / 2;
    let server = Server::start(move |request| {
        if request.method == "PATCH" && request.body.len() > half && bump(&count, "patch") == 0 {
            // Keeps half and breaks.
            let mut kept = request.clone();
            kept.body.truncate(half);
            answer(&shared, &kept);
            return Answer::new(500);
        }
        answer(&shared, request)
    });
    push(&Bench::new(), &server, &fixture, &[]).unwrap();
    let ranges: Vec<String> = server
        .requests()
        .iter()
        .filter_map(|request| request.header("content-range").map(str::to_owned))
        .collect();
    assert_eq!(ranges, [format!("{half}-{}", fixture.layers[0].len() - 1)]);
    assert!(store.lock().unwrap().blobs.contains_key(&Digest::of(&fixture.layers[0]).to_string()));
}

#[test]
fn a_blob_is_mounted_where_the_registry_can_and_sent_where_it_cannot() {
    let fixture = Fixture::new(&[1000]);
    for (can, text) in [(true, "Mounted from library/other"), (false, "Pushed")] {
        let store = Shared::default();
        let server = Server::start(move |request| {
            if can && request.method == "POST" && request.path.contains("mount=") {
                return Answer::new(201);
            }
            answer(&store, request)
        });
        let bench = Bench::new();
        push(&bench, &server, &fixture, &["library/other"]).unwrap();
        assert!(bench.texts().iter().any(|line| line.ends_with(text)), "{:?}", bench.texts());
        let layer_patches =
            server.count(|request| request.method == "PATCH" && request.body == fixture.layers[0]);
        assert_eq!(layer_patches, usize::from(!can));
        assert!(server.count(|request| request.path.contains("from=library%2Fother")) > 0);
    }
}

#[test]
fn nothing_becomes_visible_when_a_layer_fails() {
    let fixture = Fixture::new(&[1000, 2000]);
    let store = Shared::default();
    let bad = Digest::of(&fixture.layers[1]).to_string().replace(':', "%3A");
    let server = Server::start(move |request| {
        if request.method == "PUT" && request.path.contains(&bad) {
            return Answer::new(403);
        }
        answer(&store, request)
    });
    let error = push(&Bench::new(), &server, &fixture, &[]).unwrap_err();
    assert_eq!(error.to_string(), "denied: requested access to the resource is denied");
    assert_eq!(server.count(|request| request.path.contains("/manifests/")), 0);
}

#[test]
fn a_layer_is_sent_while_it_is_compressed() {
    // Works at once; breaks off and is sent again from what was kept; breaks off before it began.
    for (breaks_at, patches) in [(None, 1), (Some("PATCH"), 2), (Some("POST"), 1)] {
        let plain = super::support::noise(5, 3 << 20);
        let fixture = Fixture::of(vec![(Digest::of(&plain), Vec::new())], "linux");
        let store = Shared::default();
        let (shared, count) = (store.clone(), Count::default());
        let server = Server::start(move |request| {
            if breaks_at == Some(request.method.as_str()) && bump(&count, "broken") == 0 {
                return Answer::new(400);
            }
            answer(&shared, request)
        });
        let bench = Bench::new();
        bench.content.put(&fixture.config).unwrap();
        push_from(&bench, &server, &fixture, &[], Some(plain.clone())).unwrap();
        assert_eq!(
            server.count(|request| request.method == "PATCH" && request.body.len() > 1 << 20),
            patches
        );
        let store = store.lock().unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&store.manifests["1"]).unwrap();
        let sent = &store.blobs[manifest["layers"][0]["digest"].as_str().unwrap()];
        let mut back = Vec::new();
        std::io::Read::read_to_end(&mut distribution::compression::decompress(&sent[..]).unwrap(), &mut back)
            .unwrap();
        assert!(back == plain);
        assert_eq!(bench.texts().iter().filter(|text| text.ends_with(": Pushed")).count(), 1);
    }
}
