//! What is made, named, listed, removed and collected.

use std::collections::HashSet;
use std::io::Read;

use distribution::Silent;
use errdefs::Class;
use image::{CommitRequest, ImageId, ImportRequest, ListFilter, PruneFilter};
use oci::digest::Digest;
use oci::image::ContainerConfig;
use oci::reference::Reference;

use super::bench::{Bench, remove, remove_with, shown, tar, users};

#[test]
fn an_import_is_an_image_with_one_layer() {
    let bench = Bench::new();
    let id = bench.import("pp:1", &[("etc/motd", "hello")]);
    let image = bench.images.get("pp:1").unwrap();
    assert_eq!((image.id, image.layers().len(), image.size), (id, 1, 5));
    assert_eq!(image.config.config.cmd.as_deref(), Some(&["sh".to_owned()][..]));
    assert_eq!(image.config.comment, "Imported from -");
    assert_eq!(image.repo_tags, ["pp:1"]);
    assert_eq!(
        std::fs::read_to_string(bench.snapshots.layer_dir(&image.layers()[0]).join("etc/motd")).unwrap(),
        "hello"
    );
    for name in ["pp:1", &id.to_string(), &id.hex(), &id.hex()[..6], &id.to_string()[..16]] {
        assert_eq!(bench.images.get(name).unwrap().id, id, "{name}");
    }
    for (name, text) in [
        ("qq", "No such image: qq:latest"),
        ("pp", "No such image: pp:latest"),
        ("zz:1", "No such image: zz:1"),
    ] {
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
fn compressed_imports_are_read_and_broken_ones_leave_nothing() {
    let bench = Bench::new();
    let plain = tar(&[("a", "x")]);
    let mut gzip = Vec::new();
    distribution::gzip::gzip(&mut &plain[..], &mut gzip).unwrap();
    let one = bench.images.import(&ImportRequest::default(), &mut &gzip[..], &Silent).unwrap();
    let layer = bench.images.by_id(&one).unwrap().layers()[0];
    assert_eq!(layer, Digest::of(&plain));
    let error =
        bench.images.import(&ImportRequest::default(), &mut &b"BZh91AY&SYabc"[..], &Silent).unwrap_err();
    assert_eq!(error.class(), Class::System, "{error}");
    assert_eq!(bench.images.list(&ListFilter { all: true, ..ListFilter::default() }).unwrap().len(), 1);
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

/// Asks for a commit of changes to `parent`, and nothing else.
fn commit_of(parent: ImageId) -> CommitRequest {
    CommitRequest {
        reference: None,
        parent: Some(parent),
        config: ContainerConfig::default(),
        changes: Vec::new(),
        author: String::new(),
        comment: String::new(),
        created_by: String::new(),
        docker_version: String::new(),
    }
}

#[test]
fn a_failing_diff_makes_no_image() {
    let bench = Bench::new();
    let base = bench.import("base", &[("f", "x")]);
    let before = bench.kept();
    let half = tar(&[("g", "y")]);
    let error = bench
        .images
        .commit(&commit_of(base), move |out| {
            out.write_all(&half[..600])?;
            Err(errdefs::conflict("the container is gone"))
        })
        .unwrap_err();
    assert_eq!((error.to_string().as_str(), error.class()), ("the container is gone", Class::Conflict));
    assert_eq!(bench.kept(), before);
}

#[test]
fn a_layer_that_cannot_be_kept_is_told_of_and_not_the_pipe_that_broke() {
    let bench = Bench::new();
    let base = bench.import("base", &[("f", "x")]);
    let before = bench.kept();
    let error = bench
        .images
        .commit(&commit_of(base), |out| {
            // No header of a tar, and then more than a pipe holds: the writer notices that nobody reads.
            let refused = out.write_all(&vec![b'x'; 4 << 20]).and_then(|()| out.flush());
            assert_eq!(refused.as_ref().unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
            Ok(refused?)
        })
        .unwrap_err();
    assert!(!error.to_string().to_lowercase().contains("broken pipe"), "{error}");
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
