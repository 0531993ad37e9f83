//! `--link`: other containers by alias.

/// Judges `name` or `name:alias`.
pub(crate) fn check(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("empty string specified for links".to_owned());
    }
    if text.split(':').count() > 2 { Err(format!("bad format for links: {text}")) } else { Ok(()) }
}
