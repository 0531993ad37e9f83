//! Options of remote drivers when a container is created, in Docker's words (observed with 28.5.2).

use std::time::Duration;

use errdefs::{Result, invalid};
use logs::config::{Options, boolean, check_common};

use crate::{fluentd, gelf, syslog};

/// The drivers that are known here.
pub const DRIVERS: [&str; 4] = ["syslog", "journald", "gelf", "fluentd"];

/// What every remote driver takes.
pub(crate) const SHARED: [&str; 5] = ["labels", "labels-regex", "env", "env-regex", "tag"];

/// Checks the options of a remote driver.
///
/// # Errors
/// InvalidParameter in Docker's words.
pub fn check(driver: &str, options: &Options) -> Result<()> {
    let options = check_common(options)?;
    match driver {
        "syslog" => syslog::check(&options),
        "gelf" => gelf::check(&options),
        "fluentd" => fluentd::check(&options),
        "journald" => known("journald", &[], &options),
        other => Err(invalid(format!("logger: no log driver named '{other}' is registered"))),
    }
}

/// That there are no others than these.
pub(crate) fn known(driver: &str, own: &[&str], options: &Options) -> Result<()> {
    match options.keys().find(|key| !own.contains(&key.as_str()) && !SHARED.contains(&key.as_str())) {
        Some(key) => Err(invalid(format!("unknown log opt '{key}' for {driver} log driver"))),
        None => Ok(()),
    }
}

/// Go's `strconv.ParseBool`, an absent or empty option being false.
pub(crate) fn flag(options: &Options, key: &str) -> Result<bool> {
    match options.get(key).filter(|text| !text.is_empty()) {
        None => Ok(false),
        Some(text) => boolean(text)
            .ok_or_else(|| invalid(format!("strconv.ParseBool: parsing \"{text}\": invalid syntax"))),
    }
}

/// Go's `time.ParseDuration`.
pub(crate) fn duration(text: &str) -> Result<Duration> {
    let wrong = || invalid(format!("time: invalid duration \"{text}\""));
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().map_err(|_| wrong())?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let scale = match &rest[..end] {
            "" => return Err(invalid(format!("time: missing unit in duration \"{text}\""))),
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            unit => {
                return Err(invalid(format!("time: unknown unit \"{unit}\" in duration \"{text}\"")));
            }
        };
        seconds += number * scale;
        rest = &rest[end..];
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Options {
        text.split_whitespace()
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    /// Driver, options, and what Docker 28.5.2 said to them.
    const REFUSED: &[(&str, &str, &str)] = &[
        ("syslog", "x=1", "unknown log opt 'x' for syslog log driver"),
        ("syslog", "syslog-address=foo", "unsupported scheme: ''"),
        ("syslog", "syslog-address=unix:///nope", "stat /nope: no such file or directory"),
        ("syslog", "syslog-facility=x", "invalid syslog facility"),
        ("syslog", "syslog-format=x", "Invalid syslog format"),
        ("syslog", "cache-disabled=q", "invalid value for option cache-disabled: q"),
        ("journald", "max-size=1", "unknown log opt 'max-size' for journald log driver"),
        ("gelf", "gelf-address=udp://127.0.0.1:1 x=1", "unknown log opt \"x\" for gelf log driver"),
        ("gelf", "", "gelf-address is a required parameter"),
        ("gelf", "gelf-address=foo", "gelf: endpoint needs to be TCP or UDP"),
        ("gelf", "gelf-address=unix:///x", "gelf: endpoint needs to be TCP or UDP"),
        ("gelf", "gelf-address=udp://127.0.0.1", "gelf: please provide gelf-address as proto://host:port"),
        (
            "gelf",
            "gelf-address=tcp://127.0.0.1:1 gelf-compression-type=gzip",
            "compression is only supported on UDP",
        ),
        (
            "gelf",
            "gelf-address=udp://127.0.0.1:1 gelf-compression-type=x",
            "unknown value \"x\" for log opt \"gelf-compression-type\" for gelf log driver",
        ),
        (
            "gelf",
            "gelf-address=udp://127.0.0.1:1 gelf-compression-level=99",
            "unknown value \"99\" for log opt \"gelf-compression-level\" for gelf log driver",
        ),
        (
            "gelf",
            "gelf-address=udp://127.0.0.1:1 gelf-tcp-max-reconnect=1",
            "\"gelf-tcp-max-reconnect\" is only valid for TCP",
        ),
        (
            "gelf",
            "gelf-address=tcp://127.0.0.1:1 gelf-tcp-max-reconnect=-1",
            "\"gelf-tcp-max-reconnect\" must be a positive integer",
        ),
        (
            "gelf",
            "gelf-address=tcp://127.0.0.1:1 gelf-tcp-reconnect-delay=q",
            "\"gelf-tcp-reconnect-delay\" must be a positive integer",
        ),
        ("fluentd", "x=1", "unknown log opt 'x' for fluentd log driver"),
        (
            "fluentd",
            "fluentd-address=foo://x",
            "invalid fluentd-address (foo://x): unsupported scheme: 'foo'",
        ),
        (
            "fluentd",
            "fluentd-address=tcp://x:1/p",
            "invalid fluentd-address (tcp://x:1/p): should not contain a path element",
        ),
        (
            "fluentd",
            "fluentd-address=x:99999",
            "invalid fluentd-address (x:99999): invalid port: strconv.ParseUint: parsing \"99999\": value out of range",
        ),
        (
            "fluentd",
            "fluentd-address=x:y",
            "invalid fluentd-address (x:y): parse \"tcp://x:y\": invalid port \":y\" after host",
        ),
        (
            "fluentd",
            "fluentd-address=tls://[::1",
            "invalid fluentd-address (tls://[::1): parse \"tls://[::1\": missing ']' in host",
        ),
        ("fluentd", "fluentd-async=q", "strconv.ParseBool: parsing \"q\": invalid syntax"),
        ("fluentd", "fluentd-buffer-limit=q", "invalid size: 'q'"),
        ("fluentd", "fluentd-retry-wait=q", "time: invalid duration \"q\""),
        ("fluentd", "fluentd-max-retries=q", "strconv.ParseUint: parsing \"q\": invalid syntax"),
        (
            "fluentd",
            "fluentd-async-reconnect-interval=1",
            "invalid value for fluentd-async-reconnect-interval: time: missing unit in duration \"1\"",
        ),
        (
            "fluentd",
            "fluentd-write-timeout=q",
            "invalid value for fluentd-write-timeout: value must be a duration: time: invalid duration \"q\"",
        ),
        ("fluentd", "fluentd-sub-second-precision=q", "strconv.ParseBool: parsing \"q\": invalid syntax"),
    ];

    #[test]
    fn refuses_in_dockers_words() {
        for (driver, given, text) in REFUSED {
            let error = check(driver, &options(given)).expect_err(given);
            assert_eq!(&error.message(), text, "{driver} {given}");
        }
    }

    #[test]
    fn durations_are_gos() {
        assert_eq!(duration("1m1.5s").unwrap(), Duration::from_millis(61_500));
        assert_eq!(duration("250ms").unwrap(), Duration::from_millis(250));
        assert!(duration("").is_err() && duration("1").is_err() && duration("1x").is_err());
    }
}
