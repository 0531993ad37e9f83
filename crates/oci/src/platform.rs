//! Platforms: what `--platform` means, how spellings are normalised, and which image runs where.
//!
//! The rules are those of containerd's platforms package, which Docker uses: `x86_64` is `amd64`, `aarch64` and
//! `arm64/v8` are `arm64`, `armhf` is `arm/v7`; a host also runs older variants and its 32-bit relatives, after
//! its own.

use std::fmt;
use std::str::FromStr;

use errdefs::{Result, invalid};
use serde::{Deserialize, Serialize};

/// An operating system and architecture that an image is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Platform {
    /// GOARCH name: `amd64`, `arm64`, ...
    #[serde(default)]
    pub architecture: String,
    /// GOOS name: `linux`, ...
    #[serde(default)]
    pub os: String,
    /// Wanted version of the operating system; used by Windows images only.
    #[serde(rename = "os.version", default, skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// Wanted features of the operating system; used by Windows images only.
    #[serde(
        rename = "os.features",
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "crate::image::null_as_default"
    )]
    pub os_features: Vec<String>,
    /// Variant of the architecture: `v7`, `v8`, ...
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

// The expressions appear in error texts that users see in Docker.
const OS_EXPRESSION: &str = r"^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.%-]*)((?:\\+[A-Za-z0-9_.%-]+)*)\\))?$";
const PART_EXPRESSION: &str = "^[A-Za-z0-9_.-]+$";

const KNOWN_OS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
    "zos",
];
const KNOWN_ARCHITECTURES: &[&str] = &[
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "armbe",
    "arm64",
    "arm64be",
    "ppc64",
    "ppc64le",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

impl Platform {
    /// `os/architecture`, normalised, without a variant.
    pub fn new(os: &str, architecture: &str) -> Self {
        Self { os: os.into(), architecture: architecture.into(), ..Self::default() }.normalized()
    }

    /// The platform this program was built for.
    pub fn host() -> Self {
        Self::new(std::env::consts::OS, std::env::consts::ARCH)
    }

    /// Parses `--platform`: `os`, `arch`, `os/arch` or `os/arch/variant`. Errors are containerd's words.
    pub fn parse(text: &str) -> Result<Self> {
        let parse_error = |why: String| invalid(format!("{why}: invalid argument"));
        if text.contains('*') {
            return Err(parse_error(format!("{text:?}: wildcards not yet supported")));
        }
        let parts: Vec<&str> = text.splitn(4, '/').collect();
        let (os, os_version) = split_os(parts[0]).ok_or_else(|| {
            parse_error(format!(
                "{:?} is an invalid OS component of {text:?}: OSAndVersion specifier component must match \"{OS_EXPRESSION}\"",
                parts[0]
            ))
        })?;
        let part_ok = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        };
        if let Some(bad) = parts[1..].iter().find(|part| !part_ok(part)) {
            return Err(parse_error(format!(
                "{bad:?} is an invalid component of {text:?}: platform specifier component must match {PART_EXPRESSION:?}"
            )));
        }
        let os = normalize_os(os);
        let platform = |os: &str, architecture: &str, variant: &str| {
            let (architecture, variant) = normalize_architecture(architecture, variant);
            Self {
                os: os.into(),
                architecture,
                variant,
                os_version: os_version.into(),
                os_features: Vec::new(),
            }
        };
        match parts[..] {
            [_] if KNOWN_OS.contains(&os.as_str()) => Ok(Self { os, ..Self::host() }),
            [one] => {
                let parsed = platform(std::env::consts::OS, one, "").without_default_arm();
                if KNOWN_ARCHITECTURES.contains(&parsed.architecture.as_str()) {
                    return Ok(parsed);
                }
                Err(parse_error(format!("{text:?}: unknown operating system or architecture")))
            }
            [_, architecture] => Ok(platform(&os, architecture, "").without_default_arm()),
            [_, architecture, variant] => {
                let mut parsed = platform(&os, architecture, variant);
                if parsed.architecture == "arm64" && parsed.variant.is_empty() {
                    parsed.variant = "v8".into();
                }
                Ok(parsed)
            }
            _ => Err(parse_error(format!("{text:?}: cannot parse platform specifier"))),
        }
    }

    fn without_default_arm(mut self) -> Self {
        if self.architecture == "arm" && self.variant == "v7" {
            self.variant.clear();
        }
        self
    }

    /// The same platform in the one spelling that comparisons use.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        self.os = normalize_os(&self.os);
        (self.architecture, self.variant) = normalize_architecture(&self.architecture, &self.variant);
        self
    }

    /// How well an image for `candidate` runs where `self` is wanted: `None` if not, else 0 for the platform
    /// itself and more for each older variant or 32-bit relative.
    pub fn preference(&self, candidate: &Platform) -> Option<usize> {
        let candidate = candidate.clone().normalized();
        if !self.os_version.is_empty() && self.os_version != candidate.os_version {
            return None;
        }
        self.clone()
            .normalized()
            .runnable()
            .iter()
            .position(|(architecture, variant)| {
                candidate.architecture == *architecture && candidate.variant == *variant
            })
            .filter(|_| normalize_os(&self.os) == candidate.os)
    }

    /// True if an image for `candidate` runs where `self` is wanted.
    pub fn matches(&self, candidate: &Platform) -> bool {
        self.preference(candidate).is_some()
    }

    /// What a normalised platform runs, best first: (architecture, variant).
    fn runnable(&self) -> Vec<(String, String)> {
        let version = |prefix_of: &str| prefix_of.strip_prefix('v').and_then(|v| v.parse::<u32>().ok());
        let mut all = vec![(self.architecture.clone(), self.variant.clone())];
        let mut older = |architecture: &str, from: u32, to: u32| {
            all.extend((to..from).rev().map(|v| (architecture.to_owned(), format!("v{v}"))));
        };
        match self.architecture.as_str() {
            "amd64" => {
                if let Some(v) = version(&self.variant).filter(|v| (2..=9).contains(v)) {
                    older("amd64", v, 2);
                    all.push(("amd64".into(), String::new())); // normalised v1
                }
                all.push(("386".into(), String::new()));
            }
            "arm" => older("arm", version(&self.variant).unwrap_or(7).min(9), 5),
            "arm64" => {
                if let Some(v) = version(&self.variant).filter(|v| (9..=10).contains(v)) {
                    older("arm64", v, 9);
                    all.push(("arm64".into(), String::new())); // normalised v8
                }
                all.extend((5..=8).rev().map(|v| ("arm".to_owned(), format!("v{v}"))));
            }
            _ => {}
        }
        all
    }
}

/// `os` or `os(version)`: the parts, or nothing if it is neither. Features after a `+` are refused: nothing uses them.
fn split_os(part: &str) -> Option<(&str, &str)> {
    let (os, version) = match part.split_once('(') {
        Some((os, rest)) => (os, rest.strip_suffix(')')?),
        None => (part, ""),
    };
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let ok = !os.is_empty()
        && os.bytes().all(word)
        && version.bytes().all(|b| word(b) || matches!(b, b'.' | b'%'));
    ok.then_some((os, version))
}

fn normalize_os(os: &str) -> String {
    match os.to_ascii_lowercase().as_str() {
        "" => std::env::consts::OS.into(),
        "macos" => "darwin".into(),
        other => other.into(),
    }
}

fn normalize_architecture(architecture: &str, variant: &str) -> (String, String) {
    let (architecture, variant) = (architecture.to_ascii_lowercase(), variant.to_ascii_lowercase());
    let (a, v): (&str, &str) = match (architecture.as_str(), variant.as_str()) {
        // Rust's own name of the 32-bit architecture is `x86`; Go's users write i386.
        ("i386" | "x86", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", v) => ("amd64", v),
        ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", "9" | "v9" | "v9.0") => ("arm64", "v9"),
        ("aarch64" | "arm64", v) => ("arm64", v),
        ("armhf", _) => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", "" | "7") => ("arm", "v7"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "6") => ("arm", "v6"),
        ("arm", "8") => ("arm", "v8"),
        (a, v) => (a, v),
    };
    (a.into(), v.into())
}

impl FromStr for Platform {
    type Err = errdefs::Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// Writes `os/architecture[/variant]`.
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
