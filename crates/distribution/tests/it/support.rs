//! An image made for the tests, a registry that serves it, and a host that only checks digests.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use content::Content;
use distribution::config::Retry;
use distribution::{Auth, Cancel, Client, Config, Event, Host, Progress, Pull, PulledImage, Sinks};
use errdefs::Result;
use oci::digest::{Digest, Hasher};
use oci::manifest::{Descriptor, Manifest, media_type};
use oci::platform::Platform;
use oci::reference::Reference;

use super::hostile::{Answer, Request, Server};

pub(crate) const MANIFEST: &str = media_type::DOCKER_MANIFEST;

/// An image of some layers, as a registry has it.
#[derive(Clone)]
pub(crate) struct Fixture {
    pub(crate) manifest: Vec<u8>,
    pub(crate) config: Vec<u8>,
    /// Compressed.
    pub(crate) layers: Vec<Vec<u8>>,
    pub(crate) diff_ids: Vec<Digest>,
}

/// Bytes that do not compress and differ by `seed`.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

impl Fixture {
    pub(crate) fn new(layer_sizes: &[usize]) -> Self {
        let plain: Vec<Vec<u8>> =
            layer_sizes.iter().enumerate().map(|(seed, size)| noise(seed as u64 + 1, *size)).collect();
        let compress = |plain: &Vec<u8>| {
            let mut out = Vec::new();
            distribution::gzip::gzip(&mut &plain[..], &mut out).unwrap();
            out
        };
        Self::of(plain.iter().map(|plain| (Digest::of(plain), compress(plain))).collect(), "linux")
    }

    /// (diff id, compressed) each.
    pub(crate) fn of(layers: Vec<(Digest, Vec<u8>)>, os: &str) -> Self {
        let (diff_ids, layers): (Vec<Digest>, Vec<Vec<u8>>) = layers.into_iter().unzip();
        let config = serde_json::json!({
            "architecture": "amd64", "os": os, "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = serde_json::to_vec(&config).unwrap();
        let layer = |layer: &Vec<u8>| Descriptor::of(media_type::DOCKER_LAYER_GZIP, layer);
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            artifact_type: None,
            config: Descriptor::of(media_type::DOCKER_CONFIG, &config),
            layers: layers.iter().map(layer).collect(),
            subject: None,
            annotations: std::collections::BTreeMap::new(),
        };
        Self { manifest: manifest.to_bytes(), config, layers, diff_ids }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    pub(crate) fn blob(&self, digest: &str) -> Option<&[u8]> {
        let all = self.layers.iter().chain([&self.config]);
        all.into_iter().find(|blob| Digest::of(blob).to_string() == digest).map(Vec::as_slice)
    }

    /// What a good registry answers.
    pub(crate) fn answer(&self, request: &Request) -> Answer {
        if request.path == "/v2/" {
            return Answer::new(200).body("{}");
        }
        if request.path.contains("/manifests/") {
            let known =
                request.path.ends_with("/latest") || request.path.ends_with(&self.digest().to_string());
            return if known {
                Answer::new(200)
                    .header("Content-Type", MANIFEST)
                    .header("Docker-Content-Digest", self.digest().to_string())
                    .body(self.manifest.clone())
            } else {
                Answer::new(404)
                    .body(r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#)
            };
        }
        let digest = request.path.rsplit('/').next().unwrap();
        match self.blob(digest) {
            Some(blob) => ranged(request, blob),
            None => Answer::new(404).body(r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#),
        }
    }
}

/// The blob, or the part that was asked for.
pub(crate) fn ranged(request: &Request, blob: &[u8]) -> Answer {
    let from = request
        .header("range")
        .map(|range| range.trim_start_matches("bytes=").trim_end_matches('-').parse::<usize>().unwrap());
    match from {
        Some(from) => Answer::new(206)
            .header("Content-Range", format!("bytes {from}-{}/{}", blob.len() - 1, blob.len()))
            .body(&blob[from..]),
        None => Answer::new(200).body(blob),
    }
}

/// A host that "unpacks" by hashing.
#[derive(Default)]
pub(crate) struct Hashes {
    /// Panic in the next `apply`.
    pub(crate) panics: std::sync::atomic::AtomicBool,
    pub(crate) unpacked: Mutex<HashSet<Digest>>,
    pub(crate) held: Mutex<HashSet<Digest>>,
}

impl Host for Hashes {
    fn hold(&self, digests: &[Digest]) {
        self.held.lock().unwrap().extend(digests);
    }

    fn has_image(&self, _: &Digest) -> bool {
        false
    }

    fn unpacked(&self, diff_id: &Digest) -> Result<bool> {
        assert!(self.held.lock().unwrap().contains(diff_id), "looked for before it was held");
        Ok(self.unpacked.lock().unwrap().contains(diff_id))
    }

    fn apply(&self, diff_id: &Digest, tar: &mut (dyn Read + Send)) -> Result<()> {
        assert!(!self.panics.swap(false, std::sync::atomic::Ordering::SeqCst), "as the test wants");
        let mut hasher = Hasher::new();
        let mut piece = vec![0; 64 << 10];
        loop {
            let count = tar.read(&mut piece).map_err(|error| errdefs::system(error.to_string()))?;
            if count == 0 {
                break;
            }
            hasher.update(&piece[..count]);
        }
        let digest = hasher.finish();
        if digest != *diff_id {
            return Err(errdefs::system(format!("diff ID is {digest}, not {diff_id}")));
        }
        self.unpacked.lock().unwrap().insert(digest);
        Ok(())
    }
}

/// Everything on the client's side.
pub(crate) struct Bench {
    _dir: tempfile::TempDir,
    pub(crate) content: Content,
    pub(crate) host: Hashes,
    pub(crate) client: Client,
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) cancel: Cancel,
}

impl Progress for Bench {
    fn emit(&self, event: Event) {
        self.events.lock().unwrap().push(event);
    }
}

pub(crate) fn quick() -> Config {
    let retry = Retry {
        first: Duration::from_millis(1),
        most: Duration::from_millis(4),
        longest_asked: Duration::from_secs(2),
        ..Retry::default()
    };
    Config { retry, certs_dirs: Vec::new(), ..Config::default() }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(quick())
    }

    pub(crate) fn with(config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            content: Content::open(dir.path()).unwrap(),
            _dir: dir,
            host: Hashes::default(),
            client: Client::new(config),
            events: Mutex::default(),
            cancel: Cancel::new(),
        }
    }

    pub(crate) fn sinks(&self) -> Sinks<'_> {
        Sinks { content: &self.content, host: &self.host, progress: self }
    }

    pub(crate) fn pull_as(&self, name: &str, auth: &Auth) -> Result<PulledImage> {
        let reference = Reference::parse(name).unwrap().tag_or_latest();
        let platform = Platform::new("linux", "amd64");
        let pull = Pull { reference: &reference, platform: &platform, auth, known: false };
        self.client.pull(&pull, self.sinks(), &self.cancel)
    }

    pub(crate) fn pull(&self, name: &str) -> Result<PulledImage> {
        self.pull_as(name, &Auth::anonymous())
    }

    /// The texts of all events, `id: text`.
    pub(crate) fn texts(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events.iter().map(|event| format!("{}: {}", event.id, event.status.text())).collect()
    }
}

/// A registry that serves one image, with an own answer to some requests.
pub(crate) fn serve(
    fixture: &Fixture,
    special: impl Fn(&Request) -> Option<Answer> + Send + Sync + 'static,
) -> Server {
    let fixture = fixture.clone();
    Server::start(move |request| special(request).unwrap_or_else(|| fixture.answer(request)))
}

/// Counts what passes through several threads.
pub(crate) type Count = Arc<Mutex<HashMap<String, usize>>>;

/// How often this was counted before.
pub(crate) fn bump(count: &Count, what: &str) -> usize {
    let mut counts = count.lock().unwrap();
    let entry = counts.entry(what.to_owned()).or_default();
    *entry += 1;
    *entry - 1
}
