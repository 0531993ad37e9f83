//! The table of known attacks in `docs/security.md` names tests that exist.

use std::path::Path;

pub(super) fn sources(dir: &Path, text: &mut String) {
    for entry in std::fs::read_dir(dir).expect("read a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            text.push_str(&std::fs::read_to_string(&path).expect("read a source"));
        }
    }
}

#[test]
fn every_test_that_the_security_table_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut text = String::new();
    for dir in ["tests", "crates"] {
        sources(&root.join(dir), &mut text);
    }
    let table = std::fs::read_to_string(root.join("docs/security.md")).expect("docs/security.md");
    let mut named = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let Some(tests) = row.trim_end_matches(" |").rsplit(" | ").next() else { continue };
        for name in tests.split('`').skip(1).step_by(2) {
            let start = format!("fn {}", name.trim_end_matches('*'));
            assert!(text.contains(&start), "docs/security.md names `{name}`, and there is no such test");
            named += 1;
        }
    }
    assert!(named > 25, "the table has only {named} names");
}
