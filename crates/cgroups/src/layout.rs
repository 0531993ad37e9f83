//! Which hierarchies are mounted here, and where this process is in them.
//!
//! Read from the mount table, not from fixed paths: in a container the groups may be mounted elsewhere, read-only, or
//! show only a part of the tree. Paths of containers are below the mount point, whatever part of the real tree that is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use errdefs::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::file;

/// Which hierarchies this host has mounted, writable. Found once and passed on: reading the mount table takes longer the
/// more is mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    pub(crate) v1: Vec<Hierarchy>,
    pub(crate) unified: Option<Unified>,
    names: Vec<String>,
}

/// One v1 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hierarchy {
    /// Its controllers, or its name (`name=systemd`).
    pub(crate) controllers: Vec<String>,
    /// Where it is mounted.
    pub(crate) mount: PathBuf,
}

/// The v2 tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unified {
    /// Controllers it offers; in a hybrid layout mostly none.
    pub(crate) controllers: Vec<String>,
    /// Where it is mounted.
    pub(crate) mount: PathBuf,
}

/// How the host mounts control groups, as `docker info` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// v1, or hybrid.
    V1,
    /// v2 alone.
    V2,
}

/// Controllers of v1; any other word among a mount's options is an option.
const V1_CONTROLLERS: [&str; 13] = [
    "blkio",
    "cpu",
    "cpuacct",
    "cpuset",
    "devices",
    "freezer",
    "hugetlb",
    "memory",
    "misc",
    "net_cls",
    "net_prio",
    "perf_event",
    "pids",
];

impl Layout {
    /// Reads this process's mount table.
    ///
    /// # Errors
    /// `System` if `/proc` cannot be read, `Unavailable` if no hierarchy is mounted writable.
    pub fn detect() -> Result<Self> {
        let table = fs::read("/proc/self/mountinfo").context(|| "read /proc/self/mountinfo")?;
        let mut layout = Self::parse(&String::from_utf8_lossy(&table));
        if let Some(unified) = &mut layout.unified {
            let text = file::read(&unified.mount.join("cgroup.controllers"))?;
            unified.controllers = text.split_whitespace().map(str::to_owned).collect();
            layout.names.extend(unified.controllers.iter().map(|name| v1_name(name).to_owned()));
        }
        if layout.v1.is_empty() && layout.unified.is_none() {
            return Err(errdefs::unavailable("no control group hierarchy is mounted writable"));
        }
        Ok(layout)
    }

    /// The hierarchies in a mount table (`proc_pid_mountinfo(5)`); the first mount of each is taken.
    fn parse(table: &str) -> Self {
        let mut layout = Self::default();
        for line in table.lines() {
            let Some((left, right)) = line.split_once(" - ") else { continue };
            let mut left = left.split(' ').skip(4);
            let (Some(mount), Some(options)) = (left.next(), left.next()) else { continue };
            let mut right = right.split(' ');
            let (Some(fstype), Some(super_options)) = (right.next(), right.nth(1)) else { continue };
            if options.split(',').any(|option| option == "ro") {
                continue;
            }
            let mount = unescape(mount);
            match fstype {
                "cgroup2" if layout.unified.is_none() => {
                    layout.unified = Some(Unified { controllers: Vec::new(), mount });
                }
                "cgroup" => layout.add_v1(mount, super_options),
                _ => {}
            }
        }
        layout
    }

    fn add_v1(&mut self, mount: PathBuf, super_options: &str) {
        let controllers: Vec<String> = super_options
            .split(',')
            .filter(|word| V1_CONTROLLERS.contains(word) || word.starts_with("name="))
            .map(str::to_owned)
            .collect();
        if controllers.is_empty() || controllers.iter().any(|name| self.hierarchy(name).is_some()) {
            return;
        }
        self.names.extend(controllers.iter().cloned());
        self.v1.push(Hierarchy { controllers, mount });
    }

    /// Which version the controllers are on.
    pub fn version(&self) -> Version {
        if self.v1.iter().any(|h| h.controllers.iter().any(|name| !name.starts_with("name="))) {
            Version::V1
        } else {
            Version::V2
        }
    }

    /// Controllers that can be used, by their v1 names (`io` of v2 is `blkio`).
    pub fn controllers(&self) -> &[String] {
        &self.names
    }

    /// Whether swap is counted and can be limited.
    pub fn limits_swap(&self) -> bool {
        match (self.hierarchy("memory"), &self.unified) {
            (Some(memory), _) => memory.mount.join("memory.memsw.limit_in_bytes").exists(),
            (None, Some(unified)) => {
                unified.controllers.iter().any(|name| name == "memory") && Path::new("/proc/swaps").exists()
            }
            (None, None) => false,
        }
    }

    /// The v1 hierarchy of a controller.
    pub(crate) fn hierarchy(&self, controller: &str) -> Option<&Hierarchy> {
        self.v1.iter().find(|h| h.controllers.iter().any(|name| name == controller))
    }

    /// Mount points and controllers of the v1 hierarchies, for a container's own view of them.
    pub fn v1_mounts(&self) -> impl Iterator<Item = (&Path, &[String])> {
        self.v1.iter().map(|h| (h.mount.as_path(), h.controllers.as_slice()))
    }

    /// Mount point of the v2 tree.
    pub fn unified_mount(&self) -> Option<&Path> {
        self.unified.as_ref().map(|unified| unified.mount.as_path())
    }

    /// Names of the groups directly below `parent`, in whichever hierarchy they are.
    pub fn children(&self, parent: &str) -> BTreeSet<String> {
        let mounts = self.v1.iter().map(|h| h.mount.as_path()).chain(self.unified_mount());
        let entries = mounts.filter_map(|mount| fs::read_dir(crate::group::below(mount, parent)).ok());
        let dirs =
            entries.flatten().flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        dirs.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// Makes the v2 tree's own group able to give controllers to children when this process is itself inside a
    /// container: processes in a group with enabled controllers are forbidden, so they move to the child `init` first.
    ///
    /// # Errors
    /// If they cannot be moved. At the real root, and on v1, there is nothing to do.
    pub fn prepare_nesting(&self) -> Result<()> {
        let Some(unified) = &self.unified else { return Ok(()) };
        // Only the real root has no cgroup.type.
        if !unified.mount.join("cgroup.type").exists() || self.version() == Version::V1 {
            return Ok(());
        }
        let leaf = unified.mount.join("init");
        match fs::create_dir(&leaf) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error).context(|| format!("mkdir {}", leaf.display()));
            }
            _ => {}
        }
        // Until none is left: one that forks while we move it leaves a child behind.
        loop {
            let text = file::read(&unified.mount.join("cgroup.procs"))?;
            let mut moved = false;
            for pid in text.lines().filter(|pid| *pid != "0") {
                moved |= file::try_write(&leaf.join("cgroup.procs"), pid).is_ok();
            }
            if !moved {
                return Ok(());
            }
        }
    }
}

/// The v1 name of a v2 controller.
fn v1_name(name: &str) -> &str {
    if name == "io" { "blkio" } else { name }
}

/// A path as the mount table writes it: space, tab, newline and backslash are three octal digits.
fn unescape(text: &str) -> PathBuf {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let octal = bytes
            .get(at + 1..at + 4)
            .filter(|_| bytes[at] == b'\\')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                out.push(byte);
                at += 4;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from(String::from_utf8_lossy(&out).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 master:1 - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
42 31 0:39 / /a\\040b rw - cgroup cgroup rw,memory
43 31 0:40 / /ro ro,relatime - cgroup cgroup rw,pids
";

    #[test]
    fn finds_hierarchies_in_a_mount_table() {
        let layout = Layout::parse(HYBRID);
        let mounts: Vec<_> =
            layout.v1_mounts().map(|(path, names)| (path.to_str().unwrap(), names.join(","))).collect();
        assert_eq!(
            mounts,
            [
                ("/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct".to_owned()),
                ("/sys/fs/cgroup/memory", "memory".to_owned()),
                ("/sys/fs/cgroup/systemd", "name=systemd".to_owned()),
            ]
        );
        assert_eq!(layout.unified_mount(), Some(Path::new("/sys/fs/cgroup/unified")));
        assert_eq!(layout.version(), Version::V1);
    }

    #[test]
    fn v2_alone_is_v2() {
        let layout = Layout::parse("30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n");
        assert_eq!(layout.version(), Version::V2);
    }

    #[test]
    fn mount_points_are_unescaped() {
        assert_eq!(unescape(r"/a\040b\134c\1"), PathBuf::from(r"/a b\c\1"));
    }
}
