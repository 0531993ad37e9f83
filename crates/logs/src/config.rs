//! What a container's log is to be: driver, place, limits; and the reading of Docker's `--log-opt` into it.
//!
//! As with Docker, names of options are checked when a container is created ([`check`]) and most of their values when it
//! starts ([`WriterConfig::from_options`]), in Docker's words. What the remote drivers take is not known here; what they
//! have in common with the others (`mode`, the cache) is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use errdefs::{Result, invalid};
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
    /// The current log file; rotated ones are `<path>.1` (newest) and up, perhaps with `.gz` behind. Its directory must
    /// exist.
    pub path: PathBuf,
    /// A file at or above this many bytes is rotated before the next line; `None`: never.
    pub max_size: Option<u64>,
    /// Files kept, the current one included; 1 means it is replaced instead of rotated.
    pub max_file: u32,
    /// Rotated files are compressed, by a process of their own.
    pub compress: bool,
    /// What to do when the log is slower than the container.
    pub mode: Mode,
    /// The record's `attrs` (labels, environment, tag), sorted by key; empty: none are written.
    pub attrs: BTreeMap<String, String>,
}

/// A container's log options, by name.
pub type Options = BTreeMap<String, String>;

/// Options that are about what every driver has, and may stand with each.
const COMMON: [&str; 6] =
    ["mode", "max-buffer-size", "cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"];
const JSON_FILE: [&str; 8] =
    ["max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag"];
const LOCAL: [&str; 3] = ["max-file", "max-size", "compress"];

/// What can be said of the options when a container is created, whatever the driver: the common ones. The others are
/// given back.
///
/// # Errors
/// `InvalidParameter` in Docker's words.
pub fn check_common(options: &Options) -> Result<Options> {
    let mut buffer = options.get("max-buffer-size").map(String::as_str);
    if mode(options.get("mode").map_or("", String::as_str))? == Mode::Blocking && buffer.take().is_some() {
        return Err(invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'"));
    }
    if let Some(text) = buffer
        && size(text).is_none()
    {
        return Err(invalid(format!("error parsing option max-buffer-size: invalid size: '{text}'")));
    }
    cache_disabled(options)?;
    Ok(options
        .iter()
        .filter(|(key, _)| !COMMON.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect())
}

/// Whether `cache-disabled` is on: the log of a remote driver is not to be read here.
///
/// # Errors
/// `InvalidParameter` in Docker's words.
pub fn cache_disabled(options: &Options) -> Result<bool> {
    let Some(text) = options.get("cache-disabled") else { return Ok(false) };
    boolean(text).ok_or_else(|| invalid(format!("invalid value for option cache-disabled: {text}")))
}

/// Checks the options of a file driver when a container is created.
///
/// # Errors
/// `InvalidParameter` in Docker's words for an unknown one.
pub fn check(driver: Driver, options: &Options) -> Result<()> {
    let rest = check_common(options)?;
    for key in rest.keys() {
        match driver {
            Driver::JsonFile if !JSON_FILE.contains(&key.as_str()) => {
                return Err(invalid(format!("unknown log opt '{key}' for json-file log driver")));
            }
            Driver::Local if !LOCAL.contains(&key.as_str()) => {
                return Err(invalid(format!("unknown log opt '{key}' for log driver local")));
            }
            _ => {}
        }
    }
    Ok(())
}

impl WriterConfig {
    /// A json-file log at `path` with Hythe's default limits.
    pub fn json_file(path: impl Into<PathBuf>) -> Self {
        Self {
            driver: Driver::JsonFile,
            path: path.into(),
            max_size: Some(DEFAULT_MAX_SIZE),
            max_file: DEFAULT_MAX_FILE,
            compress: false,
            mode: Mode::Blocking,
            attrs: BTreeMap::new(),
        }
    }

    /// No log at all.
    pub fn none() -> Self {
        Self { driver: Driver::None, ..Self::json_file("") }
    }

    /// Reads `--log-opt` of a file driver for a log at `path`.
    ///
    /// `labels`, `labels-regex`, `env`, `env-regex` and `tag` are left to the caller, who knows the container, to turn
    /// into [`attrs`](Self::attrs).
    ///
    /// # Errors
    /// `InvalidParameter` in Docker's words for a malformed value.
    pub fn from_options(driver: Driver, options: &Options, path: impl Into<PathBuf>) -> Result<Self> {
        let mut config = Self { driver, ..Self::json_file(path) };
        // Docker's `local` compresses unless told not to; its `json-file` does if told to.
        config.compress = driver == Driver::Local;
        config.limits(options, ["max-size", "max-file", "compress"])?;
        config.mode = read_mode(options)?;
        Ok(config)
    }

    /// The local copy of a remote driver's log at `path`: what `logs` reads and what is sent on from.
    ///
    /// # Errors
    /// `InvalidParameter` in Docker's words for a malformed value.
    pub fn cache(options: &Options, path: impl Into<PathBuf>) -> Result<Self> {
        let mut config = Self { driver: Driver::Local, compress: true, ..Self::json_file(path) };
        config.limits(options, ["cache-max-size", "cache-max-file", "cache-compress"])?;
        config.mode = read_mode(options)?;
        Ok(config)
    }

    fn limits(&mut self, options: &Options, [size, file, compress]: [&str; 3]) -> Result<()> {
        if let Some(text) = options.get(size) {
            self.max_size = max_size(text, self.driver, size)?;
        }
        if let Some(text) = options.get(file) {
            self.max_file = match self.driver {
                Driver::Local => max_file_of_local(text)?,
                _ => max_file(text)?,
            };
        }
        if self.driver == Driver::Local {
            return self.compression_of_local(options.get(compress).map(String::as_str));
        }
        let possible = self.max_file > 1 && self.max_size.is_some();
        match options.get(compress) {
            Some(text) => {
                self.compress = read_boolean(text)?;
                if self.compress && !possible {
                    return Err(invalid(
                        "compress cannot be true when max-file is less than 2 or max-size is not set",
                    ));
                }
            }
            None => self.compress &= possible,
        }
        Ok(())
    }

    /// `local` compresses unless it is told otherwise, and says so where there is nothing to compress.
    fn compression_of_local(&mut self, wanted: Option<&str>) -> Result<()> {
        if let Some(text) = wanted {
            self.compress = read_boolean(text).map_err(|error| {
                invalid(format!("error reading compress log option: {}", error.message()))
            })?;
        }
        match self.compress && self.max_file < 2 {
            true => Err(invalid("compression cannot be enabled when max file count is 1")),
            false => Ok(()),
        }
    }
}

fn read_boolean(text: &str) -> Result<bool> {
    boolean(text).ok_or_else(|| invalid(format!("strconv.ParseBool: parsing \"{text}\": invalid syntax")))
}

fn read_mode(options: &Options) -> Result<Mode> {
    let mut mode = mode(options.get("mode").map_or("", String::as_str))?;
    if let (Mode::NonBlocking { max_buffer }, Some(text)) = (&mut mode, options.get("max-buffer-size")) {
        *max_buffer = size(text).ok_or_else(|| bad_size(text))?;
    }
    Ok(mode)
}

fn bad_size(value: &str) -> errdefs::Error {
    invalid(format!("invalid size: '{value}'"))
}

fn mode(value: &str) -> Result<Mode> {
    match value {
        "" | "blocking" => Ok(Mode::Blocking),
        "non-blocking" => Ok(Mode::NonBlocking { max_buffer: DEFAULT_MAX_BUFFER }),
        other => Err(invalid(format!("logger: logging mode not supported: {other}"))),
    }
}

/// `-1` is Docker's word for no limit, of `json-file` only.
fn max_size(value: &str, driver: Driver, key: &str) -> Result<Option<u64>> {
    if value == "-1" && driver == Driver::JsonFile {
        return Ok(None);
    }
    let named = |error: errdefs::Error| match driver {
        Driver::Local => invalid(format!("invalid value for {key}: {value}: {}", error.message())),
        _ => error,
    };
    match size(value) {
        Some(bytes) if bytes > 0 => Ok(Some(bytes)),
        // Of `local`, nothing is no limit.
        Some(_) if driver == Driver::Local => Ok(None),
        Some(_) => Err(named(invalid("max-size must be a positive number"))),
        None => Err(named(bad_size(value))),
    }
}

fn max_file(value: &str) -> Result<u32> {
    match value.parse::<i64>() {
        Ok(files) if files < 1 => Err(invalid("max-file cannot be less than 1")),
        Ok(files) => Ok(u32::try_from(files).unwrap_or(u32::MAX)),
        Err(_) => Err(invalid(format!("strconv.Atoi: parsing \"{value}\": invalid syntax"))),
    }
}

/// The same of `local`, in its words. Keeping none is keeping the one that is written.
fn max_file_of_local(value: &str) -> Result<u32> {
    match value.parse::<i64>() {
        Ok(files) if files < 0 => Err(invalid("max file count cannot be less than 0")),
        Ok(files) => Ok(u32::try_from(files.max(1)).unwrap_or(u32::MAX)),
        Err(_) => {
            let why = format!("strconv.Atoi: parsing \"{value}\": invalid syntax");
            Err(invalid(format!("invalid value for max-file: {value}: {why}")))
        }
    }
}

/// Go's `strconv.ParseBool`.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// go-units' `FromHumanSize`: decimal units, an optional fraction, `k` and `kB` alike.
pub fn size(text: &str) -> Option<u64> {
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

    fn options(options: &[(&str, &str)]) -> Options {
        options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn read(driver: Driver, of: &[(&str, &str)]) -> Result<WriterConfig> {
        WriterConfig::from_options(driver, &options(of), "/l")
    }

    #[test]
    fn defaults_are_bounded() {
        let config = read(Driver::JsonFile, &[]).unwrap();
        assert_eq!(
            (config.driver, config.max_size, config.max_file, config.compress),
            (Driver::JsonFile, Some(20_000_000), 5, false)
        );
        assert!(read(Driver::Local, &[]).unwrap().compress);
        let cache = WriterConfig::cache(&options(&[("cache-max-file", "2")]), "/l").unwrap();
        assert_eq!((cache.max_size, cache.max_file, cache.compress), (Some(20_000_000), 2, true));
    }

    #[test]
    fn reads_dockers_options() {
        let config = read(
            Driver::JsonFile,
            &[("max-size", "10k"), ("max-file", "3"), ("tag", "x"), ("compress", "1")],
        )
        .unwrap();
        assert_eq!((config.max_size, config.max_file, config.compress), (Some(10_000), 3, true));
        assert_eq!(read(Driver::Local, &[("max-size", "1.5m")]).unwrap().max_size, Some(1_500_000));
        assert_eq!(read(Driver::JsonFile, &[("max-size", "-1")]).unwrap().max_size, None);
        let ring = read(Driver::JsonFile, &[("mode", "non-blocking"), ("max-buffer-size", "4m")]).unwrap();
        assert_eq!(ring.mode, Mode::NonBlocking { max_buffer: 4_000_000 });
        let one =
            read(Driver::Local, &[("max-file", "0"), ("compress", "false"), ("max-size", "0")]).unwrap();
        assert_eq!((one.max_file, one.max_size, one.compress), (1, None, false));
    }

    /// The texts are those of Docker 28.5.2 for the same options.
    #[test]
    fn refuses_at_creation_in_dockers_words() {
        for (driver, of, text) in [
            (Driver::JsonFile, ("x", "1"), "unknown log opt 'x' for json-file log driver"),
            (Driver::Local, ("tag", "1"), "unknown log opt 'tag' for log driver local"),
            (Driver::JsonFile, ("mode", "x"), "logger: logging mode not supported: x"),
            (Driver::JsonFile, ("cache-disabled", "q"), "invalid value for option cache-disabled: q"),
            (
                Driver::JsonFile,
                ("max-buffer-size", "1m"),
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
            ),
        ] {
            assert_eq!(check(driver, &options(&[of])).unwrap_err().message(), text);
        }
        let of = options(&[("mode", "non-blocking"), ("max-buffer-size", "q")]);
        let error = check(Driver::JsonFile, &of).unwrap_err();
        assert_eq!(error.message(), "error parsing option max-buffer-size: invalid size: 'q'");
        check(Driver::None, &options(&[("tag", "x")])).unwrap();
        check(Driver::JsonFile, &options(&[("max-size", "q"), ("cache-disabled", "true")])).unwrap();
    }

    #[test]
    fn refuses_at_start_in_dockers_words() {
        let unlimited = "compress cannot be true when max-file is less than 2 or max-size is not set";
        for (driver, of, text) in [
            (Driver::JsonFile, [("max-file", "0")], "max-file cannot be less than 1"),
            (Driver::JsonFile, [("max-file", "-1")], "max-file cannot be less than 1"),
            (
                Driver::Local,
                [("compress", "x")],
                "error reading compress log option: strconv.ParseBool: parsing \"x\": invalid syntax",
            ),
            (Driver::JsonFile, [("max-size", "q")], "invalid size: 'q'"),
            (Driver::Local, [("max-size", "-1")], "invalid value for max-size: -1: invalid size: '-1'"),
            (Driver::Local, [("max-file", "-1")], "max file count cannot be less than 0"),
            (Driver::Local, [("max-file", "0")], "compression cannot be enabled when max file count is 1"),
            (Driver::Local, [("max-file", "1")], "compression cannot be enabled when max file count is 1"),
            (
                Driver::Local,
                [("max-file", "x")],
                "invalid value for max-file: x: strconv.Atoi: parsing \"x\": invalid syntax",
            ),
            (Driver::JsonFile, [("compress", "q")], "strconv.ParseBool: parsing \"q\": invalid syntax"),
        ] {
            assert_eq!(read(driver, &of).unwrap_err().message(), text);
        }
        for other in [("max-file", "1"), ("max-size", "-1")] {
            let error = read(Driver::JsonFile, &[other, ("compress", "true")]).unwrap_err();
            assert_eq!(error.message(), unlimited);
        }
    }
}
