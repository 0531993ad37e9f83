//! `--filter`.

use client::Filters;

/// Judges `key=value`.
pub(crate) fn check(text: &str) -> Result<(), String> {
    if text.is_empty() || text.contains('=') {
        Ok(())
    } else {
        Err("bad format of filter (expected name=value)".to_owned())
    }
}

/// The filters of all flags.
pub(crate) fn collect<'a>(flags: impl Iterator<Item = &'a str>) -> Filters {
    let mut filters = Filters::new();
    for flag in flags {
        if let Some((key, value)) = flag.split_once('=') {
            filters.add(key.trim().to_lowercase(), value.trim());
        }
    }
    filters
}
