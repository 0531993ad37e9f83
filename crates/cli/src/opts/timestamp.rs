//! `--since` and `--until`: a moment as a date, seconds since the epoch, or how long ago.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::strtime};

use super::duration;

/// The moment as the API wants it: `seconds.nanoseconds`. What is neither a duration nor a date is left as it is.
pub(crate) fn parse(text: &str, now: Timestamp) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    // A bare zero is the beginning of time, not now.
    if let Some(ago) = duration::parse(text).ok().filter(|_| text != "0") {
        let moment = now.as_nanosecond() - i128::from(ago);
        return Ok(format(moment.div_euclid(1_000_000_000) as i64, moment.rem_euclid(1_000_000_000) as i32));
    }
    if text.parse::<f64>().is_ok() && !text.contains(['e', 'E']) {
        return Ok(text.to_owned());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(format(moment.as_second(), moment.subsec_nanosecond()));
    }
    let local = local(text).ok_or_else(|| format!("failed to parse value as time or duration: {text:?}"))?;
    let moment = local.to_zoned(TimeZone::system()).map_err(|error| error.to_string())?.timestamp();
    Ok(format(moment.as_second(), moment.subsec_nanosecond()))
}

fn format(seconds: i64, nanos: i32) -> String {
    format!("{seconds}.{nanos:09}")
}

/// A date, with or without a time, without a zone: meant locally.
fn local(text: &str) -> Option<DateTime> {
    if let Ok(moment) = text.parse::<DateTime>() {
        return Some(moment);
    }
    ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y-%m-%dZ"]
        .iter()
        .find_map(|form| strtime::parse(form, text).and_then(|parsed| parsed.to_datetime()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let now = Timestamp::new(1000, 500).unwrap();
        for (text, moment) in [
            ("10s", "990.000000500"),
            ("1136073845", "1136073845"),
            ("0", "0"),
            ("1136073845.5", "1136073845.5"),
            ("2006-01-02T15:04:05Z", "1136214245.000000000"),
            ("2006-01-02T15:04:05.5+02:00", "1136207045.500000000"),
            ("", ""),
        ] {
            assert_eq!(parse(text, now).as_deref(), Ok(moment), "{text}");
        }
        assert!(parse("2006-01-02", now).unwrap().starts_with("1136"));
        assert!(parse("yesterday", now).is_err());
    }
}
