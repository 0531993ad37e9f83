//! The directory that a container's process starts in: made, and looked at, when the container is made (semantics 82).
//!
//! The start makes it once more, in case somebody has taken it away, or a mount stands on its way.

use std::path::Path;

use errdefs::{Context, Result, invalid};
use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat};
use rustix::io::Errno;
use snapshot::MountOptions;

use super::copy::below;
use super::record::Record;
use super::shared::Shared;

impl Shared {
    /// Makes the directory in the container's own layer, as root of the container, 0755.
    pub(super) fn make_working_dir(&self, record: &Record, lowers: &[std::path::PathBuf]) -> Result<()> {
        let dir = record.config.working_dir.as_str();
        let mounted = |dir: &str| record.mounts.iter().any(|point| below(dir, &point.destination).is_some());
        if matches!(dir, "" | "/") || mounted(dir) {
            return Ok(());
        }
        let writable = self.parts.snapshots.writable(&record.id)?;
        let options = MountOptions { read_only: false, volatile: false };
        let root = self.mount(record, lowers, Some(&writable), options)?;
        let path = Path::new(dir);
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let made = idmap::as_root(record.ids.as_ref(), || {
            let found = match sys::inside::open(&root, path, flags, ResolveFlags::empty()) {
                Err(Errno::NOENT) => sys::inside::open_or_make(&root, path, &mut |at, name, _| {
                    mkdirat(at, name, Mode::from_raw_mode(0o755)).or_else(|errno| match errno {
                        Errno::EXIST => Ok(()),
                        other => Err(other),
                    })
                }),
                found => found,
            };
            Ok(found)
        })?;
        match made {
            Ok(_) => Ok(()),
            Err(Errno::NOTDIR) => Err(invalid(format!("Cannot mkdir: {dir} is not a directory"))),
            Err(errno) => Err(errno).context(|| format!("mkdir {dir}")),
        }
    }
}
