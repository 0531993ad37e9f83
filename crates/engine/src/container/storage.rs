//! `--storage-opt` and the engine's `storage-opts`: how much a container may write.

use api::StringMap;
use errdefs::{Result, invalid, system};

use super::shared::Shared;

/// Bytes as Docker writes them: `64m`, `1.5 GiB`, `67108864`.
///
/// # Errors
/// InvalidParameter, in Docker's words.
pub fn bytes(text: &str) -> Result<u64> {
    let wrong = || invalid(format!("invalid size: '{text}'"));
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = match unit.trim_start_matches(' ').to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        "p" | "pb" | "pib" => 50,
        _ => return Err(wrong()),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift).ok_or_else(wrong);
    }
    let fraction: f64 = number.parse().map_err(|_| wrong())?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "digits and a dot only")]
    let bytes = (fraction * (1_u64 << shift) as f64) as u64;
    Ok(bytes)
}

/// The option that is none of ours, if there is one.
///
/// # Errors
/// In Docker's words.
pub(super) fn check(options: &StringMap) -> Result<()> {
    match options.keys().find(|key| !key.eq_ignore_ascii_case("size")) {
        Some(key) => Err(system(format!("Unknown option {key}"))),
        None => Ok(()),
    }
}

impl Shared {
    /// How many bytes a container's writable layer may have; `None` for no limit.
    ///
    /// # Errors
    /// In Docker's words, if this is no size or there are no limits here.
    pub(super) fn storage_size(&self, options: &StringMap) -> Result<Option<u64>> {
        let Some(text) = options.iter().find(|(key, _)| key.eq_ignore_ascii_case("size")) else {
            return Ok(self.config.storage_size);
        };
        bytes(text.1).map(Some).or_else(|error| self.parts.snapshots.check_limits().and(Err(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, size) in [("10", 10), ("64m", 64 << 20), ("1.5 GiB", 3 << 29), ("2TB", 2 << 40), ("7b", 7)]
        {
            assert_eq!(bytes(text).unwrap(), size, "{text}");
        }
        for bad in ["", "xx", "-1", "1.2.3", "5q", "m"] {
            assert_eq!(bytes(bad).unwrap_err().to_string(), format!("invalid size: '{bad}'"));
        }
    }
}
