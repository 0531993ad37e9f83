//! Proportional set sizes of an engine's processes: what they cost the machine, shared pages divided among their users.

use std::fs;
use std::path::Path;

/// The sum of the PSS of all processes with one of these names, in MB (10^6 bytes).
pub(crate) fn pss_of(names: &[&str]) -> f64 {
    processes()
        .filter(|(_, name)| names.iter().any(|wanted| name.starts_with(wanted)))
        .map(|(pid, _)| pss(pid))
        .sum()
}

/// The PSS of one process in MB.
pub(crate) fn pss(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|value| value.parse().ok()).unwrap_or(0.0);
    kib * 1024.0 / 1e6
}

fn processes() -> impl Iterator<Item = (u32, String)> {
    fs::read_dir(Path::new("/proc")).into_iter().flatten().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        // `comm` is cut at 15 characters, which is enough for every name here.
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        Some((pid, name.trim().to_owned()))
    })
}
