//! Blobs and ingests on real directories.

use std::io::Read;
use std::sync::mpsc;
use std::thread;

use errdefs::Class;

use super::*;

fn store() -> (tempfile::TempDir, Content) {
    let dir = tempfile::tempdir().unwrap();
    let content = Content::open(dir.path()).unwrap();
    (dir, content)
}

/// Changes a blob on disk, as a failing disk would.
fn damage(content: &Content, digest: &Digest) {
    let path = content.blob_path(digest);
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"hellO").unwrap();
}

#[test]
fn put_reads_back_and_lies_in_an_oci_layout() {
    let (dir, content) = store();
    let digest = content.put(b"hello").unwrap();
    assert_eq!(digest, content.put(b"hello").unwrap());
    assert!(content.has(&digest).unwrap());
    assert_eq!(content.size(&digest).unwrap(), 5);
    assert_eq!(content.read(&digest, 5).unwrap(), b"hello");
    assert_eq!(content.read(&digest, 4).unwrap_err().class(), Class::InvalidParameter);
    assert_eq!(content.list().unwrap(), [(digest, 5)]);
    let layout = fs::read_to_string(dir.path().join("oci-layout")).unwrap();
    assert_eq!(layout, r#"{"imageLayoutVersion":"1.0.0"}"#);
    assert_eq!(fs::read(dir.path().join("blobs/sha256").join(digest.hex())).unwrap(), b"hello");
    content.delete(&digest).unwrap();
    let error = content.read(&digest, 5).unwrap_err();
    assert_eq!((error.class(), error.to_string()), (Class::NotFound, format!("content {digest}: not found")));
    assert_eq!(content.delete(&digest).unwrap_err().class(), Class::NotFound);
}

#[test]
fn ingest_resumes_after_a_restart_with_the_right_hash() {
    let (dir, content) = store();
    let digest = Digest::of(b"hello");
    let mut first = content.ingest("layer").unwrap();
    first.write_all(b"he").unwrap();
    drop(first);
    drop(content);
    let content = Content::open(dir.path()).unwrap();
    let mut second = content.ingest("layer").unwrap();
    assert_eq!(second.offset(), 2);
    second.write_all(b"llo").unwrap();
    second.commit(&digest, Some(5)).unwrap();
    assert_eq!(content.read(&digest, 10).unwrap(), b"hello");
    assert_eq!(content.ingest("layer").unwrap().offset(), 0);
}

#[test]
fn wrong_content_is_never_committed() {
    let (_dir, content) = store();
    let digest = Digest::of(b"hello");
    for (bytes, size) in [(&b"hellO"[..], None), (b"hell", Some(5)), (b"hello", Some(4)), (b"", None)] {
        let mut ingest = content.ingest("layer").unwrap();
        ingest.write_all(bytes).unwrap();
        ingest.commit(&digest, size).unwrap_err();
        assert!(!content.has(&digest).unwrap(), "{bytes:?}");
        assert_eq!(content.ingest("layer").unwrap().offset(), 0, "wrong bytes must not be resumed");
    }
}

#[test]
fn reset_begins_again() {
    let (_dir, content) = store();
    let mut ingest = content.ingest("layer").unwrap();
    ingest.write_all(b"nonsense").unwrap();
    ingest.reset().unwrap();
    ingest.write_all(b"hello").unwrap();
    ingest.commit(&Digest::of(b"hello"), Some(5)).unwrap();
}

#[test]
fn damage_on_disk_is_an_error_and_not_content() {
    let (_dir, content) = store();
    let digest = content.put(b"hello").unwrap();
    damage(&content, &digest);
    assert!(content.read(&digest, 10).unwrap_err().to_string().contains("is damaged on disk"));
    assert!(content.verify(&digest).is_err());
    let mut bytes = Vec::new();
    content.open_verified(&digest).unwrap().read_to_end(&mut bytes).unwrap_err();
    content.open_blob(&digest).unwrap().read_to_end(&mut bytes).unwrap();
}

#[test]
fn power_cut_removes_what_it_damaged_and_keeps_the_rest() {
    let (dir, content) = store();
    let (synced, whole, broken) =
        (content.put(b"a").unwrap(), content.put(b"b").unwrap(), content.put(b"hello").unwrap());
    // What another boot left unsynced: everything but `a`, as if a barrier had come before the others.
    let boot = fs::read_dir(dir.path().join("unsynced")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(boot.join(synced.hex())).unwrap();
    fs::rename(&boot, dir.path().join("unsynced/an-earlier-boot")).unwrap();
    damage(&content, &broken);
    drop(content);
    let content = Content::open(dir.path()).unwrap();
    assert!(content.has(&synced).unwrap() && content.has(&whole).unwrap());
    assert!(!content.has(&broken).unwrap());
    assert!(!dir.path().join("unsynced/an-earlier-boot").exists());
}

#[test]
fn a_killed_daemon_costs_no_reading_and_sync_clears_the_marks() {
    let (dir, content) = store();
    let digest = content.put(b"hello").unwrap();
    damage(&content, &digest);
    drop(content);
    let content = Content::open(dir.path()).unwrap();
    assert!(content.has(&digest).unwrap(), "same boot: nothing is verified");
    content.sync().unwrap();
    assert!(content.inner.unsynced.list().unwrap().is_empty());
}

#[test]
fn one_ingest_a_key_at_a_time() {
    let (_dir, content) = store();
    let mut first = content.ingest("layer").unwrap();
    let (sender, receiver) = mpsc::channel();
    let other = content.clone();
    let waiter = thread::spawn(move || {
        sender.send("waiting").unwrap();
        let ingest = other.ingest("layer").unwrap();
        assert!(other.has(&Digest::of(b"hello")).unwrap(), "the first one must be done by now");
        assert_eq!(ingest.offset(), 0);
    });
    receiver.recv().unwrap();
    drop(content.ingest("another key does not wait").unwrap());
    first.write_all(b"hello").unwrap();
    first.commit(&Digest::of(b"hello"), None).unwrap();
    waiter.join().unwrap();
}

#[test]
fn prune_spares_open_ingests() {
    let (_dir, content) = store();
    let mut open = content.ingest("open").unwrap();
    open.write_all(b"12").unwrap();
    content.ingest("left").unwrap().write_all(b"123").unwrap();
    assert_eq!(content.prune_ingests().unwrap(), 3);
    open.commit(&Digest::of(b"12"), None).unwrap();
}
