//! ARCHITECTURE.md's crate table against `cargo metadata`: a map that is not checked is soon wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use testkit::fixture::workspace;

type Uses = BTreeMap<String, BTreeSet<String>>;

/// The table's rows: "| `name` | what | `used`, `used` |".
fn documented() -> Uses {
    let text = std::fs::read_to_string(workspace().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let table =
        text.split("<!-- crates -->").nth(1).expect("the table stands between two `<!-- crates -->` marks");
    table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let names =
                |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
            let name = names(cells[1]).pop_first().expect("a crate's name in the first column");
            (name, names(cells[3]))
        })
        .collect()
}

/// What the manifests say, without dev-dependencies.
fn actual() -> Uses {
    let cargo = testkit::env("CARGO").unwrap_or_else(|| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--no-deps", "--manifest-path"])
        .arg(workspace().join("Cargo.toml"))
        .output()
        .expect("cargo metadata");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            let ours = dependencies.iter().filter(|d| d["path"].is_string() && d["kind"].is_null());
            (name(package), ours.map(name).collect())
        })
        .collect()
}

fn name(value: &serde_json::Value) -> String {
    value["name"].as_str().expect("a name").to_owned()
}

#[test]
fn the_crate_table_is_what_the_manifests_say() {
    let (documented, actual) = (documented(), actual());
    let mut wrong = Vec::new();
    for krate in documented.keys().chain(actual.keys()).collect::<BTreeSet<_>>() {
        match (documented.get(krate), actual.get(krate)) {
            (Some(said), Some(is)) if said == is => {}
            (Some(said), Some(is)) => {
                wrong.push(format!("{krate}: the table says {said:?}, the manifest {is:?}"))
            }
            (Some(_), None) => wrong.push(format!("{krate}: in the table, but there is no such crate")),
            (None, _) => wrong.push(format!("{krate}: missing from the table")),
        }
    }
    assert!(wrong.is_empty(), "ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

/// The invariants of ARCHITECTURE.md that are about who must not know whom.
#[test]
fn mechanisms_do_not_know_each_other() {
    let actual = actual();
    let mechanisms = ["image", "network", "volume", "shim"];
    for krate in mechanisms {
        for other in mechanisms.iter().filter(|other| **other != krate) {
            assert!(!actual[krate].contains(*other), "{krate} must not know {other}");
        }
    }
    for krate in ["client", "cli", "api"] {
        assert!(!actual[krate].contains("engine"), "{krate} must never link the engine");
    }
}

/// Synchronous crates stay so: no async runtime below the engine.
#[test]
fn no_async_in_the_mechanisms() {
    for krate in [
        "sys",
        "cgroups",
        "runtime",
        "shim",
        "logs",
        "content",
        "snapshot",
        "distribution",
        "image",
        "network",
        "volume",
        "client",
        "cli",
    ] {
        let manifest =
            std::fs::read_to_string(workspace().join("crates").join(krate).join("Cargo.toml")).expect(krate);
        assert!(!manifest.contains("tokio"), "{krate} must not use tokio");
    }
}
