//! Image references: `[domain/]path[:tag][@digest]`, normalised as every Docker command normalises them.
//!
//! The grammar and its corner cases are those of the reference package of the distribution project: a first
//! component without `.`, `:`, an upper-case letter, and not `localhost`, is no domain, so the domain is
//! `docker.io`; a name there without a slash is under `library/`. Names of 64 hex digits are refused because they
//! would be taken for image IDs. Hand-written rather than by regular expression: the tree has no other use for one.
//!
//! Invariant: a [`Reference`] always has a domain and a path that match the grammar.

use std::fmt;
use std::str::FromStr;

use errdefs::{Result, invalid};

use crate::digest::Digest;

/// The registry meant by names without a domain.
pub const DEFAULT_DOMAIN: &str = "docker.io";
/// An older name of [`DEFAULT_DOMAIN`], still found in credentials files and scripts.
const LEGACY_DEFAULT_DOMAIN: &str = "index.docker.io";
/// The namespace of one-component names at the default domain.
const OFFICIAL_PREFIX: &str = "library/";
/// The tag meant where none is given.
pub const DEFAULT_TAG: &str = "latest";
/// Longest path of a repository, in bytes (distribution's `RepositoryNameTotalLengthMax`).
pub const PATH_MAX: usize = 255;
/// Longest tag, in bytes (distribution's grammar).
pub const TAG_MAX: usize = 128;
/// Shortest digest that the grammar recognises as one, in hex digits.
const DIGEST_HEX_MIN: usize = 32;

const INVALID_FORMAT: &str = "invalid reference format";

/// A normalised image reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Parses what a user types. Errors are of class `InvalidParameter` in Docker's words.
    pub fn parse(text: &str) -> Result<Self> {
        if is_hex_id(text) {
            return Err(invalid(format!(
                "invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
            )));
        }
        let (domain, remainder) = split_domain(text);
        let lower_case_part = remainder.split(':').next().unwrap_or_default();
        if lower_case_part.chars().any(|c| c.to_lowercase().ne([c])) {
            return Err(invalid(format!(
                "{INVALID_FORMAT}: repository name ({lower_case_part}) must be lowercase"
            )));
        }
        let (rest, digest_text) = match remainder.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (remainder.as_str(), None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        let well_formed = is_domain(domain)
            && is_path(path)
            && tag.is_none_or(is_tag)
            && digest_text.is_none_or(looks_like_digest);
        if !well_formed {
            return Err(invalid(INVALID_FORMAT));
        }
        if path.len() > PATH_MAX {
            return Err(invalid(format!("repository name must not be more than {PATH_MAX} characters")));
        }
        let digest = digest_text.map(Digest::from_str).transpose()?;
        Ok(Self { domain: domain.into(), path: path.into(), tag: tag.map(Into::into), digest })
    }

    /// The registry, e.g. `docker.io` or `localhost:5000`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository within the registry, e.g. `library/busybox`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, if one was given.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one was given. With both, the digest says what is meant.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// True if there is neither tag nor digest.
    pub fn is_name_only(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// Domain and path: `docker.io/library/busybox`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    /// The name as users write it: without the default domain and `library/`.
    pub fn familiar_name(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return self.name();
        }
        match self.path.strip_prefix(OFFICIAL_PREFIX) {
            Some(rest) if !rest.contains('/') => rest.into(),
            _ => self.path.clone(),
        }
    }

    /// The reference as users write it: `busybox:1.36`, with whatever tag and digest it has.
    pub fn familiar(&self) -> String {
        self.with_suffix(self.familiar_name())
    }

    /// The whole reference: `docker.io/library/busybox:1.36`. Parses back to the same value.
    pub fn canonical_string(&self) -> String {
        self.with_suffix(self.name())
    }

    fn with_suffix(&self, mut text: String) -> String {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
        text
    }

    /// The same name with this tag and no digest.
    pub fn with_tag(&self, tag: &str) -> Result<Self> {
        if !is_tag(tag) {
            return Err(invalid("invalid tag format"));
        }
        Ok(Self { tag: Some(tag.into()), digest: None, ..self.clone() })
    }

    /// The same name and tag with this digest.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }

    /// The name alone.
    pub fn without_suffix(&self) -> Self {
        Self { tag: None, digest: None, ..self.clone() }
    }

    /// The same reference, with the tag `latest` if it has neither tag nor digest.
    pub fn tag_or_latest(&self) -> Self {
        if self.is_name_only() {
            return Self { tag: Some(DEFAULT_TAG.into()), ..self.clone() };
        }
        self.clone()
    }
}

impl FromStr for Reference {
    type Err = errdefs::Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// Writes [`Reference::canonical_string`].
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical_string())
    }
}

impl serde::Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Reference {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// True for exactly 64 lower-case hex digits: a whole image or container ID.
pub fn is_hex_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn split_domain(text: &str) -> (&str, String) {
    let Some((first, rest)) = text.split_once('/') else {
        // One component is never a domain: `localhost:5000` is the image `localhost` with the tag `5000`.
        return (DEFAULT_DOMAIN, format!("{OFFICIAL_PREFIX}{text}"));
    };
    let (domain, remainder) = if first == LEGACY_DEFAULT_DOMAIN {
        (DEFAULT_DOMAIN, rest)
    } else if first == "localhost"
        || first.contains(['.', ':'])
        || first.chars().any(|c| c.to_lowercase().ne([c]))
    {
        (first, rest)
    } else {
        (DEFAULT_DOMAIN, text)
    };
    if domain == DEFAULT_DOMAIN && !remainder.contains('/') {
        return (domain, format!("{OFFICIAL_PREFIX}{remainder}"));
    }
    (domain, remainder.into())
}

fn is_domain(text: &str) -> bool {
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let Some((address, after)) = bracketed.split_once(']') else { return false };
        let address_ok = !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        match after.strip_prefix(':') {
            _ if !address_ok => return false,
            None if after.is_empty() => return true,
            None => return false,
            Some(port) => ("", Some(port)),
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port_ok = port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    port_ok && (host.is_empty() && text.starts_with('[') || host.split('.').all(is_domain_label))
}

fn is_domain_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let alphanumeric = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    alphanumeric(bytes.first())
        && alphanumeric(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

fn is_path(path: &str) -> bool {
    path.split('/').all(is_path_component)
}

/// Lower-case letters and digits, in runs joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(component: &str) -> bool {
    let alphanumeric = |c: char| matches!(c, 'a'..='z' | '0'..='9');
    if !(component.starts_with(alphanumeric) && component.ends_with(alphanumeric)) {
        return false;
    }
    component
        .split(alphanumeric)
        .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    tag.len() <= TAG_MAX
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

/// The grammar's idea of a digest, wider than ours: what passes here gets the better error of [`Digest`].
fn looks_like_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let part_ok = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(part_ok)
        && hex.len() >= DIGEST_HEX_MIN
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
