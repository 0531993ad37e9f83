//! Saving and loading: our archives, old ones, hostile ones.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Mutex;

use distribution::Event;
use errdefs::Result;
use image::{LoadRequest, SaveRequest};
use oci::digest::Digest;
use oci::reference::Reference;
use snapshot::tarball::{Entry, Kind, Reader, Writer};

use super::bench::{Bench, remove, tar};

fn save(bench: &Bench, names: &[&str]) -> Vec<u8> {
    let mut archive = Vec::new();
    let request = SaveRequest { names: names.iter().map(ToString::to_string).collect() };
    bench.images.save(&request, &mut archive).unwrap();
    archive
}

fn load(bench: &Bench, archive: &[u8]) -> Result<Vec<String>> {
    let events = Mutex::new(Vec::new());
    let watch = |event: Event| {
        if event.status.is_stream() {
            events.lock().unwrap().push(event.status.text().trim_end().to_owned());
        }
    };
    bench.images.load(&LoadRequest::default(), &mut &archive[..], &watch)?;
    Ok(events.into_inner().unwrap())
}

/// The files of an archive.
fn files(archive: &[u8]) -> HashMap<String, Vec<u8>> {
    let mut reader = Reader::new(archive);
    let mut files = HashMap::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut bytes = Vec::new();
        reader.copy_content(&entry, &mut bytes).unwrap();
        files.insert(entry.display().into_owned(), bytes);
    }
    files
}

#[test]
fn a_saved_image_loads_as_the_same_image() {
    let bench = Bench::new();
    let base = bench.import("base:1", &[("f", "x")]);
    let id = bench.commit(&base, "a:1", &[("g", "y")]);
    bench.images.tag("a:1", &Reference::parse("a:2").unwrap()).unwrap();
    let archive = save(&bench, &["a"]);
    assert!(archive == save(&bench, &["a"]), "the same images give the same archive");
    let found = files(&archive);
    let items: serde_json::Value = serde_json::from_slice(&found["manifest.json"]).unwrap();
    assert_eq!(items[0]["RepoTags"], serde_json::json!(["a:1", "a:2"]));
    for name in ["oci-layout", "index.json", "repositories"] {
        assert!(found.contains_key(name), "{name}");
    }
    for (path, bytes) in found.iter().filter(|(path, _)| path.starts_with("blobs/sha256/") && path.len() > 20)
    {
        assert_eq!(*path, format!("blobs/sha256/{}", Digest::of(bytes).hex()));
    }

    let mut gzip = Vec::new();
    distribution::gzip::gzip(&mut &archive[..], &mut gzip).unwrap();
    for bytes in [&archive, &gzip] {
        let other = Bench::new();
        assert_eq!(load(&other, bytes).unwrap(), ["Loaded image: a:1", "Loaded image: a:2"]);
        let image = other.images.get("a:2").unwrap();
        assert_eq!((image.id, image.size), (id, 2));
        assert!(save(&other, &["a"]) == archive);
        remove(&other, "a:1").unwrap();
        remove(&other, "a:2").unwrap();
        assert!(other.kept().is_empty(), "nothing of the archive is left over: {:?}", other.kept());
    }
    let nameless = save(&bench, &[&id.hex()]);
    assert_eq!(load(&Bench::new(), &nameless).unwrap(), [format!("Loaded image ID: {id}")]);
    for (name, words) in [
        ("nosuch", "No such image: nosuch"),
        ("nosuch:1", "reference does not exist"),
        ("0123456789ab", "No such image: 0123456789ab"),
    ] {
        let request = SaveRequest { names: vec![name.into()] };
        let error = bench.images.save(&request, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), words, "{name}");
    }
}

#[test]
fn loading_over_a_name_tells_so() {
    let bench = Bench::new();
    bench.import("a:1", &[("f", "new")]);
    let archive = save(&bench, &["a:1"]);
    let other = Bench::new();
    let old = other.import("a:1", &[("f", "old")]);
    let texts = load(&other, &archive).unwrap();
    assert_eq!(
        texts,
        [
            format!("The image a:1 already exists, renaming the old one with ID {old} to empty string"),
            "Loaded image: a:1".to_owned()
        ]
    );
    assert!(other.images.by_id(&old).unwrap().is_dangling());
}

/// An archive as Docker wrote it before version 25: a directory a layer, links for layers that are twice.
#[test]
fn old_archives_with_links_load() {
    let bench = Bench::new();
    let layer = tar(&[("f", "x")]);
    let diff_id = Digest::of(&layer);
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [diff_id, diff_id]},
    })
    .to_string();
    let name = format!("{}.json", Digest::of(config.as_bytes()).hex());
    let manifest = serde_json::json!([{
        "Config": name, "RepoTags": ["old:1"], "Layers": ["aaa/layer.tar", "bbb/layer.tar"],
    }])
    .to_string();
    let mut writer = Writer::new(Vec::new());
    let mut file = |path: &str, bytes: &[u8]| {
        let mut entry = Entry::new(path, Kind::File, 0o644);
        entry.size = bytes.len() as u64;
        writer.append(&entry, &mut &bytes[..]).unwrap();
    };
    file("aaa/layer.tar", &layer);
    file("aaa/VERSION", b"1.0");
    file(&name, config.as_bytes());
    file("manifest.json", manifest.as_bytes());
    let mut link = Entry::new("bbb/layer.tar", Kind::Symlink, 0o777);
    link.link = b"../aaa/layer.tar".to_vec();
    writer.append(&link, &mut std::io::empty()).unwrap();
    let archive = writer.finish().unwrap();
    assert_eq!(load(&bench, &archive).unwrap(), ["Loaded image: old:1"]);
    assert_eq!(bench.images.get("old:1").unwrap().layers(), [diff_id, diff_id]);
}

/// Registries have no media type for bzip2, so what is kept of such a layer is its tar.
#[test]
fn layers_and_archives_in_bzip2_load() {
    let bzip2 = |bytes: &[u8]| {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let source = Bench::new();
    let id = source.import("a:1", &[("f", "x")]);
    let (plain, layer) = (save(&source, &["a:1"]), tar(&[("f", "x")]));
    let packed = bzip2(&layer);
    let mut writer = Writer::new(Vec::new());
    for (path, bytes) in files(&plain).iter().filter(|(path, _)| !path.ends_with('/')) {
        let bytes = if *bytes == layer { &packed } else { bytes };
        let mut entry = Entry::new(path.as_str(), Kind::File, 0o644);
        entry.size = bytes.len() as u64;
        writer.append(&entry, &mut &bytes[..]).unwrap();
    }
    let with_packed_layer = writer.finish().unwrap();
    for archive in [&bzip2(&plain), &with_packed_layer] {
        let bench = Bench::new();
        assert_eq!(load(&bench, archive).unwrap(), ["Loaded image: a:1"]);
        assert_eq!(bench.images.get("a:1").unwrap().id, id);
        assert!(bench.kept().contains(&Digest::of(&layer)) && !bench.kept().contains(&Digest::of(&packed)));
        assert!(files(&save(&bench, &["a:1"])).values().any(|bytes| *bytes == layer));
    }
    // A layer cut off leaves nothing.
    let bench = Bench::new();
    let cut = bzip2(&plain);
    assert!(load(&bench, &cut[..cut.len() / 2]).is_err());
    assert!(bench.kept().is_empty(), "{:?}", bench.kept());
}

/// A file of an archive after a change, or nothing for one that is left out.
type Change<'a> = dyn Fn(&str, &[u8]) -> Option<Vec<u8>> + 'a;

#[test]
fn hostile_archives_are_refused_and_leave_nothing() {
    let bench = Bench::new();
    let source = Bench::new();
    source.import("a:1", &[("f", "x")]);
    let good = files(&save(&source, &["a:1"]));
    let rebuilt = |change: &Change<'_>| {
        let mut writer = Writer::new(Vec::new());
        for (path, bytes) in good.iter().filter(|(path, _)| !path.ends_with('/')) {
            let Some(bytes) = change(path, bytes) else { continue };
            let mut entry = Entry::new(path.as_str(), Kind::File, 0o644);
            entry.size = bytes.len() as u64;
            writer.append(&entry, &mut &bytes[..]).unwrap();
        }
        writer.finish().unwrap()
    };
    let layer = tar(&[("f", "x")]);
    let other_layer = tar(&[("f", "evil")]);
    let wrong_layer =
        rebuilt(&|_, bytes| Some(if bytes == layer { other_layer.clone() } else { bytes.to_vec() }));
    let escaping = rebuilt(&|path, bytes| {
        let text = String::from_utf8_lossy(bytes).replace("blobs/sha256/", "../../../../etc/passwd");
        Some(if path == "manifest.json" { text.into_bytes() } else { bytes.to_vec() })
    });
    let no_layers = rebuilt(&|_, bytes| (bytes != layer).then(|| bytes.to_vec()));
    let no_manifest = rebuilt(&|path, bytes| (!path.ends_with(".json")).then(|| bytes.to_vec()));
    for (bad, why) in [
        (wrong_layer, "a layer with another diff ID"),
        (escaping, "paths out of the archive"),
        (no_layers, "no layer"),
        (no_manifest, "no manifest"),
        (b"not a tar".repeat(100), "no archive"),
    ] {
        assert!(load(&bench, &bad).is_err(), "{why}");
        assert!(bench.kept().is_empty(), "{why}: {:?}", bench.kept());
    }
    assert!(bench.tags().is_empty());
}

#[test]
fn layouts_without_dockers_file_load_too() {
    let source = Bench::new();
    let id = source.import("a:1", &[("f", "x")]);
    let good = files(&save(&source, &["a:1"]));
    let mut writer = Writer::new(Vec::new());
    for (path, bytes) in good.iter().filter(|(path, _)| !path.ends_with('/') && *path != "manifest.json") {
        let mut entry = Entry::new(format!("./{path}"), Kind::File, 0o644);
        entry.size = bytes.len() as u64;
        writer.append(&entry, &mut &bytes[..]).unwrap();
    }
    let bench = Bench::new();
    assert_eq!(load(&bench, &writer.finish().unwrap()).unwrap(), ["Loaded image: a:1"]);
    assert_eq!(bench.images.get("a:1").unwrap().id, id);
}
