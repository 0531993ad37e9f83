//! API versions: `1.24` to `1.51`, compared by number, and the texts for those outside.

use std::fmt;
use std::str::FromStr;

/// A version of the Engine API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Always 1 so far.
    pub major: u16,
    /// What counts.
    pub minor: u16,
}

/// The newest version spoken, and the one of a path without a version.
pub const MAX: Version = Version::new(1, 51);
/// The oldest version spoken.
pub const MIN: Version = Version::new(1, 24);

impl Version {
    /// `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// `1.minor`.
    pub const fn minor(minor: u16) -> Self {
        Self { major: 1, minor }
    }

    /// Refuses what is outside of [`MIN`] and [`MAX`].
    ///
    /// # Errors
    /// InvalidParameter with the texts that clients parse.
    pub fn check(self) -> errdefs::Result<()> {
        if self < MIN {
            return Err(errdefs::invalid(format!(
                "client version {self} is too old. Minimum supported API version is {MIN}, please upgrade your client to a newer version"
            )));
        }
        if self > MAX {
            return Err(errdefs::invalid(format!(
                "client version {self} is too new. Maximum supported API version is {MAX}"
            )));
        }
        Ok(())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = errdefs::Error;
    fn from_str(text: &str) -> errdefs::Result<Self> {
        let number =
            |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten();
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self { major: number(major)?, minor: number(minor)? }))
            .ok_or_else(|| errdefs::invalid(format!("invalid API version: {text}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_by_number_not_by_text() {
        assert!("1.9".parse::<Version>().unwrap() < "1.24".parse().unwrap());
        assert_eq!("1.51".parse::<Version>().unwrap(), MAX);
        for bad in ["", "1", "1.", ".1", "1.+4", "1.4.1", "a.b", "1.99999999"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }

    #[test]
    fn texts_are_docker_s() {
        let text = |minor| Version::minor(minor).check().map_err(|e| e.to_string());
        assert_eq!(text(24), Ok(()));
        assert_eq!(text(51), Ok(()));
        assert_eq!(
            text(20),
            Err("client version 1.20 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version".into())
        );
        assert_eq!(
            text(99),
            Err("client version 1.99 is too new. Maximum supported API version is 1.51".into())
        );
    }
}
