//! The `type`, `o` and `device` options of a volume that is a mount: checked at creation, mounted while in use.
//!
//! The names and texts are those of moby's `volume/local` driver; the words inside `o` are those of mount(8).

use std::collections::BTreeMap;
use std::ffi::CString;
use std::net::ToSocketAddrs;
use std::path::Path;

use errdefs::{Context, Result};
use rustix::mount::{MountFlags, UnmountFlags};

/// The options that may be given.
const KNOWN: [&str; 4] = ["type", "o", "device", "size"];

/// What is to be mounted on the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountOptions {
    source: String,
    kind: String,
    flags: MountFlags,
    data: String,
}

/// Checks the options of a volume; `None` if it is an ordinary directory.
///
/// # Errors
/// InvalidParameter in Docker's words, for quotas (`size` without a mount) as well.
pub(crate) fn parse(options: &BTreeMap<String, String>) -> Result<Option<MountOptions>> {
    if let Some(unknown) = options.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(errdefs::invalid(format!("invalid option: {unknown:?}")));
    }
    if options.contains_key("size") {
        return Err(errdefs::invalid("quota size requested but no quota support"));
    }
    // As in Docker it counts that an option is there, not that it says something.
    let value = |key: &str| options.get(key).map(String::as_str);
    let words = value("o");
    match (value("type"), value("device")) {
        (None, None) if words.is_none() => Ok(None),
        (_, None) => Err(errdefs::invalid("missing required option: \"device\"")),
        (None, Some(_)) => Err(errdefs::invalid("missing required option: \"type\"")),
        (Some(kind), Some(device)) => {
            let (flags, data) = split(words.unwrap_or_default());
            Ok(Some(MountOptions { source: device.to_owned(), kind: kind.to_owned(), flags, data }))
        }
    }
}

/// Separates the words the kernel takes as flags from those the filesystem takes as data.
fn split(words: &str) -> (MountFlags, String) {
    let mut flags = MountFlags::empty();
    let mut data = Vec::new();
    for word in words.split(',').filter(|word| !word.is_empty()) {
        match word {
            "defaults" | "rw" | "suid" | "dev" | "exec" | "async" | "atime" => {}
            "ro" => flags |= MountFlags::RDONLY,
            "nosuid" => flags |= MountFlags::NOSUID,
            "nodev" => flags |= MountFlags::NODEV,
            "noexec" => flags |= MountFlags::NOEXEC,
            "sync" => flags |= MountFlags::SYNCHRONOUS,
            "dirsync" => flags |= MountFlags::DIRSYNC,
            "noatime" => flags |= MountFlags::NOATIME,
            "nodiratime" => flags |= MountFlags::NODIRATIME,
            "relatime" => flags |= MountFlags::RELATIME,
            "strictatime" => flags |= MountFlags::STRICTATIME,
            "bind" => flags |= MountFlags::BIND,
            "rbind" => flags |= MountFlags::BIND | MountFlags::REC,
            other => data.push(other),
        }
    }
    (flags, data.join(","))
}

impl MountOptions {
    /// Mounts on `target`.
    ///
    /// # Errors
    /// `failed to mount local volume: mount SOURCE:TARGET, flags: 0x.., data: ..: ERRNO`, as Docker says it.
    pub(crate) fn mount(&self, target: &Path) -> Result<()> {
        let data = self.resolved_data()?;
        let text = || {
            let mut text =
                format!("failed to mount local volume: mount {}:{}", self.source, target.display());
            if !self.flags.is_empty() {
                text.push_str(&format!(", flags: {:#x}", self.flags.bits()));
            }
            if !data.is_empty() {
                text.push_str(&format!(", data: {data}"));
            }
            text
        };
        let c_data =
            CString::new(data.as_str()).map_err(|_| errdefs::invalid("mount options hold a NUL byte"))?;
        // A bind mount has no type of its own; "none" is what people write there.
        let kind = if self.flags.contains(MountFlags::BIND) { "" } else { &self.kind };
        rustix::mount::mount(self.source.as_str(), target, kind, self.flags, Some(c_data.as_c_str()))
            .map_err(|errno| errdefs::system(in_gos_words(errno)))
            .context(text)
    }

    /// Network filesystems are given the server by address; the kernel does not look names up.
    fn resolved_data(&self) -> Result<String> {
        if !self.kind.starts_with("nfs") && self.kind != "cifs" {
            return Ok(self.data.clone());
        }
        let words: Result<Vec<String>> = self.data.split(',').map(resolve_address).collect();
        words.map(|words| words.join(","))
    }
}

fn resolve_address(word: &str) -> Result<String> {
    let Some(host) = word.strip_prefix("addr=") else { return Ok(word.to_owned()) };
    let mut addresses = (host, 0)
        .to_socket_addrs()
        .context(|| format!("error resolving passed in network volume address {host}"))?;
    let address = addresses.next().ok_or_else(|| errdefs::not_found(format!("no address for {host}")))?;
    Ok(format!("addr={}", address.ip()))
}

/// An error of the kernel as Go prints it, and so Docker: not capitalised, without its number.
fn in_gos_words(errno: rustix::io::Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_lowercase().to_string() + letters.as_str()).unwrap_or_default()
}

/// Takes the mount away again; nothing happens if there is none.
///
/// # Errors
/// If the kernel refuses (busy only if a process of the host works inside).
pub(crate) fn unmount(target: &Path) -> Result<()> {
    match rustix::mount::unmount(target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
        Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => Ok(()),
        Err(errno) => Err(errdefs::system(format!("umount {}: {errno}", target.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn mistakes_are_refused_in_dockers_words() {
        let error = |pairs: &[(&str, &str)]| parse(&options(pairs)).unwrap_err().to_string();
        assert_eq!(error(&[("foo", "bar")]), "invalid option: \"foo\"");
        assert_eq!(error(&[("type", "tmpfs")]), "missing required option: \"device\"");
        assert_eq!(error(&[("device", "tmpfs")]), "missing required option: \"type\"");
        assert_eq!(error(&[("o", "size=10m")]), "missing required option: \"device\"");
        assert!(parse(&options(&[("type", ""), ("device", "foo")])).is_ok());
        assert_eq!(error(&[("size", "1g")]), "quota size requested but no quota support");
    }

    // Texts of Docker 28.5 for the same options.
    #[test]
    fn failed_mounts_are_told_in_dockers_words() {
        let error = |pairs: &[(&str, &str)]| {
            let mount = parse(&options(pairs)).unwrap().unwrap();
            mount.mount(Path::new("/nonexist/_data")).unwrap_err().to_string()
        };
        assert_eq!(
            error(&[("type", "none"), ("o", "bind"), ("device", "/nonexist")]),
            "failed to mount local volume: mount /nonexist:/nonexist/_data, flags: 0x1000: no such file or directory"
        );
        assert_eq!(
            error(&[("type", "foofs"), ("device", "foo")]),
            "failed to mount local volume: mount foo:/nonexist/_data: no such file or directory"
        );
        assert_eq!(
            error(&[("type", "nfs"), ("o", "addr=127.0.0.1,rw"), ("device", ":/x")]),
            "failed to mount local volume: mount :/x:/nonexist/_data, data: addr=127.0.0.1: no such file or directory"
        );
    }

    #[test]
    fn flags_and_data_are_told_apart() {
        assert_eq!(parse(&options(&[])).unwrap(), None);
        let mount =
            parse(&options(&[("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m,noexec,ro,uid=7")]))
                .unwrap()
                .unwrap();
        assert_eq!(mount.flags, MountFlags::NOEXEC | MountFlags::RDONLY);
        assert_eq!(mount.data, "size=1m,uid=7");
    }
}
