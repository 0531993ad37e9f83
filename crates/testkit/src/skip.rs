//! What a test cannot check because the host lacks something: said and counted, never taken for passed.

use std::io::Write;
use std::process::Command;

use crate::env;

/// Reports one check as skipped, with why. The lines are collected in the file `$HYTHE_SKIPPED`, whose number of lines is
/// the count that `scripts/test.sh` prints at its end.
pub fn report(what: &str) {
    eprintln!("SKIPPED: {what}");
    let Some(path) = env("HYTHE_SKIPPED") else { return };
    let file = std::fs::File::options().create(true).append(true).open(&path);
    // One write, so that lines of tests side by side do not mix.
    let written = file.and_then(|mut file| file.write_all(format!("{what}\n").as_bytes()));
    written.unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// The clients that a test of `check` is made with, `hythe` and the stock `docker`. Where that is not installed (as in the
/// virtual machine), its half is reported as skipped.
pub fn clients(check: &str) -> &'static [&'static str] {
    match Command::new("docker").arg("--version").output() {
        Ok(_) => &["hythe", "docker"],
        Err(_) => {
            report(&format!("{check} with the stock client: it is not installed"));
            &["hythe"]
        }
    }
}

/// Whether the stock client on `PATH` says what this year's says: that of Docker 28 or newer. Debian's is older; `check`
/// is reported as skipped then.
pub fn needs_new_client(check: &str) -> bool {
    let output = Command::new("docker").arg("--version").output().expect("the stock client");
    // `Docker version 28.2.2, build e6534b4`.
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let major = text.split_whitespace().nth(2).and_then(|version| version.split('.').next());
    let new = major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 28);
    if !new {
        report(&format!("{check}: the stock client here is {}", text.trim()));
    }
    new
}
