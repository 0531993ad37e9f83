//! Images over a real store, content and snapshots: what is made, named, saved, loaded, removed and collected.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use content::Content;
use distribution::{Client, Config, Event, Silent};
use errdefs::{Class, Result};
use image::{
    CommitRequest, Deleted, ImageId, Images, ImportRequest, ListFilter, LoadRequest, PruneFilter,
    RemoveRequest, SaveRequest, Use,
};
use oci::digest::Digest;
use oci::image::ContainerConfig;
use oci::reference::Reference;
use snapshot::Snapshots;
use snapshot::tarball::{Entry, Kind, Reader, Writer};
use store::Store;

/// A data directory.
struct Bench {
    dir: tempfile::TempDir,
    images: Images,
    content: Content,
    snapshots: Snapshots,
}

impl Bench {
    fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    fn at(dir: tempfile::TempDir) -> Self {
        let store = Arc::new(Store::open(&dir.path().join("db")).unwrap());
        let content = Content::open(&dir.path().join("content")).unwrap();
        let snapshots = Snapshots::open(&dir.path().join("snapshots")).unwrap();
        let client = Arc::new(Client::new(Config::default()));
        let images = Images::open(store, content.clone(), snapshots.clone(), client).unwrap();
        Self { dir, images, content, snapshots }
    }

    fn reopen(self) -> Self {
        let Self { dir, images, .. } = self;
        drop(images);
        Self::at(dir)
    }

    fn import(&self, name: &str, files: &[(&str, &str)]) -> ImageId {
        let request = ImportRequest {
            reference: (!name.is_empty()).then(|| Reference::parse(name).unwrap()),
            changes: vec!["CMD [\"sh\"]".into(), "LABEL made=here".into()],
            ..ImportRequest::default()
        };
        self.images.import(&request, &mut &tar(files)[..], &Silent).unwrap()
    }

    fn commit(&self, parent: &ImageId, name: &str, files: &[(&str, &str)]) -> ImageId {
        let request = CommitRequest {
            reference: (!name.is_empty()).then(|| Reference::parse(name).unwrap()),
            parent: Some(*parent),
            config: ContainerConfig::default(),
            changes: Vec::new(),
            author: "ann".into(),
            comment: "a comment".into(),
            created_by: "sh".into(),
        };
        let bytes = tar(files);
        self.images.commit(&request, move |out| Ok(out.write_all(&bytes)?)).unwrap()
    }

    fn tags(&self) -> Vec<String> {
        let all = ListFilter { all: true, ..ListFilter::default() };
        let mut tags: Vec<String> =
            self.images.list(&all).unwrap().iter().flat_map(|image| image.repo_tags.clone()).collect();
        tags.sort();
        tags
    }

    /// Blobs and layers that are here.
    fn kept(&self) -> HashSet<Digest> {
        let blobs = self.content.list().unwrap().into_iter().map(|(digest, _)| digest);
        blobs.chain(self.snapshots.list_layers().unwrap()).collect()
    }
}

fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (path, text) in files {
        let mut entry = Entry::new(*path, Kind::File, 0o644);
        entry.size = text.len() as u64;
        writer.append(&entry, &mut text.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

fn unused(_: &ImageId) -> Vec<Use> {
    Vec::new()
}

fn remove(bench: &Bench, name: &str) -> Result<Vec<Deleted>> {
    remove_with(bench, name, false, &unused)
}

fn remove_with(
    bench: &Bench,
    name: &str,
    force: bool,
    in_use: &dyn Fn(&ImageId) -> Vec<Use>,
) -> Result<Vec<Deleted>> {
    bench.images.remove(&RemoveRequest { name: name.into(), force, no_prune: false }, in_use)
}

fn users(container: &str, running: bool) -> impl Fn(&ImageId) -> Vec<Use> {
    let one = Use { container: container.repeat(12), running };
    move |_| vec![one.clone()]
}

/// What a removal did, in Docker's words.
fn shown(deleted: &[Deleted]) -> Vec<String> {
    let one = |deleted: &Deleted| match deleted {
        Deleted::Untagged { name, .. } => format!("Untagged: {name}"),
        Deleted::Image(id) | Deleted::Layer(id) => format!("Deleted: {id}"),
    };
    deleted.iter().map(one).collect()
}

#[test]
fn an_import_is_an_image_with_one_layer() {
    let bench = Bench::new();
    let id = bench.import("a:1", &[("etc/motd", "hello")]);
    let image = bench.images.get("a:1").unwrap();
    assert_eq!((image.id, image.layers().len(), image.size), (id, 1, 5));
    assert_eq!(image.config.config.cmd.as_deref(), Some(&["sh".to_owned()][..]));
    assert_eq!(image.config.comment, "Imported from -");
    assert_eq!(image.repo_tags, ["a:1"]);
    assert_eq!(
        std::fs::read_to_string(bench.snapshots.layer_dir(&image.layers()[0]).join("etc/motd")).unwrap(),
        "hello"
    );
    for name in ["a:1", &id.to_string(), &id.hex(), &id.hex()[..6], &id.to_string()[..16]] {
        assert_eq!(bench.images.get(name).unwrap().id, id, "{name}");
    }
    for (name, text) in
        [("b", "No such image: b:latest"), ("a", "No such image: a:latest"), ("zz:1", "No such image: zz:1")]
    {
        let error = bench.images.get(name).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.class()), (text, Class::NotFound));
    }
}

#[test]
fn a_broken_archive_leaves_nothing() {
    let bench = Bench::new();
    let whole = tar(&[("a", "x"), ("b", "y")]);
    for bad in [&whole[..700], b"this is not a tar".repeat(100).as_slice(), b""] {
        let request =
            ImportRequest { reference: Some(Reference::parse("a").unwrap()), ..ImportRequest::default() };
        assert!(bench.images.import(&request, &mut &bad[..], &Silent).is_err());
    }
    assert!(bench.kept().is_empty(), "{:?}", bench.kept());
    assert!(bench.tags().is_empty());
}

#[test]
fn compressed_imports_are_read_and_unsupported_ones_named() {
    let bench = Bench::new();
    let plain = tar(&[("a", "x")]);
    let mut gzip = Vec::new();
    distribution::gzip::gzip(&mut &plain[..], &mut gzip).unwrap();
    let one = bench.images.import(&ImportRequest::default(), &mut &gzip[..], &Silent).unwrap();
    let layer = bench.images.by_id(&one).unwrap().layers()[0];
    assert_eq!(layer, Digest::of(&plain));
    let error =
        bench.images.import(&ImportRequest::default(), &mut &b"BZh91AY&SYabc"[..], &Silent).unwrap_err();
    assert_eq!(error.class(), Class::NotImplemented);
}

#[test]
fn everything_is_still_there_after_a_restart() {
    let bench = Bench::new();
    let id = bench.import("a:1", &[("f", "x")]);
    let child = bench.commit(&id, "b:1", &[("g", "yy")]);
    bench.images.tag("a:1", &Reference::parse("c").unwrap()).unwrap();
    let before = bench.images.get("b:1").unwrap();
    let bench = bench.reopen();
    bench.images.collect().unwrap();
    let after = bench.images.get("b:1").unwrap();
    assert_eq!(*before.config, *after.config);
    assert_eq!((after.size, after.parent, after.id), (3, Some(id), child));
    assert_eq!(bench.tags(), ["a:1", "b:1", "c:latest"]);
}

#[test]
fn what_an_interrupted_operation_left_is_collected_and_nothing_else() {
    let bench = Bench::new();
    let id = bench.import("a:1", &[("f", "x")]);
    let needed = bench.kept();
    let garbage = bench.content.put(b"left behind").unwrap();
    let options = snapshot::ApplyOptions::default();
    let layer = bench.snapshots.apply(&options, &tar(&[("left", "behind")])[..]).unwrap().diff_id;
    assert!(bench.kept().contains(&garbage) && bench.kept().contains(&layer));
    let lease = bench.images.lease_layers(&[layer]);
    bench.images.collect().unwrap();
    assert!(!bench.kept().contains(&garbage) && bench.kept().contains(&layer), "a lease keeps a layer");
    drop(lease);
    assert_eq!(bench.kept(), needed);
    assert_eq!(bench.images.get("a:1").unwrap().id, id);
}

#[test]
fn an_image_that_lost_a_layer_is_forgotten_at_start() {
    let bench = Bench::new();
    let id = bench.import("a:1", &[("f", "x")]);
    let layer = bench.images.by_id(&id).unwrap().layers()[0];
    bench.snapshots.remove_layer(&layer).unwrap();
    let bench = bench.reopen();
    assert!(bench.tags().is_empty());
    bench.images.collect().unwrap();
    assert!(bench.kept().is_empty());
    assert_eq!(bench.import("a:1", &[("f", "x")]).hex().len(), 64);
}

#[test]
fn removal_follows_docker() {
    let bench = Bench::new();
    let id = bench.import("one:a", &[("f", "x")]);
    let short = id.short();
    bench.images.tag("one:a", &Reference::parse("one:b").unwrap()).unwrap();
    bench.images.tag("one:a", &Reference::parse("two:a").unwrap()).unwrap();

    let error = remove(&bench, &id.hex()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
        )
    );
    assert_eq!(shown(&remove(&bench, "one:b").unwrap()), ["Untagged: one:b"]);
    assert_eq!(shown(&remove(&bench, "two:a").unwrap()), ["Untagged: two:a"]);

    let stopped = users("c", false);
    let error = remove_with(&bench, "one:a", false, &stopped).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "conflict: unable to remove repository reference \"one:a\" (must force) - container cccccccccccc is using its referenced image {short}"
        )
    );
    assert_eq!(error.class(), Class::Conflict);
    let error = remove_with(&bench, &short, false, &stopped).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "conflict: unable to delete {short} (must be forced) - image is being used by stopped container cccccccccccc"
        )
    );
    let running = users("d", true);
    let error = remove_with(&bench, &short, true, &running).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "conflict: unable to delete {short} (cannot be forced) - image is being used by running container dddddddddddd"
        )
    );
    assert_eq!(shown(&remove_with(&bench, "one:a", true, &running).unwrap()), ["Untagged: one:a"]);
    assert!(bench.images.by_id(&id).unwrap().is_dangling());

    let layer = bench.images.by_id(&id).unwrap().layers()[0];
    let lease = bench.images.lease(&id).unwrap();
    assert_eq!(shown(&remove_with(&bench, &short, true, &stopped).unwrap()), [format!("Deleted: {id}")]);
    assert!(bench.snapshots.layer_exists(&layer).unwrap(), "the stopped container keeps its root");
    drop(lease);
    assert!(bench.kept().is_empty(), "{:?}", bench.kept());

    let id = bench.import("one:a", &[("f", "x")]);
    let layer = bench.images.by_id(&id).unwrap().layers()[0];
    let deleted = shown(&remove(&bench, "one:a").unwrap());
    assert_eq!(
        deleted,
        ["Untagged: one:a".to_owned(), format!("Deleted: {id}"), format!("Deleted: {layer}")]
    );
    assert!(bench.kept().is_empty());
    assert_eq!(remove(&bench, "one:a").unwrap_err().to_string(), "No such image: one:a");
}

#[test]
fn parents_go_with_their_last_child_and_not_before() {
    let bench = Bench::new();
    let base = bench.import("base", &[("f", "x")]);
    let child = bench.commit(&base, "child", &[("g", "y")]);
    let error = remove(&bench, &base.hex()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "conflict: unable to delete {} (cannot be forced) - image has dependent child images",
            base.short()
        )
    );
    // Untagging is enough when something is built on it.
    assert_eq!(shown(&remove(&bench, "base").unwrap()), ["Untagged: base:latest"]);
    assert_eq!(bench.images.list(&ListFilter::default()).unwrap().len(), 1);
    assert_eq!(bench.images.list(&ListFilter { all: true, ..ListFilter::default() }).unwrap().len(), 2);
    let deleted = shown(&remove(&bench, "child").unwrap());
    let expected = ["Untagged: child:latest".to_owned(), format!("Deleted: {child}")];
    assert_eq!(deleted[..2], expected);
    assert!(deleted.contains(&format!("Deleted: {base}")), "{deleted:?}");
    assert!(bench.kept().is_empty());
}

#[test]
fn history_and_parents() {
    let bench = Bench::new();
    let base = bench.import("base", &[("f", "xxxx")]);
    let child = bench.commit(&base, "child", &[("g", "yy")]);
    let same = bench.commit(&child, "", &[]);
    assert_eq!(bench.images.by_id(&same).unwrap().layers().len(), 2, "an empty diff adds no layer");
    let history = bench.images.history(&same.hex()).unwrap();
    let sizes: Vec<u64> = history.iter().map(|entry| entry.size).collect();
    let ids: Vec<Option<ImageId>> = history.iter().map(|entry| entry.id).collect();
    assert_eq!(sizes, [0, 2, 4]);
    assert_eq!(ids, [Some(same), Some(child), Some(base)]);
    assert_eq!(history[1].tags, ["child:latest"]);
    assert_eq!((history[0].comment.as_str(), history[0].created_by.as_str()), ("a comment", "sh"));
}

#[test]
fn a_failing_diff_makes_no_image() {
    let bench = Bench::new();
    let base = bench.import("base", &[("f", "x")]);
    let before = bench.kept();
    let request = CommitRequest {
        reference: None,
        parent: Some(base),
        config: ContainerConfig::default(),
        changes: Vec::new(),
        author: String::new(),
        comment: String::new(),
        created_by: String::new(),
    };
    let half = tar(&[("g", "y")]);
    let error = bench
        .images
        .commit(&request, move |out| {
            out.write_all(&half[..600])?;
            Err(errdefs::conflict("the container is gone"))
        })
        .unwrap_err();
    assert_eq!((error.to_string().as_str(), error.class()), ("the container is gone", Class::Conflict));
    assert_eq!(bench.kept(), before);
}

#[test]
fn filters() {
    let bench = Bench::new();
    let one = bench.import("one:1", &[("f", "1")]);
    bench.images.tag("one:1", &Reference::parse("other/one:2").unwrap()).unwrap();
    let two = bench.import("two:1", &[("f", "2")]);
    let none = bench.import("", &[("f", "3")]);
    let ids = |filter: ListFilter| -> HashSet<ImageId> {
        bench.images.list(&filter).unwrap().iter().map(|image| image.id).collect()
    };
    assert_eq!(ids(ListFilter::default()), HashSet::from([one, two, none]));
    assert_eq!(ids(ListFilter { dangling: Some(true), ..ListFilter::default() }), HashSet::from([none]));
    assert_eq!(ids(ListFilter { dangling: Some(false), ..ListFilter::default() }), HashSet::from([one, two]));
    assert_eq!(
        ids(ListFilter { references: vec!["one".into()], ..ListFilter::default() }),
        HashSet::from([one])
    );
    assert_eq!(ids(ListFilter { labels: vec!["made=here".into()], ..ListFilter::default() }).len(), 3);
    assert_eq!(ids(ListFilter { not_labels: vec!["made".into()], ..ListFilter::default() }).len(), 0);
    assert_eq!(
        ids(ListFilter { since: vec!["one:1".into()], ..ListFilter::default() }),
        HashSet::from([two, none])
    );
    assert_eq!(
        ids(ListFilter { before: vec!["two:1".into()], ..ListFilter::default() }),
        HashSet::from([one])
    );
    let listed =
        bench.images.list(&ListFilter { references: vec!["*/one".into()], ..ListFilter::default() }).unwrap();
    assert_eq!(listed[0].repo_tags, ["other/one:2"]);
    let newest_first: Vec<ImageId> =
        bench.images.list(&ListFilter::default()).unwrap().iter().map(|image| image.id).collect();
    assert_eq!(newest_first, [none, two, one]);
    let usage = bench.images.usage();
    assert_eq!(usage.layers, 3);
}

#[test]
fn pruning() {
    let bench = Bench::new();
    bench.import("one:1", &[("f", "one")]);
    let none = bench.import("", &[("f", "none")]);
    let used = bench.import("used:1", &[("f", "used")]);
    let in_use = |id: &ImageId| if *id == used { users("c", true)(id) } else { Vec::new() };
    let pruned = bench.images.prune(&PruneFilter::default(), &in_use).unwrap();
    assert_eq!(shown(&pruned.deleted)[0], format!("Deleted: {none}"));
    assert_eq!(pruned.reclaimed, 4);
    let all = PruneFilter { dangling: false, ..PruneFilter::default() };
    let pruned = bench.images.prune(&all, &in_use).unwrap();
    assert_eq!(shown(&pruned.deleted)[0], "Untagged: one:1");
    assert_eq!(bench.tags(), ["used:1"]);
}

#[test]
fn a_moved_tag_leaves_the_old_image_without_a_name() {
    let bench = Bench::new();
    let old = bench.import("a:1", &[("f", "old")]);
    let new = bench.import("b:1", &[("f", "new")]);
    let tagged = bench.images.tag("b:1", &Reference::parse("a:1").unwrap()).unwrap();
    assert_eq!((tagged.id, tagged.previous), (new, Some(old)));
    assert!(bench.images.by_id(&old).unwrap().is_dangling());
    assert_eq!(bench.images.by_id(&new).unwrap().repo_tags, ["a:1", "b:1"]);
}

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
    let error =
        bench.images.save(&SaveRequest { names: vec!["nosuch".into()] }, &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "No such image: nosuch");
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

#[test]
fn hostile_archives_are_refused_and_leave_nothing() {
    let bench = Bench::new();
    let source = Bench::new();
    source.import("a:1", &[("f", "x")]);
    let good = files(&save(&source, &["a:1"]));
    let rebuilt = |change: &dyn Fn(&str, &[u8]) -> Option<Vec<u8>>| {
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

#[test]
fn reading_while_changing_never_sees_half() {
    let bench = Bench::new();
    let id = bench.import("a:0", &[("f", "x")]);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let bench = &bench;
                scope.spawn(move || {
                    for round in 0..20 {
                        let name = format!("t{writer}:{round}");
                        bench.images.tag("a:0", &Reference::parse(&name).unwrap()).unwrap();
                        let lease = bench.images.lease(&id).unwrap();
                        remove(bench, &name).unwrap();
                        drop(lease);
                    }
                })
            })
            .collect();
        for _ in 0..100 {
            for image in bench.images.list(&ListFilter::default()).unwrap() {
                let mut config = Vec::new();
                bench.content.open_blob(&image.id).unwrap().read_to_end(&mut config).unwrap();
                assert_eq!(Digest::of(&config), image.id);
            }
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    assert_eq!(bench.tags(), ["a:0"]);
}
