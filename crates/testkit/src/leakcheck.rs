//! The leak checker: what an engine holds of the system, taken before and after a test and compared.
//!
//! Each class of thing is listed by a name that a reader of the failure can look for: a mount point, a link, a rule, a
//! control group, a process, a file. A test's daemon owns a sandbox, a directory and a cgroup of its own, so whatever is
//! left in those is its own leak and nobody else's.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Output, Sandbox, statecheck};

/// Everything of the checked classes that exists at one moment, one line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory(BTreeSet<String>);

/// Where to look: what belongs to the daemon under test.
pub struct Scope<'a> {
    /// Its namespaces.
    pub sandbox: &'a Sandbox,
    /// Its directory: data root `data`, state directory `run`.
    pub dir: &'a Path,
    /// The cgroup its containers live under, as a path from each hierarchy's root.
    pub cgroup: &'a str,
}

impl Scope<'_> {
    /// The daemon's directory as it is seen inside the sandbox, where the data root may be a disk of its own.
    pub(crate) fn inside(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.sandbox.pid(), self.dir.display()))
    }
}

/// Directories of the data root that hold one entry a container and must be empty without containers.
const PER_CONTAINER: [&str; 5] =
    ["containers", "log-spool", "snapshots/containers", "snapshots/staging", "snapshots/trash"];

impl Inventory {
    /// Takes the inventory now.
    pub fn take(scope: &Scope<'_>) -> Self {
        let mut lines = BTreeSet::new();
        mounts(scope, &mut lines);
        links_and_rules(scope, &mut lines);
        cgroups(scope.cgroup, &mut lines);
        processes(scope, &mut lines);
        files(scope, &mut lines);
        Self(lines)
    }

    /// What is here and was not in `before`.
    pub fn since(&self, before: &Self) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }
}

fn mounts(scope: &Scope<'_>, lines: &mut BTreeSet<String>) {
    let table = fs::read_to_string(format!("/proc/{}/mountinfo", scope.sandbox.pid())).unwrap_or_default();
    for mount in table.lines() {
        // Field 5 is the mount point; the ids before it differ between runs.
        if let Some(point) = mount.split(' ').nth(4) {
            lines.insert(format!("mount {point}"));
        }
    }
}

fn links_and_rules(scope: &Scope<'_>, lines: &mut BTreeSet<String>) {
    let links = Output::of(&mut scope.sandbox.command("ip", ["-o", "link", "show"])).ok();
    for link in links.lines() {
        if let Some(name) = link.split(": ").nth(1) {
            lines.insert(format!("link {}", name.split('@').next().unwrap_or(name)));
        }
    }
    let rules = Output::of(&mut scope.sandbox.command("nft", ["list", "ruleset"])).ok();
    for rule in rules.lines() {
        lines.insert(format!("rule {}", rule.trim()));
    }
}

fn cgroups(parent: &str, lines: &mut BTreeSet<String>) {
    let mut roots: Vec<PathBuf> = vec![PathBuf::from("/sys/fs/cgroup")];
    roots.extend(children(Path::new("/sys/fs/cgroup")));
    for root in roots {
        for group in children(&root.join(parent.trim_start_matches('/'))) {
            lines.insert(format!("cgroup {}", group.display()));
        }
    }
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Processes of the daemon's containers: shims run in the sandbox's network namespace; container processes live in cgroups
/// below the daemon's; others may name the state directory on their command line.
fn processes(scope: &Scope<'_>, lines: &mut BTreeSet<String>) {
    let home = fs::read_link(format!("/proc/{}/ns/net", scope.sandbox.pid())).ok();
    lines.extend(
        statecheck::shims(home.as_deref()).iter().map(|(pid, id)| format!("process {pid} shim of {id}")),
    );
    let state = scope.dir.join("run").to_string_lossy().into_owned();
    for process in children(Path::new("/proc")) {
        let Some(pid) =
            process.file_name().and_then(|name| name.to_str()).filter(|name| name.parse::<u32>().is_ok())
        else {
            continue;
        };
        let command = fs::read(process.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let cgroups = fs::read_to_string(process.join("cgroup")).unwrap_or_default();
        if command.contains(&state) || cgroups.contains(&format!("{}/", scope.cgroup)) {
            lines.insert(format!("process {pid} {}", command.trim()));
        }
    }
}

fn files(scope: &Scope<'_>, lines: &mut BTreeSet<String>) {
    for dir in PER_CONTAINER {
        for entry in fs::read_dir(scope.inside().join("data").join(dir)).into_iter().flatten().flatten() {
            lines.insert(format!("file data/{dir}/{}", entry.file_name().display()));
        }
    }
    for dir in children(&scope.inside().join("run")) {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            lines.insert(format!("file {}", entry.path().display()));
        }
    }
}
