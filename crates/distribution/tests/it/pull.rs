//! Pulling from registries that lie, break off, overload or redirect.

use errdefs::Class;
use oci::digest::Digest;

use super::hostile::{Answer, Server};
use super::support::{Bench, Count, Fixture, bump, noise, quick, ranged, serve};

const LARGE: usize = 3 << 20;

#[test]
fn a_good_pull_keeps_everything_and_tells_as_docker_does() {
    let fixture = Fixture::new(&[1000, LARGE, 2000]);
    let server = serve(&fixture, |_| None);
    let bench = Bench::new();
    let pulled = bench.pull(&format!("{}/a/b", server.address)).unwrap();
    assert_eq!(pulled.digest, fixture.digest());
    for layer in &fixture.layers {
        assert_eq!(bench.content.read(&Digest::of(layer), 1 << 30).unwrap(), *layer);
    }
    assert!(bench.content.has(&Digest::of(&fixture.config)).unwrap());
    assert_eq!(bench.host.unpacked.lock().unwrap().len(), 3);
    let texts = bench.texts();
    assert_eq!(texts[0], "latest: Pulling from a/b");
    for layer in &fixture.layers {
        let id = Digest::of(layer).short();
        for text in ["Pulling fs layer", "Verifying Checksum", "Download complete", "Pull complete"] {
            assert_eq!(texts.iter().filter(|line| **line == format!("{id}: {text}")).count(), 1, "{text}");
        }
        assert!(texts.contains(&format!("{id}: Downloading")));
    }

    // Again: nothing is fetched but the manifest and the config is here.
    let before = server.requests().len();
    bench.pull(&format!("{}/a/b", server.address)).unwrap();
    let after = &server.requests()[before..];
    assert!(after.iter().all(|request| !request.path.contains("/blobs/")), "{after:?}");
    assert_eq!(bench.texts().iter().filter(|line| line.ends_with("Already exists")).count(), 3);
}

#[test]
fn a_blob_with_wrong_bytes_is_refused_and_leaves_nothing() {
    for size in [1000, LARGE] {
        let fixture = Fixture::new(&[size]);
        let wrong = noise(99, fixture.layers[0].len());
        let layer = Digest::of(&fixture.layers[0]);
        let path = format!("blobs/{layer}");
        let server = serve(&fixture, move |request| {
            request.path.ends_with(&path).then(|| Answer::new(200).body(wrong.clone()))
        });
        let bench = Bench::new();
        let error = bench.pull(&format!("{}/x", server.address)).unwrap_err();
        assert_eq!(error.to_string(), format!("filesystem layer verification failed for digest {layer}"));
        assert!(!bench.content.has(&layer).unwrap());
        assert_eq!(bench.content.ingest(&layer.to_string()).unwrap().offset(), 0, "nothing of it is kept");
        assert!(bench.host.unpacked.lock().unwrap().is_empty());
    }
}

#[test]
fn a_manifest_with_another_digest_is_refused() {
    // moby#44327: repo:tag@digest must be the digest.
    let fixture = Fixture::new(&[10]);
    let wanted = Digest::of(b"something else");
    let manifest = fixture.manifest.clone();
    let server = serve(&fixture, move |request| {
        request.path.contains("/manifests/sha256:").then(|| {
            Answer::new(200).header("Docker-Content-Digest", wanted.to_string()).body(manifest.clone())
        })
    });
    for name in [format!("{}/x@{wanted}", server.address), format!("{}/x:latest@{wanted}", server.address)] {
        let error = Bench::new().pull(&name).unwrap_err();
        assert!(
            error.to_string().starts_with(&format!("manifest verification failed for digest {wanted}")),
            "{error}"
        );
    }
    assert_eq!(server.count(|request| request.path.contains("/blobs/")), 0);
}

#[test]
fn ambiguous_manifests_are_refused() {
    // CVE-2021-41190 and its kin: two readers must not see two things.
    let good = String::from_utf8(Fixture::new(&[10]).manifest).unwrap();
    let twice = good.replacen('{', r#"{"schemaVersion":2,"#, 1);
    let both = good.replacen('{', r#"{"manifests":[],"#, 1);
    for bad in [twice, both, format!("{good} x"), format!("\u{feff}{good}"), "{}".into(), "[]".into()] {
        let fixture = Fixture::new(&[10]);
        let body = bad.clone();
        let server = serve(&fixture, move |request| {
            request.path.contains("/manifests/").then(|| Answer::new(200).body(body.clone()))
        });
        let error = Bench::new().pull(&format!("{}/x", server.address)).unwrap_err();
        assert_eq!(error.class(), Class::InvalidParameter, "{bad}: {error}");
    }
}

#[test]
fn a_cut_download_goes_on_where_it_broke() {
    for (size, cuts) in [(200_000, 3), (LARGE, 7)] {
        let fixture = Fixture::new(&[size]);
        let layer = fixture.layers[0].clone();
        let path = format!("blobs/{}", Digest::of(&layer));
        let count = Count::default();
        let server = serve(&fixture, move |request| {
            let is_layer = request.path.ends_with(&path);
            is_layer.then(|| {
                let answer = ranged(request, &layer);
                if bump(&count, "layer") < cuts { answer.cut(layer.len() / 10) } else { answer }
            })
        });
        let bench = Bench::new();
        bench.pull(&format!("{}/x", server.address)).unwrap();
        let ranges: Vec<String> = server
            .requests()
            .iter()
            .filter_map(|request| request.header("range").map(str::to_owned))
            .collect();
        assert_eq!(ranges.len(), cuts, "{ranges:?}");
        let starts: Vec<usize> =
            ranges.iter().map(|range| range[6..range.len() - 1].parse().unwrap()).collect();
        assert!(starts.is_sorted() && starts[0] > 0, "{starts:?}");
    }
}

#[test]
fn a_registry_without_ranges_sends_again_and_the_start_is_skipped() {
    let fixture = Fixture::new(&[LARGE]);
    let layer = fixture.layers[0].clone();
    let path = format!("blobs/{}", Digest::of(&layer));
    let count = Count::default();
    let server = serve(&fixture, move |request| {
        request.path.ends_with(&path).then(|| {
            let whole = Answer::new(200).body(layer.clone());
            if bump(&count, "layer") == 0 { whole.cut(layer.len() / 2) } else { whole }
        })
    });
    Bench::new().pull(&format!("{}/x", server.address)).unwrap();
    assert_eq!(server.count(|request| request.header("range").is_some()), 1);
}

#[test]
fn a_later_pull_resumes_what_an_earlier_one_left() {
    let fixture = Fixture::new(&[LARGE]);
    let layer = fixture.layers[0].clone();
    let path = format!("blobs/{}", Digest::of(&layer));
    let broken = Count::default();
    let switch = broken.clone();
    let server = serve(&fixture, move |request| {
        request.path.ends_with(&path).then(|| {
            let dead = switch.lock().unwrap().is_empty();
            match (dead, request.header("range")) {
                (true, None) => ranged(request, &layer).cut(layer.len() / 2),
                (true, Some(_)) => Answer::new(503),
                (false, _) => ranged(request, &layer),
            }
        })
    });
    let bench = Bench::new();
    let name = format!("{}/x", server.address);
    assert_eq!(bench.pull(&name).unwrap_err().class(), Class::Unavailable);
    let requests = server.requests().len();
    bump(&broken, "repaired");
    bench.pull(&name).unwrap();
    let ranges: Vec<String> = server.requests()[requests..]
        .iter()
        .filter_map(|request| request.header("range").map(str::to_owned))
        .collect();
    assert_eq!(ranges.len(), 1);
    assert_ne!(ranges[0], "bytes=0-");
}

#[test]
fn a_wrong_range_is_not_glued_together() {
    let fixture = Fixture::new(&[LARGE]);
    let layer = fixture.layers[0].clone();
    let path = format!("blobs/{}", Digest::of(&layer));
    let server = serve(&fixture, move |request| {
        request.path.ends_with(&path).then(|| match request.header("range") {
            None => Answer::new(200).body(layer.clone()).cut(layer.len() / 2),
            Some(_) => {
                Answer::new(206).header("Content-Range", "bytes 2999999-3000000/3000001").body(&layer[..2])
            }
        })
    });
    let error = Bench::new().pull(&format!("{}/x", server.address)).unwrap_err();
    assert!(error.to_string().contains("instead of"), "{error}");
}

#[test]
fn overload_is_waited_out_and_counted() {
    let fixture = Fixture::new(&[10]);
    let count = Count::default();
    let server = serve(&fixture, move |request| {
        let tries = bump(&count, &request.path);
        match tries {
            0 => Some(Answer::new(429).header("Retry-After", "0")),
            1 => Some(Answer::new(503)),
            2 => Some(Answer::new(500).body("oops")),
            _ => None,
        }
    });
    Bench::new().pull(&format!("{}/x", server.address)).unwrap();

    let always = serve(&fixture, |request| (request.path != "/v2/").then(|| Answer::new(503)));
    let error = Bench::new().pull(&format!("{}/x", always.address)).unwrap_err();
    assert_eq!(error.to_string(), "received unexpected HTTP status: 503 Service Unavailable");
    let asked = || always.count(|request| request.path.contains("/manifests/"));
    assert_eq!(asked(), 5);
    let mut twice = quick();
    twice.retry.attempts = 2;
    Bench::with(twice).pull(&format!("{}/x", always.address)).unwrap_err();
    assert_eq!(asked(), 5 + 2);

    let later = serve(&fixture, |request| {
        (request.path != "/v2/").then(|| Answer::new(429).header("Retry-After", "86400"))
    });
    let error = Bench::new().pull(&format!("{}/x", later.address)).unwrap_err();
    assert!(error.to_string().starts_with("toomanyrequests"), "{error}");
    assert_eq!(later.count(|request| request.path.contains("/manifests/")), 1, "a day is not waited");
}

#[test]
fn texts_for_what_is_not_there() {
    let fixture = Fixture::new(&[10]);
    let server = serve(&fixture, |_| None);
    let name = format!("{}/bb:nosuch", server.address);
    let error = Bench::new().pull(&name).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("manifest for {name} not found: manifest unknown: manifest unknown")
    );
    assert_eq!(error.class(), Class::NotFound);

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Bench::new().pull(&format!("{closed}/x")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("Get \"http://{closed}/v2/\": dial tcp {closed}: connect: connection refused")
    );
}

#[test]
fn an_index_is_searched_for_the_platform() {
    let fixture = Fixture::new(&[10]);
    let index = |architecture: &str| {
        serde_json::to_vec(&serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": super::support::MANIFEST, "digest": fixture.digest(), "size": fixture.manifest.len(),
                "platform": {"os": "linux", "architecture": architecture},
            }],
        }))
        .unwrap()
    };
    for (architecture, found) in [("amd64", true), ("s390x", false)] {
        let body = index(architecture);
        let digest = Digest::of(&body);
        let server = serve(&fixture, move |request| {
            request.path.ends_with("/latest").then(|| {
                Answer::new(200)
                    .header("Content-Type", "application/vnd.oci.image.index.v1+json")
                    .body(body.clone())
            })
        });
        let pulled = Bench::new().pull(&format!("{}/x", server.address));
        if found {
            let pulled = pulled.unwrap();
            assert_eq!((pulled.digest, pulled.manifest.digest), (digest, fixture.digest()));
        } else {
            let error = pulled.unwrap_err();
            assert_eq!(
                error.to_string(),
                "no matching manifest for linux/amd64 in the manifest list entries"
            );
        }
    }
}

#[test]
fn hostile_sizes_and_counts_are_refused() {
    let fixture = Fixture::new(&[10]);
    let server = serve(&fixture, |request| {
        request.path.contains("/manifests/").then(|| Answer::new(200).body(vec![b' '; (4 << 20) + 1]))
    });
    let error = Bench::new().pull(&format!("{}/x", server.address)).unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");

    let mut lying = Fixture::new(&[10, 20]);
    lying.config = Fixture::new(&[10]).config;
    let manifest: serde_json::Value = serde_json::from_slice(&lying.manifest).unwrap();
    let mut manifest = manifest;
    manifest["config"]["digest"] = Digest::of(&lying.config).to_string().into();
    manifest["config"]["size"] = lying.config.len().into();
    lying.manifest = serde_json::to_vec(&manifest).unwrap();
    let server = serve(&lying, |_| None);
    let error = Bench::new().pull(&format!("{}/x", server.address)).unwrap_err();
    assert!(error.to_string().contains("2 layers in its manifest, 1 in its config"), "{error}");

    let windows = Fixture::of(Vec::new(), "windows");
    let server = serve(&windows, |_| None);
    let error = Bench::new().pull(&format!("{}/x", server.address)).unwrap_err();
    assert_eq!(error.to_string(), "image operating system \"windows\" cannot be used on this platform");
}

#[test]
fn a_wrong_diff_id_is_refused() {
    // GHSA-f2v9: the compressed bytes are as promised, what they unpack to is not.
    let fixture = Fixture::new(&[1000]);
    let lying = Fixture::of(vec![(Digest::of(b"other"), fixture.layers[0].clone())], "linux");
    let server = serve(&lying, |_| None);
    let bench = Bench::new();
    let error = bench.pull(&format!("{}/x", server.address)).unwrap_err();
    assert!(error.to_string().contains("failed to register layer"), "{error}");
    assert!(bench.host.unpacked.lock().unwrap().is_empty());
}

#[test]
fn redirects_are_followed_without_credentials_and_not_for_ever() {
    let fixture = Fixture::new(&[1000]);
    let layer = fixture.layers[0].clone();
    let path = format!("/{}", Digest::of(&layer));
    let elsewhere = Server::start(move |request| ranged(request, &layer));
    let target = elsewhere.url("/signed?x=y");
    let server = serve(&fixture, move |request| {
        if request.header("authorization").is_none() {
            return Some(Answer::new(401).header("WWW-Authenticate", "Basic realm=\"x\""));
        }
        request.path.ends_with(&path).then(|| Answer::new(307).header("Location", target.clone()))
    });
    let auth = distribution::Auth { username: "u".into(), password: "p".into(), ..Default::default() };
    Bench::new().pull_as(&format!("{}/x", server.address), &auth).unwrap();
    assert_eq!(elsewhere.requests().len(), 1);
    assert!(
        elsewhere.requests()[0].header("authorization").is_none(),
        "credentials leaked to a redirect's target"
    );
    assert!(server.count(|request| request.header("authorization").is_some()) > 0);

    let looping = Server::start(|request| match request.path.as_str() {
        "/v2/" => Answer::new(200),
        path => Answer::new(302).header("Location", path),
    });
    let error = Bench::new().pull(&format!("{}/x", looping.address)).unwrap_err();
    assert!(error.to_string().ends_with("stopped after 10 redirects"), "{error}");
    assert_eq!(looping.count(|request| request.path.contains("manifests")), 11);
}

#[test]
fn a_signal_ends_a_pull_that_hangs() {
    let fixture = Fixture::new(&[LARGE]);
    let layer = fixture.layers[0].clone();
    let path = format!("blobs/{}", Digest::of(&layer));
    let (reached, waiting) = std::sync::mpsc::channel();
    let reached = std::sync::Mutex::new(reached);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    let server = serve(&fixture, move |request| {
        request.path.ends_with(&path).then(|| {
            reached.lock().unwrap().send(()).unwrap();
            let _ = held.lock().unwrap().recv();
            Answer::new(500)
        })
    });
    let bench = Bench::new();
    std::thread::scope(|scope| {
        let pull = scope.spawn(|| bench.pull(&format!("{}/x", server.address)));
        waiting.recv().unwrap();
        bench.cancel.cancel();
        assert_eq!(pull.join().unwrap().unwrap_err().class(), Class::Cancelled);
    });
    drop(release);
}

#[test]
fn two_pulls_of_one_image_fetch_each_blob_once() {
    let fixture = Fixture::new(&[LARGE, 5000]);
    let server = serve(&fixture, |_| None);
    let bench = Bench::new();
    let name = format!("{}/x", server.address);
    std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..4).map(|_| scope.spawn(|| bench.pull(&name).map(|_| ()))).collect();
        pulls.into_iter().for_each(|pull| pull.join().unwrap().unwrap());
    });
    for layer in &fixture.layers {
        let path = format!("blobs/{}", Digest::of(layer));
        assert_eq!(server.count(|request| request.path.ends_with(&path)), 1);
    }
}

#[test]
fn a_mirror_of_docker_hub_is_asked_first() {
    let fixture = Fixture::new(&[10]);
    let server = serve(&fixture, |_| None);
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = Bench::with(distribution::Config {
        mirrors: vec![format!("http://{dead}"), server.url("/")],
        ..quick()
    });
    let auth = distribution::Auth { username: "u".into(), password: "p".into(), ..Default::default() };
    bench.pull_as("busybox", &auth).unwrap();
    assert!(server.count(|request| request.path == "/v2/library/busybox/manifests/latest") > 0);
    assert_eq!(server.count(|request| request.header("authorization").is_some()), 0);
}

#[test]
fn a_panic_while_unpacking_ends_one_pull_and_holds_nothing() {
    // CVE-2021-20291: a bad layer left a lock behind and the node dead.
    for size in [1000, LARGE] {
        let fixture = Fixture::new(&[size]);
        let server = serve(&fixture, |_| None);
        let bench = Bench::new();
        let name = format!("{}/x", server.address);
        bench.host.panics.store(true, std::sync::atomic::Ordering::SeqCst);
        let error = bench.pull(&name).unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
        bench.pull(&name).unwrap();
    }
}
