//! Images over a real store, content and snapshots, and against registries on loopback.

#[path = "../../distribution/tests/it/hostile.rs"]
#[expect(dead_code, reason = "shared with the tests of `distribution`, which use all of it")]
mod hostile;

mod it {
    mod archives;
    mod bench;
    mod catalog;
    mod registry;
}
