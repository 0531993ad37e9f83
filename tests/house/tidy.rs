//! Rules about files: a module says what it is for, is about one thing, and has a name that explains itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::fixture::workspace;

/// Lines above which a file is certainly about more than one thing.
const LONGEST_FILE: usize = 700;

/// Names that attract everything and explain nothing.
const BANNED_NAMES: [&str; 8] = ["utils", "util", "common", "helpers", "types", "imp", "errors", "misc"];

/// Every Rust file that git knows or would know.
fn rust_files() -> Vec<PathBuf> {
    let root = workspace();
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"])
        .current_dir(&root)
        .output()
        .expect("git ls-files");
    let text = String::from_utf8(output.stdout).expect("plain paths");
    let files: Vec<PathBuf> = text.lines().map(|line| root.join(line)).filter(|path| path.exists()).collect();
    assert!(files.len() > 50, "git ls-files found only {} files", files.len());
    files
}

fn check(rule: &str, broken: impl Fn(&Path, &str) -> Option<String>) {
    let wrong: Vec<String> = rust_files()
        .iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(path).expect("a readable file");
            broken(path, &text).map(|why| format!("{}: {why}", path.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

#[test]
fn line_one_says_what_the_module_is_for() {
    check("line 1 is a `//!` sentence", |_, text| {
        let first = text.lines().next().unwrap_or_default();
        (!first.starts_with("//! ") || first.len() < 15).then(|| format!("starts with {first:?}"))
    });
}

#[test]
fn files_are_about_one_thing() {
    check("files stay short", |_, text| {
        let lines = text.lines().count();
        (lines > LONGEST_FILE).then(|| format!("{lines} lines, the limit is {LONGEST_FILE}"))
    });
}

#[test]
fn names_explain_themselves() {
    check("no catch-all names", |path, _| {
        let stem = path.file_stem()?.to_str()?;
        BANNED_NAMES.contains(&stem).then(|| "name the one thing it is about".to_owned())
    });
}

#[test]
fn only_sys_has_unsafe_code() {
    check("`unsafe` only in crates/sys", |path, text| {
        let allowed = path.starts_with(workspace().join("crates/sys"));
        let line = text.lines().find(|line| line.contains("unsafe {") || line.contains("unsafe fn"))?;
        (!allowed && !path.ends_with("house/tidy.rs")).then(|| line.trim().to_owned())
    });
}

#[test]
fn nothing_is_left_unfinished_or_ignored() {
    check("no leftovers", |path, text| {
        if path.ends_with("house/tidy.rs") {
            return None;
        }
        ["todo!(", "unimplemented!(", "FIXME", "XXX", "#[ignore"]
            .iter()
            .find(|word| text.contains(**word))
            .map(|word| format!("has {word}"))
    });
}
