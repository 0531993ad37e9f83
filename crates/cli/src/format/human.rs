//! Sizes and times in words: `1.23MB`, `About an hour`, `2 weeks`.
//!
//! The roundings are Docker's, odd ones included: hours are rounded to the nearest, everything above is cut off.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const DECIMAL_UNITS: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const BINARY_UNITS: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

fn scaled(size: f64, base: f64, units: &[&'static str; 9]) -> (f64, &'static str) {
    let mut size = size;
    let mut unit = 0;
    while size >= base && unit + 1 < units.len() {
        size /= base;
        unit += 1;
    }
    (size, units.get(unit).copied().unwrap_or_default())
}

/// `value` with `digits` significant digits and no trailing zeros, as `%.{digits}g` prints it.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let exponent: i32 =
        scientific.rsplit_once('e').and_then(|(_, text)| text.parse().ok()).unwrap_or_default();
    if exponent < -4 || usize::try_from(exponent).is_ok_and(|exponent| exponent >= digits) {
        let (mantissa, _) = scientific.split_once('e').unwrap_or((&scientific, ""));
        let mantissa = if mantissa.contains('.') {
            mantissa.trim_end_matches('0').trim_end_matches('.')
        } else {
            mantissa
        };
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let decimals =
        usize::try_from(i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent).unwrap_or_default();
    let fixed = format!("{value:.decimals$}");
    if fixed.contains('.') { fixed.trim_end_matches('0').trim_end_matches('.').to_owned() } else { fixed }
}

/// A size in powers of 1000 with `digits` significant digits.
pub(crate) fn size_with_precision(bytes: f64, digits: usize) -> String {
    let (size, unit) = scaled(bytes, 1000.0, &DECIMAL_UNITS);
    format!("{}{unit}", significant(size, digits))
}

/// A size in powers of 1000 with four digits.
pub(crate) fn size(bytes: f64) -> String {
    size_with_precision(bytes, 4)
}

/// A size in powers of 1024 with four digits.
pub(crate) fn binary_size(bytes: f64) -> String {
    let (size, unit) = scaled(bytes, 1024.0, &BINARY_UNITS);
    format!("{}{unit}", significant(size, 4))
}

/// A number of seconds in words.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds as i64;
    let minutes = (seconds / 60.0) as i64;
    let hours = (seconds / 3600.0 + 0.5) as i64;
    match () {
        () if whole < 1 => "Less than a second".to_owned(),
        () if whole == 1 => "1 second".to_owned(),
        () if whole < 60 => format!("{whole} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", (seconds / 3600.0) as i64 / 24 / 365),
    }
}

/// How long ago `seconds` after the epoch was.
pub(crate) fn ago(seconds: i64) -> String {
    let now = Timestamp::now().as_nanosecond() as f64 / 1e9;
    format!("{} ago", duration(now - seconds as f64))
}

/// The time `seconds` after the epoch, as Go prints a local time.
pub(crate) fn local_time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(
        |_| String::new(),
        |time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string(),
    )
}

/// A moment as Go prints it with its zone, here always UTC.
pub(crate) fn zoned(moment: Timestamp) -> String {
    let text = moment.to_string();
    text.trim_end_matches('Z').replacen('T', " ", 1) + " +0000 UTC"
}

/// The local time `seconds` after the epoch in RFC 3339.
pub(crate) fn rfc3339(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(
        |_| String::new(),
        |time| {
            let text = time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
            text.strip_suffix("+00:00").map_or(text.clone(), |utc| format!("{utc}Z"))
        },
    )
}

/// The first `length` letters, the last of them an ellipsis if there were more.
pub(crate) fn ellipsis(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(length.saturating_sub(1)).collect();
    if length > 0 {
        cut.push('…');
    }
    cut
}

/// The first 12 digits of an ID, without its algorithm.
pub(crate) fn short_id(id: &str) -> &str {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, four, three) in [
            (0.0, "0B", "0B"),
            (999.0, "999B", "999B"),
            (1000.0, "1kB", "1kB"),
            (1_983_600.0, "1.984MB", "1.98MB"),
            (116_699_999.0, "116.7MB", "117MB"),
            (999_999.0, "1000kB", "1e+03kB"),
            (23_540_000_000.0, "23.54GB", "23.5GB"),
        ] {
            assert_eq!((size(bytes).as_str(), size_with_precision(bytes, 3).as_str()), (four, three));
        }
        assert_eq!(binary_size(995_328.0), "972KiB");
        assert_eq!(binary_size(1024.0 * 1024.0 * 1.5), "1.5MiB");
    }

    #[test]
    fn durations() {
        for (seconds, words) in [
            (0.9, "Less than a second"),
            (1.0, "1 second"),
            (59.9, "59 seconds"),
            (60.0, "About a minute"),
            (119.0, "About a minute"),
            (120.0, "2 minutes"),
            (59.0 * 60.0, "59 minutes"),
            (3600.0, "About an hour"),
            (3600.0 * 1.5, "2 hours"),
            (3600.0 * 47.0, "47 hours"),
            (3600.0 * 48.0, "2 days"),
            (86400.0 * 14.0, "2 weeks"),
            (86400.0 * 60.0, "2 months"),
            (86400.0 * 730.0, "2 years"),
        ] {
            assert_eq!(duration(seconds), words);
        }
    }

    #[test]
    fn shortening() {
        assert_eq!(ellipsis("\"sleep 1000 and more\"", 20), "\"sleep 1000 and mor…");
        assert_eq!(ellipsis("short", 20), "short");
        assert_eq!(short_id("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short_id("abc"), "abc");
    }
}
