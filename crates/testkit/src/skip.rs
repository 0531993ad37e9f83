//! What a test cannot check because the host lacks something: said and counted, never taken for passed.

use std::io::Write;

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
