//! What is mounted into a container: the user's words for it (`-v`, `--mount`, `--tmpfs`, `VOLUME`) read into one form.
//!
//! Pure: nothing here looks at the host. Texts and rules are those of Docker's Linux mount parser; whether a bind source
//! exists is asked by `create`, where the difference between `-v` (makes it) and `--mount` (refuses) is drawn.

use std::path::{Component, Path};

use api::container::{BindOptions, Mount, TmpfsOptions, VolumeOptions};
use errdefs::Result;
use oci::digest::Digest;
use serde::{Deserialize, Serialize};

/// What kind of thing is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A path of the host.
    Bind,
    /// A volume.
    Volume,
    /// A file system in memory.
    Tmpfs,
    /// The files of another image, read-only.
    Image,
}

impl Kind {
    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Volume => "volume",
            Self::Tmpfs => "tmpfs",
            Self::Image => "image",
        }
    }
}

/// One mount of a container, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MountPoint {
    pub(crate) kind: Kind,
    /// Volume name (empty while an anonymous one has none), or the image's as the user gave it.
    pub(crate) name: String,
    /// Host path; for a volume its mount point once it is known, for an image its topmost layer.
    pub(crate) source: String,
    /// Absolute and clean.
    pub(crate) destination: String,
    /// Volume driver; empty for the default one.
    pub(crate) driver: String,
    /// The mode as the user wrote it, for `inspect`.
    pub(crate) mode: String,
    pub(crate) read_write: bool,
    /// Mount propagation; empty for volumes.
    pub(crate) propagation: String,
    /// Fill an empty volume from the image.
    pub(crate) copy_up: bool,
    /// Make the source of a bind if it is missing.
    pub(crate) make_source: bool,
    /// The name was made up; the volume goes with the container.
    pub(crate) anonymous: bool,
    /// Path inside the volume or image.
    pub(crate) subpath: String,
    /// The image mounted here.
    #[serde(default)]
    pub(crate) image: Option<Digest>,
    /// Its layers, lowest first.
    #[serde(default)]
    pub(crate) layers: Vec<Digest>,
    /// Labels and driver options for a volume that is yet to be made.
    pub(crate) volume: VolumeOptions,
    pub(crate) bind: BindOptions,
    pub(crate) tmpfs: TmpfsOptions,
}

impl MountPoint {
    /// A volume that was made for this container and goes with it.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.kind == Kind::Volume && self.anonymous
    }
}

const PROPAGATION: [&str; 6] = ["private", "rprivate", "slave", "rslave", "shared", "rshared"];

/// Reads `-v`'s short form, `driver` being the container's `VolumeDriver`.
///
/// # Errors
/// Invalid parameter, in Docker's words.
pub(crate) fn parse_short(raw: &str, driver: &str) -> Result<MountPoint> {
    let refuse = || errdefs::invalid(format!("invalid volume specification: '{raw}'"));
    let parts: Vec<&str> = raw.splitn(3, ':').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(refuse());
    }
    let (source, target, mode) = match parts[..] {
        [target] => ("", target, ""),
        // "/x:rw" would be an anonymous volume with a mode, which no one means.
        [_, second] if check_mode(second).is_ok() => return Err(refuse()),
        [source, target] => (source, target, ""),
        [source, target, mode] if !mode.contains(':') => (source, target, mode),
        _ => return Err(refuse()),
    };
    let flags = if mode.is_empty() { Mode::default() } else { check_mode(mode)? };
    let bind = BindOptions { propagation: flags.propagation.into(), ..BindOptions::default() };
    let volume = VolumeOptions { no_copy: flags.no_copy, ..VolumeOptions::default() };
    // What does not belong to the sort of mount is refused as in the long form.
    let mount = if source.starts_with('/') {
        Mount {
            r#type: "bind".into(),
            bind_options: Some(bind),
            volume_options: flags.no_copy.then_some(volume),
            ..Mount::default()
        }
    } else {
        Mount {
            r#type: "volume".into(),
            bind_options: (!flags.propagation.is_empty()).then_some(bind),
            volume_options: Some(volume),
            ..Mount::default()
        }
    };
    // A mode "ro" on an anonymous volume cannot be written in this form, so read-only is set after the check.
    let mount = Mount { source: source.into(), target: target.into(), ..mount };
    let mut point = parse_long(&mount).map_err(|error| {
        errdefs::invalid(format!("invalid volume specification: '{raw}': {}", error.message()))
    })?;
    point.read_write = !flags.read_only;
    point.make_source = point.kind == Kind::Bind;
    match point.kind {
        Kind::Volume => {
            point.driver = driver.to_owned();
            point.mode = if mode.is_empty() { "z".into() } else { mode.into() };
        }
        _ => point.mode = mode.to_owned(),
    }
    Ok(point)
}

#[derive(Default)]
struct Mode<'a> {
    read_only: bool,
    no_copy: bool,
    propagation: &'a str,
}

/// Reads the comma-separated third part: at most one word of each sort.
fn check_mode(mode: &str) -> Result<Mode<'_>> {
    let refuse = || errdefs::invalid(format!("invalid mode: {mode}"));
    let mut read = Mode::default();
    let (mut access, mut label, mut copy, mut consistency) = (0, 0, 0, 0);
    for word in mode.split(',') {
        match word {
            "ro" | "rw" => {
                access += 1;
                read.read_only = word == "ro";
            }
            "z" | "Z" => label += 1,
            "nocopy" => {
                copy += 1;
                read.no_copy = true;
            }
            "consistent" | "cached" | "delegated" | "default" => consistency += 1,
            _ if PROPAGATION.contains(&word) && read.propagation.is_empty() => read.propagation = word,
            _ => return Err(refuse()),
        }
    }
    if [access, label, copy, consistency].iter().any(|count| *count > 1) {
        return Err(refuse());
    }
    Ok(read)
}

/// Reads the long form.
///
/// # Errors
/// Invalid parameter, in Docker's words.
pub(crate) fn parse_long(mount: &Mount) -> Result<MountPoint> {
    let kind = check_long(mount).map_err(|text| {
        errdefs::invalid(format!("invalid mount config for type \"{}\": {text}", mount.r#type))
    })?;
    let volume = mount.volume_options.clone().unwrap_or_default();
    let bind = mount.bind_options.clone().unwrap_or_default();
    let driver = volume.driver_config.as_ref().map(|config| config.name.clone()).unwrap_or_default();
    let subpath = match kind {
        Kind::Image => mount.image_options.clone().unwrap_or_default().subpath,
        _ => volume.subpath.clone(),
    };
    let mut point = MountPoint {
        kind,
        name: String::new(),
        source: String::new(),
        destination: clean(&mount.target),
        driver,
        mode: String::new(),
        read_write: !mount.read_only && kind != Kind::Image,
        propagation: String::new(),
        copy_up: false,
        make_source: bind.create_mountpoint,
        anonymous: false,
        subpath,
        image: None,
        layers: Vec::new(),
        volume,
        bind,
        tmpfs: mount.tmpfs_options.clone().unwrap_or_default(),
    };
    match kind {
        Kind::Bind => {
            point.source = clean(&mount.source);
            point.propagation = match point.bind.propagation.as_str() {
                "" => "rprivate".into(),
                given => given.into(),
            };
        }
        Kind::Volume => {
            point.name.clone_from(&mount.source);
            point.copy_up = !point.volume.no_copy;
            point.mode = "z".into();
        }
        Kind::Image => {
            point.name.clone_from(&mount.source);
            point.source.clone_from(&mount.source);
            point.propagation = "rprivate".into();
        }
        Kind::Tmpfs => {}
    }
    Ok(point)
}

/// The rules of the long form; the error is the text behind "invalid mount config for type ...: ".
fn check_long(mount: &Mount) -> Result<Kind, String> {
    let extra = |field: &str| Err(format!("field {field} must not be specified"));
    let missing = |field: &str| Err(format!("field {field} must not be empty"));
    let kind = match mount.r#type.as_str() {
        "bind" => Kind::Bind,
        "volume" => Kind::Volume,
        "tmpfs" => Kind::Tmpfs,
        "image" => Kind::Image,
        _ if mount.target.is_empty() => return missing("Target"),
        _ => return Err("mount type unknown".into()),
    };
    if mount.target.is_empty() {
        return missing("Target");
    }
    if clean(&mount.target) == "/" {
        return Err("invalid specification: destination can't be '/'".into());
    }
    absolute(&mount.target)?;
    if mount.bind_options.is_some() && kind != Kind::Bind {
        return extra("BindOptions");
    }
    if mount.volume_options.is_some() && kind != Kind::Volume {
        return extra("VolumeOptions");
    }
    if mount.tmpfs_options.is_some() && kind != Kind::Tmpfs {
        return extra("TmpfsOptions");
    }
    if mount.image_options.is_some() && kind != Kind::Image {
        return extra("ImageOptions");
    }
    match kind {
        Kind::Bind | Kind::Image if mount.source.is_empty() => return missing("Source"),
        Kind::Bind => {
            let options = mount.bind_options.clone().unwrap_or_default();
            if !options.propagation.is_empty() && !PROPAGATION.contains(&options.propagation.as_str()) {
                return Err(format!("invalid propagation mode: {}", options.propagation));
            }
            absolute(&mount.source)?;
            check_read_only(mount.read_only, &options)?;
        }
        Kind::Volume if mount.source.is_empty() && mount.read_only => {
            return Err("must not set ReadOnly mode when using anonymous volumes".into());
        }
        Kind::Volume if mount.source.is_empty() && !volume_subpath(mount).is_empty() => {
            return Err("must not set Subpath when using anonymous volumes".into());
        }
        Kind::Tmpfs if !mount.source.is_empty() => return extra("Source"),
        Kind::Tmpfs => check_tmpfs(mount)?,
        _ => {}
    }
    let subpath = match kind {
        Kind::Volume => Some(volume_subpath(mount)),
        Kind::Image => mount.image_options.as_ref().map(|options| options.subpath.as_str()),
        _ => None,
    };
    check_subpath(subpath.unwrap_or_default())?;
    Ok(kind)
}

fn volume_subpath(mount: &Mount) -> &str {
    mount.volume_options.as_ref().map(|options| options.subpath.as_str()).unwrap_or_default()
}

/// Of the further options of a tmpfs Docker knows two.
fn check_tmpfs(mount: &Mount) -> Result<(), String> {
    for option in mount.tmpfs_options.iter().flat_map(|options| &options.options).flatten() {
        match option.as_slice() {
            [name] | [name, _] if matches!(name.as_str(), "exec" | "noexec") => {}
            [name] | [name, _] => return Err(format!("invalid option: {name}")),
            _ => return Err("invalid option array length".into()),
        }
    }
    Ok(())
}

fn check_read_only(read_only: bool, options: &BindOptions) -> Result<(), String> {
    let BindOptions { read_only_force_recursive: force, read_only_non_recursive: non, .. } = options;
    if *force && *non {
        return Err("read-only-recursive options \"enabled\" and \"disabled\" are mutually exclusive".into());
    }
    for (set, name) in [(force, "ReadOnlyForceRecursive"), (non, "ReadOnlyNonRecursive")] {
        if *set && !read_only {
            return Err(format!("mode ReadOnly must be set when using {name}"));
        }
    }
    if *force && !matches!(options.propagation.as_str(), "" | "rprivate") {
        return Err("ReadOnlyForceRecursive requires Propagation \"rprivate\"".into());
    }
    Ok(())
}

fn check_subpath(subpath: &str) -> Result<(), String> {
    let climbs =
        Path::new(subpath).components().any(|part| matches!(part, Component::ParentDir | Component::RootDir));
    if climbs {
        return Err("subpath must be a relative path within the volume".into());
    }
    Ok(())
}

fn absolute(path: &str) -> Result<(), String> {
    if path.starts_with('/') {
        return Ok(());
    }
    Err(format!("invalid mount path: '{path}' mount path must be absolute"))
}

/// A `VOLUME` destination: checked and clean. A relative one is below the root, as the runtime has it in Docker.
///
/// # Errors
/// Invalid parameter for the root.
pub(crate) fn volume_destination(path: &str) -> Result<String> {
    destination(&format!("/{path}"))
}

/// A `--tmpfs` destination: checked and clean.
///
/// # Errors
/// Invalid parameter if it is relative or the root.
pub(crate) fn destination(path: &str) -> Result<String> {
    absolute(path).map_err(errdefs::invalid)?;
    match clean(path).as_str() {
        "/" => Err(errdefs::invalid("invalid specification: destination can't be '/'")),
        clean => Ok(clean.to_owned()),
    }
}

/// The path without `.`, `..`, doubled and trailing slashes, as Go's `filepath.Clean` makes it. Only text: the result is
/// used for comparing and, inside a container, resolved on descriptors.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".into(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests;
