//! `--health-*` and `--no-healthcheck`.

use api::container::HealthConfig;

use crate::failure::{Failure, Outcome};
use crate::flag::Parsed;
use crate::opts::duration;

/// The probe, if the flags say anything of it.
pub(super) fn config(parsed: &Parsed) -> Outcome<Option<HealthConfig>> {
    let span = |flag: &str| duration::parse(parsed.text(flag)).unwrap_or_default();
    let probe = HealthConfig {
        test: Some(parsed.text("health-cmd"))
            .filter(|command| !command.is_empty())
            .map(|command| vec!["CMD-SHELL".to_owned(), command.to_owned()]),
        interval: span("health-interval"),
        timeout: span("health-timeout"),
        start_period: span("health-start-period"),
        start_interval: span("health-start-interval"),
        retries: parsed.int("health-retries"),
    };
    let any = probe != HealthConfig::default();
    if parsed.on("no-healthcheck") {
        if any {
            return Err(Failure::new("--no-healthcheck conflicts with --health-* options"));
        }
        return Ok(Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }));
    }
    for (flag, value) in [
        ("interval", probe.interval),
        ("timeout", probe.timeout),
        ("retries", probe.retries),
        ("start-period", probe.start_period),
        ("start-interval", probe.start_interval),
    ] {
        if value < 0 {
            return Err(Failure::new(format!("--health-{flag} cannot be negative")));
        }
    }
    Ok(any.then_some(probe))
}
