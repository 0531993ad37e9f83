//! What `stop` and `restart` share: how a container is asked to end, and for how long.

use super::each_at_once;
use crate::cli::Cli;
use crate::failure::{Failure, Failures, Outcome};
use crate::flag::{Flag, NONE, Parsed, single, text};
use crate::opts::number;

/// The flags of both.
pub(super) const FLAGS: &[Flag] = &[
    text("signal", 's', "Signal to send to the container"),
    single("timeout", 't', "int", Some(number::check_int), "Seconds to wait before killing the container"),
    single("time", NONE, "int", Some(number::check_int), "").hide(),
];

/// Calls `operation` with each container, the signal and the seconds to wait, and prints the names of those that ended.
pub(super) fn each(
    cli: &Cli,
    parsed: &Parsed,
    operation: impl Fn(&str, &str, Option<i64>) -> errdefs::Result<()> + Sync,
) -> Outcome {
    if parsed.given("time") && parsed.given("timeout") {
        return Err(Failure::new("conflicting options: cannot specify both --timeout and --time"));
    }
    if parsed.given("time") {
        cli.print("Flag --time has been deprecated, use --timeout instead")?;
    }
    let timeout = parsed.maybe_int("timeout").or(parsed.maybe_int("time"));
    let signal = parsed.text("signal");
    let results = each_at_once(&parsed.args, |container| operation(container, signal, timeout));
    let mut failures = Failures::default();
    for (container, result) in parsed.args.iter().zip(results) {
        if failures.note(result).is_some() {
            cli.print(container)?;
        }
    }
    failures.finish()
}
