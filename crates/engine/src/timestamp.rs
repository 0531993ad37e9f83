//! Points in time as the API's parameters have them.
//!
//! Queries of `events` and `logs` carry `seconds[.nanoseconds]`; the `until` of prune filters may also be a Go duration
//! back from now or a date.

use errdefs::{Result, invalid};
use jiff::{SignedDuration, Timestamp, civil};

/// `seconds[.nanoseconds]` since the epoch; empty is `None`.
///
/// # Errors
/// InvalidParameter for anything else.
pub fn parse_unix(text: &str) -> Result<Option<Timestamp>> {
    if text.is_empty() {
        return Ok(None);
    }
    let bad = |part: &str| invalid(format!("strconv.ParseInt: parsing {part:?}: invalid syntax"));
    let (seconds, fraction) = text.split_once('.').map_or((text, None), |(s, f)| (s, Some(f)));
    let seconds: i64 = seconds.parse().map_err(|_| bad(seconds))?;
    let fraction = fraction.unwrap_or("0");
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad(fraction));
    }
    // Docker cuts off what is finer than nanoseconds.
    let nanoseconds: i32 = format!("{fraction:0<9}")[..9].parse().map_err(|_| bad(fraction))?;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    Timestamp::new(seconds, sign * nanoseconds).map(Some).map_err(|_| bad(text))
}

/// What `until=` of a filter means: a duration (`24h`) back from `now`, a date, or seconds since the epoch.
///
/// # Errors
/// InvalidParameter if it is none of these.
pub fn parse_until(text: &str, now: Timestamp) -> Result<Timestamp> {
    if let Some(back) = parse_duration(text) {
        return now.checked_sub(back).map_err(|error| invalid(error.to_string()));
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(timestamp);
    }
    // A date without a zone is in the engine's own, as in Docker.
    if let Ok(local) = text.parse::<civil::DateTime>()
        && let Ok(zoned) = local.to_zoned(jiff::tz::TimeZone::system())
    {
        return Ok(zoned.timestamp());
    }
    let bad = || invalid(format!("failed to parse value as time or duration: {text:?}"));
    parse_unix(text).map_err(|_| bad())?.ok_or_else(bad)
}

/// The point in time of a prune's filter `until`, of which there may be one.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub(crate) fn only_until(filters: &api::filters::Filters) -> Result<Option<Timestamp>> {
    let now = Timestamp::now();
    let mut given = filters.get("until");
    let first = given.next().map(|text| parse_until(text, now)).transpose()?;
    match given.next() {
        Some(_) => Err(invalid("more than one until filter specified")),
        None => Ok(first),
    }
}

/// A Go duration: `1h30m`, `1.5s`, `-10ms`; needs a unit unless it is `0`.
fn parse_duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let units =
            [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
        let (unit, seconds) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        total += number * seconds;
        rest = &rest[unit.len()..];
    }
    SignedDuration::try_from_secs_f64(if negative { -total } else { total }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_times() {
        let text = |text| parse_unix(text).unwrap().unwrap().to_string();
        assert_eq!(text("0"), "1970-01-01T00:00:00Z");
        assert_eq!(text("1.5"), "1970-01-01T00:00:01.5Z");
        assert_eq!(text("1.000000001"), "1970-01-01T00:00:01.000000001Z");
        assert_eq!(text("1.0000000019"), "1970-01-01T00:00:01.000000001Z");
        assert_eq!(parse_unix("").unwrap(), None);
        for bad in ["x", "1.x", "1.", ".5", "1e3", "99999999999999", "1.5.5"] {
            assert!(parse_unix(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn untils() {
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("24h", "2026-01-01T00:00:00Z"),
            ("1h30m", "2026-01-01T22:30:00Z"),
            ("1.5s", "2026-01-01T23:59:58.5Z"),
            ("2025-12-31T00:00:00Z", "2025-12-31T00:00:00Z"),
            ("2025-12-31T01:00:00+01:00", "2025-12-31T00:00:00Z"),
            ("86400", "1970-01-02T00:00:00Z"),
        ] {
            assert_eq!(parse_until(text, now).unwrap().to_string(), expected, "{text}");
        }
        assert!(parse_until("2025-12-31", now).is_ok());
        for bad in ["", "h", "1x", "yesterday"] {
            assert!(parse_until(bad, now).is_err(), "{bad}");
        }
    }
}
