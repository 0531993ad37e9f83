//! Query strings.

use std::fmt::Write as _;

use api::filters::Filters;

/// The parameters of a request, written as they are added.
#[derive(Debug, Clone, Default)]
pub struct Query(String);

impl Query {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `name=value`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        escape_into(&mut self.0, name);
        self.0.push('=');
        escape_into(&mut self.0, value.as_ref());
        self
    }

    /// Adds `name=1` if it is so.
    #[must_use]
    pub fn flag(self, name: &str, on: bool) -> Self {
        if on { self.with(name, "1") } else { self }
    }

    /// Adds `name=value` unless the value is empty.
    #[must_use]
    pub fn maybe(self, name: &str, value: impl AsRef<str>) -> Self {
        if value.as_ref().is_empty() { self } else { self.with(name, value) }
    }

    /// Adds the filters unless there are none.
    #[must_use]
    pub fn filters(self, filters: &Filters) -> Self {
        if filters.is_empty() { self } else { self.with("filters", filters.to_json()) }
    }

    /// `?a=b&c=d`, or nothing.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Escapes everything but RFC 3986's unreserved characters.
fn escape_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Escapes an object's name in a path; `:`, `@` and `/` of image names stay. A slash at its start is left out: `inspect` shows
/// names of containers so.
pub(crate) fn segment(text: &str) -> String {
    let text = text.trim_start_matches('/');
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive([':', '@', '/']) {
        let (text, separator) = match part.strip_suffix([':', '@', '/']) {
            Some(text) => (text, part.get(text.len()..).unwrap_or_default()),
            None => (part, ""),
        };
        escape_into(&mut out, text);
        out.push_str(separator);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(
            Query::new().with("a", "b c/ü").flag("f", true).flag("g", false).maybe("h", "").as_str(),
            "?a=b%20c%2F%C3%BC&f=1"
        );
        assert_eq!(segment("a/b:c@d e?"), "a/b:c@d%20e%3F");
        assert_eq!(segment("/one"), "one");
    }
}
