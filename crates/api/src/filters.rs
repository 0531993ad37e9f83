//! `filters=`: a map from key to values, and the ways Docker matches them.
//!
//! Two forms are read: `{"label":{"a=b":true}}` and `{"label":["a=b"]}`; the first is written, as Go's client does.
//! Matching differs by key, so this is only the vocabulary: each list endpoint says which keys it knows with
//! [`Filters::validate`] and picks the matching it needs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::StringMap;

/// Filter values by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<String, BTreeSet<String>>);

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Values {
    Map(BTreeMap<String, bool>),
    List(Vec<String>),
}

/// What Go's `strconv.ParseBool` takes.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

impl Filters {
    /// No filter: everything matches.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the query parameter; empty is no filter.
    ///
    /// # Errors
    /// InvalidParameter if it is neither of the two forms.
    pub fn from_json(text: &str) -> errdefs::Result<Self> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let map: Option<BTreeMap<String, Option<Values>>> =
            serde_json::from_str(text).map_err(|_| errdefs::invalid("invalid filter"))?;
        let set = |values| match values {
            None => BTreeSet::new(),
            // Docker looks at the keys only, `{"web": false}` is `web` as well.
            Some(Values::Map(map)) => map.into_keys().collect(),
            Some(Values::List(list)) => list.into_iter().collect(),
        };
        Ok(Self(map.unwrap_or_default().into_iter().map(|(key, values)| (key, set(values))).collect()))
    }

    /// The query parameter's value; empty without filters.
    pub fn to_json(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let map: BTreeMap<&String, BTreeMap<&String, bool>> =
            self.0.iter().map(|(key, values)| (key, values.iter().map(|v| (v, true)).collect())).collect();
        serde_json::to_string(&map).unwrap_or_default()
    }

    /// True without any key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one value.
    pub fn add(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.entry(key.into()).or_default().insert(value.into());
    }

    /// Removes a key with all its values.
    pub fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// The values of a key, sorted.
    pub fn get(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.get(key).into_iter().flatten().map(String::as_str)
    }

    /// True if the key is there, even without values.
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The keys, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Refuses keys that are not in `known`.
    ///
    /// # Errors
    /// InvalidParameter `invalid filter 'x'`.
    pub fn validate(&self, known: &[&str]) -> errdefs::Result<()> {
        match self.keys().find(|key| !known.contains(key)) {
            Some("") => Err(errdefs::invalid("invalid filter")),
            Some(key) => Err(errdefs::invalid(format!("invalid filter '{key}'"))),
            None => Ok(()),
        }
    }

    /// True without the key or if one value is exactly `source`.
    pub fn exact(&self, key: &str, source: &str) -> bool {
        self.0.get(key).is_none_or(|values| values.is_empty() || values.contains(source))
    }

    /// True without the key or if one value, a regular expression, matches `source`. One that is none matches nothing, as
    /// in Docker.
    pub fn matches(&self, key: &str, source: &str) -> bool {
        self.0.get(key).is_none_or(|values| values.is_empty() || values.iter().any(|v| anchored(v, source)))
    }

    /// True without the key or if `source` starts with one value.
    pub fn prefix(&self, key: &str, source: &str) -> bool {
        self.0.get(key).is_none_or(|values| values.is_empty() || values.iter().any(|v| source.starts_with(v)))
    }

    /// True without the key or if every value, `k` or `k=v`, is among the labels.
    pub fn labels(&self, key: &str, labels: &StringMap) -> bool {
        self.get(key).all(|wanted| match wanted.split_once('=') {
            Some((name, value)) => labels.get(name).is_some_and(|v| v == value),
            None => labels.contains_key(wanted),
        })
    }

    /// One boolean: `None` without the key.
    ///
    /// # Errors
    /// InvalidParameter for more than one value or one that is neither of true, 1, false, 0.
    pub fn boolean(&self, key: &str) -> errdefs::Result<Option<bool>> {
        let Some(values) = self.0.get(key) else { return Ok(None) };
        let bad = || {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            errdefs::invalid(format!("invalid filter '{key}=[{}]'", values.join(" ")))
        };
        match Vec::from_iter(values).as_slice() {
            [one] => match one.as_str() {
                "1" | "true" => Ok(Some(true)),
                "0" | "false" => Ok(Some(false)),
                _ => Err(bad()),
            },
            _ => Err(bad()),
        }
    }
}

/// Substring search with the two anchors of a regular expression.
/// Names are mostly given literally, perhaps with `^` and `$` around them: no expression is made of those.
fn anchored(pattern: &str, source: &str) -> bool {
    let bare = pattern.trim_start_matches('^').trim_end_matches('$');
    if bare.contains(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '/' | ':')) {
        return pattern == source
            || regex_lite::Regex::new(pattern).is_ok_and(|regex| regex.is_match(source));
    }
    let (start, pattern) = pattern.strip_prefix('^').map_or((false, pattern), |p| (true, p));
    let (end, pattern) = pattern.strip_suffix('$').map_or((false, pattern), |p| (true, p));
    match (start, end) {
        (true, true) => source == pattern,
        (true, false) => source.starts_with(pattern),
        (false, true) => source.ends_with(pattern),
        (false, false) => source.contains(pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_the_first_is_written() {
        let map = Filters::from_json(r#"{"label":{"a=b":true,"c":false}}"#).unwrap();
        let list = Filters::from_json(r#"{"label":["a=b","c"]}"#).unwrap();
        assert_eq!(map, list);
        assert_eq!(map.to_json(), r#"{"label":{"a=b":true,"c":true}}"#);
        assert_eq!(Filters::from_json("").unwrap().to_json(), "");
        for bad in ["[]", "{", r#"{"a":1}"#, r#"{"a":{"b":"c"}}"#] {
            assert!(Filters::from_json(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn unknown_keys_are_named() {
        let filters = Filters::from_json(r#"{"x":["y"]}"#).unwrap();
        assert_eq!(filters.validate(&["label"]).unwrap_err().to_string(), "invalid filter 'x'");
        assert!(filters.validate(&["x"]).is_ok());
    }

    #[test]
    fn ways_of_matching() {
        let f = Filters::from_json(r#"{"label":["a=b","c"],"name":["^web","db$"],"id":["ab"],"off":["0"]}"#)
            .unwrap();
        let labels =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        assert!(f.labels("label", &labels(&[("a", "b"), ("c", "")])));
        assert!(!f.labels("label", &labels(&[("a", "b")])), "all labels must be there");
        assert!(f.matches("name", "web1") && f.matches("name", "mydb") && !f.matches("name", "myweb"));
        let names = |pattern: &str, name: &str| {
            Filters::from_json(&format!(r#"{{"name":["{pattern}"]}}"#)).unwrap().matches("name", name)
        };
        for (pattern, yes, no) in [
            ("^w[12]$", "w2", "w3"),
            ("w.b", "my-web", "wb"),
            ("a1|b2", "xb2", "a2"),
            ("(?i)WEB", "web", "we"),
            ("[", "[", "a"),
            ("a.b", "a.b", "ab"),
        ] {
            assert!(names(pattern, yes) && !names(pattern, no), "{pattern}");
        }
        assert!(f.prefix("id", "abc") && !f.prefix("id", "cab"));
        assert!(f.exact("missing", "anything"));
        assert_eq!((f.boolean("off").unwrap(), f.boolean("missing").unwrap()), (Some(false), None));
        assert!(f.boolean("label").is_err());
    }
}
