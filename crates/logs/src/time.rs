//! Points in time as log files write them: RFC 3339 in UTC with nanoseconds.
//!
//! Own code, because the shim formats one for each batch and must not carry a calendar library; only the proleptic
//! Gregorian calendar in UTC is needed. Years outside 0..=9999 cannot be written and do not occur.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

const NS_PER_S: i64 = 1_000_000_000;
const S_PER_DAY: i64 = 86_400;

/// Nanoseconds since 1970-01-01T00:00:00Z, by the wall clock.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Time(pub i64);

impl Time {
    /// The wall clock now.
    pub fn now() -> Self {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => Self(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)),
            Err(before) => Self(-i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX)),
        }
    }

    /// Appends Go's `RFC3339Nano`: the fraction without trailing zeros, left out when it is zero.
    pub fn write_trimmed(self, out: &mut String) {
        let fraction = self.write_seconds(out);
        if fraction != 0 {
            let digits = format!("{fraction:09}");
            out.push('.');
            out.push_str(digits.trim_end_matches('0'));
        }
        out.push('Z');
    }

    /// Appends the fixed-width form of `docker logs --timestamps`: always nine digits of fraction.
    pub fn write_fixed(self, out: &mut String) {
        let fraction = self.write_seconds(out);
        let _ = write!(out, ".{fraction:09}Z");
    }

    fn write_seconds(self, out: &mut String) -> i64 {
        let (seconds, fraction) = (self.0.div_euclid(NS_PER_S), self.0.rem_euclid(NS_PER_S));
        let (days, second) = (seconds.div_euclid(S_PER_DAY), seconds.rem_euclid(S_PER_DAY));
        let (year, month, day) = civil(days);
        let _ = write!(
            out,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        );
        fraction
    }

    /// Reads RFC 3339 with any fraction and any numeric offset; `None` if it is anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digits = |range: std::ops::Range<usize>| -> Option<i64> {
            text.get(range)?
                .iter()
                .try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
        };
        let at = |i: usize, b: u8| text.get(i).copied() == Some(b);
        if !(at(4, b'-') && at(7, b'-') && (at(10, b'T') || at(10, b't')) && at(13, b':') && at(16, b':')) {
            return None;
        }
        let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
        let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut rest = text.get(19..)?;
        let mut fraction = 0;
        if let [b'.', tail @ ..] = rest {
            let len = tail.iter().take_while(|b| b.is_ascii_digit()).count();
            if len == 0 {
                return None;
            }
            for i in 0..9 {
                fraction = fraction * 10 + tail[..len].get(i).map_or(0, |b| i64::from(b - b'0'));
            }
            rest = &tail[len..];
        }
        let offset = match rest {
            [b'Z' | b'z'] => 0,
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                if ![h1, h2, m1, m2].into_iter().all(u8::is_ascii_digit) {
                    return None;
                }
                let two = |a: &u8, b: &u8| i64::from(a - b'0') * 10 + i64::from(b - b'0');
                let minutes = two(h1, h2) * 60 + two(m1, m2);
                if *sign == b'+' { minutes } else { -minutes }
            }
            _ => return None,
        };
        let seconds = days(year, month, day) * S_PER_DAY + hour * 3600 + minute * 60 + second - offset * 60;
        seconds.checked_mul(NS_PER_S)?.checked_add(fraction).map(Self)
    }
}

/// Days since 1970-01-01 of a date; the months are counted from March so that the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date that [`days`] counts to.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trimmed(ns: i64) -> String {
        let mut out = String::new();
        Time(ns).write_trimmed(&mut out);
        out
    }

    #[test]
    fn writes_what_go_writes() {
        for (ns, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (100_000_000, "1970-01-01T00:00:00.1Z"),
            (951_782_400_000_000_001, "2000-02-29T00:00:00.000000001Z"),
            (1_700_000_000_120_000_000, "2023-11-14T22:13:20.12Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(trimmed(ns), text);
            assert_eq!(Time::parse(text.as_bytes()), Some(Time(ns)), "{text}");
        }
    }

    #[test]
    fn fixed_width_keeps_the_zeros() {
        let mut out = String::new();
        Time(100_000_000).write_fixed(&mut out);
        assert_eq!(out, "1970-01-01T00:00:00.100000000Z");
    }

    #[test]
    fn offsets_are_taken_off() {
        assert_eq!(Time::parse(b"1970-01-01T02:30:00+02:30"), Some(Time(0)));
        assert_eq!(Time::parse(b"1969-12-31T23:00:00-01:00"), Some(Time(0)));
    }

    #[test]
    fn refuses_what_is_not_a_time() {
        for text in
            ["", "1970-01-01", "1970-13-01T00:00:00Z", "1970-01-01T00:00:00", "1970-01-01T00:00:00.Z", "x"]
        {
            assert_eq!(Time::parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(ns in -62_135_596_800_000_000_000i128..253_402_300_800_000_000_000i128) {
            let Ok(ns) = i64::try_from(ns) else { return Ok(()) };
            prop_assert_eq!(Time::parse(trimmed(ns).as_bytes()), Some(Time(ns)));
        }
    }
}
