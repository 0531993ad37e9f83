//! The table in `docs/engine-semantics.md` has every line of the list, and names tests that exist.

use std::path::Path;

use super::security::sources;

/// How many lines the list has that are about containers.
const LINES: usize = 84;

#[test]
fn every_line_of_the_semantics_has_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut text = String::new();
    for dir in ["tests", "crates"] {
        sources(&root.join(dir), &mut text);
    }
    let table = std::fs::read_to_string(root.join("docs/engine-semantics.md")).expect("the table");
    let mut next = 1;
    for row in table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| n ")) {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let [number, _, tests] = cells[..] else { panic!("three cells: {row}") };
        assert_eq!(number, next.to_string(), "the lines in their order");
        next += 1;
        let mut named = 0;
        for name in tests.split('`').skip(1).step_by(2) {
            let start = match name.strip_suffix('*') {
                Some(start) => format!("fn {start}"),
                None => format!("fn {name}()"),
            };
            assert!(text.contains(&start), "semantics {number} names `{name}`, and there is no such test");
            named += 1;
        }
        assert!(named > 0, "semantics {number} names no test");
    }
    assert_eq!(next, LINES + 1, "lines in the table");
}
