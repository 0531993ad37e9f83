//! What a container's log is to be: driver, place, limits; and the reading of Docker's `--log-opt` into it.
//!
//! Options are refused here, when the container is created, in Docker's words; an option whose work does not exist yet
//! is refused too rather than ignored.

use std::collections::BTreeMap;
use std::path::PathBuf;

use errdefs::{Result, invalid, not_implemented};
use serde::{Deserialize, Serialize};

/// Largest size of one log file by default. Docker's json-file default is no limit, which fills disks (moby#27957).
pub const DEFAULT_MAX_SIZE: u64 = 20_000_000;
/// How many files are kept by default, the current one included.
pub const DEFAULT_MAX_FILE: u32 = 5;
/// Docker's default for `max-buffer-size` in non-blocking mode.
pub const DEFAULT_MAX_BUFFER: u64 = 1_048_576;

/// The format and place of a container's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Driver {
    /// One JSON object a line, byte for byte what Docker's `json-file` writes.
    JsonFile,
    /// Docker's `local`: length-framed protocol buffers.
    Local,
    /// Nothing is kept; reading it is an error.
    None,
}

impl Driver {
    /// Docker's name of the driver.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JsonFile => "json-file",
            Self::Local => "local",
            Self::None => "none",
        }
    }
}

/// What happens when the container writes faster than its log takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// The container waits; no line is lost.
    Blocking,
    /// The container never waits; lines beyond this many buffered bytes are dropped and counted.
    NonBlocking {
        /// Bytes held before lines are dropped.
        max_buffer: u64,
    },
}

/// Everything the writer needs to know; sent to the shim with the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterConfig {
    /// The format.
    pub driver: Driver,
    /// The current log file; rotated ones are `<path>.1` (newest) and up. Its directory must exist.
    pub path: PathBuf,
    /// A file at or above this many bytes is rotated before the next line; `None`: never.
    pub max_size: Option<u64>,
    /// Files kept, the current one included; 1 means it is replaced instead of rotated.
    pub max_file: u32,
    /// What to do when the log is slower than the container.
    pub mode: Mode,
    /// The record's `attrs` (labels, environment, tag), sorted by key; empty: none are written.
    pub attrs: BTreeMap<String, String>,
}

impl WriterConfig {
    /// A json-file log at `path` with Hythe's default limits.
    pub fn json_file(path: impl Into<PathBuf>) -> Self {
        Self {
            driver: Driver::JsonFile,
            path: path.into(),
            max_size: Some(DEFAULT_MAX_SIZE),
            max_file: DEFAULT_MAX_FILE,
            mode: Mode::Blocking,
            attrs: BTreeMap::new(),
        }
    }

    /// No log at all.
    pub fn none() -> Self {
        Self { driver: Driver::None, ..Self::json_file("") }
    }

    /// Reads `--log-driver` and `--log-opt` for a log at `path`; an empty driver name is `json-file`.
    ///
    /// `labels`, `labels-regex`, `env`, `env-regex` and `tag` are accepted here and left to the caller, who knows the
    /// container, to turn into [`attrs`](Self::attrs).
    ///
    /// # Errors
    /// `InvalidParameter` in Docker's words for an unknown or malformed option; `NotImplemented` for a driver or an
    /// option that does not exist here yet.
    pub fn from_options(
        driver: &str,
        options: &BTreeMap<String, String>,
        path: impl Into<PathBuf>,
    ) -> Result<Self> {
        let driver = match driver {
            "" | "json-file" => Driver::JsonFile,
            "local" => Driver::Local,
            "none" => Driver::None,
            "syslog" | "journald" | "gelf" | "fluentd" | "awslogs" | "splunk" | "etwlogs" | "gcplogs" => {
                return Err(not_implemented(format!("logging driver \"{driver}\" is not implemented")));
            }
            other => return Err(invalid(format!("logger: no log driver named '{other}' is registered"))),
        };
        let mut config = Self { driver, ..Self::json_file(path) };
        let mut max_buffer = None;
        for (key, value) in options {
            match key.as_str() {
                "mode" => config.mode = mode(value)?,
                "max-buffer-size" => max_buffer = Some(size(value).ok_or_else(|| bad(value))?),
                _ if driver == Driver::None => return Err(unknown(key, driver)),
                "max-size" => config.max_size = max_size(value)?,
                "max-file" => config.max_file = max_file(value)?,
                "compress" => compress(value)?,
                "labels" | "labels-regex" | "env" | "env-regex" | "tag" => {}
                _ => return Err(unknown(key, driver)),
            }
        }
        match (&mut config.mode, max_buffer) {
            (Mode::NonBlocking { max_buffer }, Some(bytes)) => *max_buffer = bytes,
            (Mode::Blocking, Some(_)) => {
                return Err(invalid(
                    "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
                ));
            }
            _ => {}
        }
        Ok(config)
    }
}

fn unknown(key: &str, driver: Driver) -> errdefs::Error {
    invalid(format!("unknown log opt '{key}' for {} log driver", driver.as_str()))
}

fn bad(value: &str) -> errdefs::Error {
    invalid(format!("failed to initialize logging driver: invalid size: '{value}'"))
}

fn mode(value: &str) -> Result<Mode> {
    match value {
        "" | "blocking" => Ok(Mode::Blocking),
        "non-blocking" => Ok(Mode::NonBlocking { max_buffer: DEFAULT_MAX_BUFFER }),
        other => Err(invalid(format!("logger: logging mode not supported: {other}"))),
    }
}

/// `-1` is Docker's word for no limit.
fn max_size(value: &str) -> Result<Option<u64>> {
    if value == "-1" {
        return Ok(None);
    }
    match size(value) {
        Some(bytes) if bytes > 0 => Ok(Some(bytes)),
        Some(_) => Err(invalid(format!("max-size must be a positive number: {value}"))),
        None => Err(bad(value)),
    }
}

fn max_file(value: &str) -> Result<u32> {
    match value.parse::<u32>() {
        Ok(0) => Err(invalid("max-file cannot be less than 1")),
        Ok(files) => Ok(files),
        Err(_) => Err(invalid(format!("invalid value for max-file: {value}"))),
    }
}

fn compress(value: &str) -> Result<()> {
    match value {
        "false" | "0" | "f" | "F" | "FALSE" | "False" => Ok(()),
        "true" | "1" | "t" | "T" | "TRUE" | "True" => Err(not_implemented(
            "log opt 'compress=true' is not implemented: rotated logs are kept uncompressed",
        )),
        other => Err(invalid(format!("invalid value for compress: {other}"))),
    }
}

/// go-units' `FromHumanSize`: decimal units, an optional fraction, `k` and `kB` alike.
fn size(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale: f64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "p" | "pb" => 1e15,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    let bytes = number * scale;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: finite, >= 0, below 2^63"
    )]
    (bytes.is_finite() && (0.0..9.2e18).contains(&bytes)).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use errdefs::Class;

    fn read(driver: &str, options: &[(&str, &str)]) -> Result<WriterConfig> {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        WriterConfig::from_options(driver, &options, "/l")
    }

    #[test]
    fn defaults_are_bounded() {
        let config = read("", &[]).unwrap();
        assert_eq!(
            (config.driver, config.max_size, config.max_file),
            (Driver::JsonFile, Some(20_000_000), 5)
        );
    }

    #[test]
    fn reads_dockers_options() {
        let config = read("json-file", &[("max-size", "10k"), ("max-file", "3"), ("tag", "x")]).unwrap();
        assert_eq!((config.max_size, config.max_file), (Some(10_000), 3));
        assert_eq!(read("local", &[("max-size", "1.5m")]).unwrap().max_size, Some(1_500_000));
        assert_eq!(read("", &[("max-size", "-1")]).unwrap().max_size, None);
        let ring = read("", &[("mode", "non-blocking"), ("max-buffer-size", "4m")]).unwrap();
        assert_eq!(ring.mode, Mode::NonBlocking { max_buffer: 4_000_000 });
    }

    #[test]
    fn refuses_in_dockers_words() {
        for (driver, options, class, text) in [
            (
                "json-file",
                [("x", "1")],
                Class::InvalidParameter,
                "unknown log opt 'x' for json-file log driver",
            ),
            (
                "none",
                [("max-size", "1m")],
                Class::InvalidParameter,
                "unknown log opt 'max-size' for none log driver",
            ),
            ("json-file", [("max-file", "0")], Class::InvalidParameter, "max-file cannot be less than 1"),
            (
                "nope",
                [("a", "")],
                Class::InvalidParameter,
                "logger: no log driver named 'nope' is registered",
            ),
            ("syslog", [("a", "")], Class::NotImplemented, "logging driver \"syslog\" is not implemented"),
            (
                "",
                [("max-size", "x")],
                Class::InvalidParameter,
                "failed to initialize logging driver: invalid size: 'x'",
            ),
            ("", [("mode", "x")], Class::InvalidParameter, "logger: logging mode not supported: x"),
        ] {
            let error = read(driver, &options).unwrap_err();
            assert_eq!((error.class(), error.message()), (class, text));
        }
    }
}
