//! API versions: `1.24` to `1.51`, compared by number, and the texts for those outside.

use std::fmt;
use std::num::IntErrorKind;

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

    /// The version that a path names, compared as Docker does it: number by number, and what is no number is 0.
    ///
    /// # Errors
    /// Outside of [`MIN`] and [`MAX`], with the texts that clients parse.
    pub fn asked(text: &str) -> Result<Self, Outside> {
        let number = |part: &str| match part.parse::<u16>() {
            Ok(number) => number,
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => u16::MAX,
            Err(_) => 0,
        };
        let mut numbers = text.split('.').map(number);
        let version = Self { major: numbers.next().unwrap_or(0), minor: numbers.next().unwrap_or(0) };
        if version < MIN {
            return Err(Outside::Old(errdefs::invalid(format!(
                "client version {text} is too old. Minimum supported API version is {MIN}, please upgrade your client to a newer version"
            ))));
        }
        if version > MAX || (version == MAX && numbers.any(|number| number > 0)) {
            return Err(Outside::New(errdefs::invalid(format!(
                "client version {text} is too new. Maximum supported API version is {MAX}"
            ))));
        }
        Ok(version)
    }
}

/// On which side of what is spoken a version is, with the text for the client.
#[derive(Debug)]
pub enum Outside {
    /// Before [`MIN`].
    Old(errdefs::Error),
    /// After [`MAX`].
    New(errdefs::Error),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_by_number_not_by_text() {
        let asked = |text: &str| match Version::asked(text) {
            Ok(version) => version.to_string(),
            Err(Outside::Old(_)) => "old".to_owned(),
            Err(Outside::New(_)) => "new".to_owned(),
        };
        for (text, expected) in [
            ("1.9", "old"),
            ("1.24", "1.24"),
            ("1.51", "1.51"),
            ("01.051", "1.51"),
            ("1.51.0", "1.51"),
            ("1.51.", "1.51"),
            ("1.51.2", "new"),
            ("1.50.2", "1.50"),
            ("1", "old"),
            ("2", "new"),
            ("", "old"),
            (".51", "old"),
            ("1..51", "old"),
            ("1.99999999", "new"),
            ("99999999999999999999.1", "new"),
        ] {
            assert_eq!(asked(text), expected, "{text}");
        }
    }

    #[test]
    fn texts_are_docker_s() {
        let text = |text| match Version::asked(text) {
            Ok(version) => version.to_string(),
            Err(Outside::Old(error) | Outside::New(error)) => error.to_string(),
        };
        assert_eq!(
            text("1.020"),
            "client version 1.020 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"
        );
        assert_eq!(text("1.99"), "client version 1.99 is too new. Maximum supported API version is 1.51");
    }
}
