//! Names of volumes: which are allowed, and the ones made up for anonymous volumes.

use errdefs::Result;

/// Bytes of randomness in an anonymous volume's name; printed as 64 hexadecimal digits.
const ANONYMOUS_BYTES: usize = 32;

/// Checks a name as Docker's `local` driver does: at least two characters of `[a-zA-Z0-9][a-zA-Z0-9_.-]`. A name is one
/// path component and never `.` or `..`, whatever else changes here.
///
/// # Errors
/// InvalidParameter in Docker's words.
pub(crate) fn check(name: &str) -> Result<()> {
    if name.len() == 1 {
        return Err(errdefs::invalid(
            "volume name is too short, names should be at least two alphanumeric characters",
        ));
    }
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) && name.len() <= 255
    {
        return Ok(());
    }
    Err(errdefs::invalid(format!(
        "{name:?} includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. \
         If you intended to pass a host directory, use absolute path"
    )))
}

/// A new name for a volume that was given none.
///
/// # Errors
/// If the kernel has no randomness to give.
pub(crate) fn anonymous() -> Result<String> {
    let mut bytes = [0; ANONYMOUS_BYTES];
    let mut filled = 0;
    while filled < bytes.len() {
        let got = rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty());
        filled += got.map_err(|errno| errdefs::system(format!("getrandom: {errno}")))?;
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_in_dockers_words() {
        for good in ["ab", "a1", "0x", "a_b.c-d", "A.B", &"x".repeat(255)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in
            ["", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\0", "ä1", "../x", "a:b", &"x".repeat(256)]
        {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check("a").unwrap_err().to_string().starts_with("volume name is too short"));
        assert_eq!(
            check("a/b").unwrap_err().to_string(),
            "\"a/b\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
        );
    }

    #[test]
    fn anonymous_names_are_valid_and_differ() {
        let (one, two) = (anonymous().unwrap(), anonymous().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 64);
        assert!(check(&one).is_ok());
    }
}
