//! Points in time as Go's `time.Time` writes them in JSON: RFC 3339 with as many digits as needed, year 1 for "never".

use std::fmt;
use std::str::FromStr;

pub use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time; the default is Go's zero time, written `0001-01-01T00:00:00Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Timestamp);

/// Seconds from the epoch back to Go's zero time, 0001-01-01.
const ZERO_SECONDS: i64 = -62_135_596_800;

impl Time {
    /// Now, to the nanosecond.
    pub fn now() -> Self {
        Self(Timestamp::now())
    }

    /// True for Go's zero time: the thing has not happened.
    pub fn is_zero(&self) -> bool {
        self.0.as_second() == ZERO_SECONDS && self.0.subsec_nanosecond() == 0
    }

    /// Whole seconds since the epoch.
    pub fn unix(&self) -> i64 {
        self.0.as_second()
    }

    /// Nanoseconds since the epoch; saturates outside the years 1677 to 2262, as no real event does.
    pub fn unix_nano(&self) -> i64 {
        i64::try_from(self.0.as_nanosecond()).unwrap_or(i64::MIN)
    }
}

impl Default for Time {
    fn default() -> Self {
        Self(Timestamp::from_second(ZERO_SECONDS).unwrap_or(Timestamp::MIN))
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

impl FromStr for Time {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() { Ok(Self::default()) } else { text.parse().map(Self) }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_go_writes() {
        assert_eq!(Time::default().to_string(), "0001-01-01T00:00:00Z");
        for text in
            ["2026-11-22T05:32:16.425947339Z", "2026-11-22T05:21:41.24548334Z", "2026-11-22T05:32:16Z"]
        {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
        assert!("0001-01-01T00:00:00Z".parse::<Time>().unwrap().is_zero());
        assert_eq!("2026-11-22T07:00:00+02:00".parse::<Time>().unwrap().to_string(), "2026-11-22T05:00:00Z");
    }
}
