//! Marks of blobs that a power cut could still damage.
//!
//! A mark is an empty file, made before the blob is renamed into its place: both are metadata, which journals keep
//! in order, so after a power cut a blob that appeared has its mark. (A list inside a file would not do: its bytes
//! could be lost where the rename was not.) Marks lie under the boot's id: if only the daemon died, the kernel still
//! has the right bytes, and nothing is read again.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use errdefs::{Context, Result};
use oci::digest::Digest;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Debug)]
pub(crate) struct Marks {
    all: PathBuf,
    boot: String,
}

impl Marks {
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let boot_id = fs::read_to_string(BOOT_ID).context(|| format!("read {BOOT_ID}"))?;
        Self::open_as(root, boot_id.trim())
    }

    fn open_as(root: &Path, boot: &str) -> Result<Self> {
        let marks = Self { all: root.join("unsynced"), boot: boot.into() };
        crate::make_dirs(&marks.dir())?;
        Ok(marks)
    }

    fn dir(&self) -> PathBuf {
        self.all.join(&self.boot)
    }

    pub(crate) fn mark(&self, digest: &Digest) -> Result<()> {
        let path = self.dir().join(digest.hex());
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map(drop::<File>)
            .context(|| format!("mark {}", path.display()))
    }

    pub(crate) fn list(&self) -> Result<Vec<Digest>> {
        digests_in(&self.dir())
    }

    pub(crate) fn forget(&self, digests: &[Digest]) -> Result<()> {
        for digest in digests {
            match fs::remove_file(self.dir().join(digest.hex())) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).context(|| format!("unmark {digest}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn of_earlier_boots(&self) -> Result<Vec<Digest>> {
        let mut all = Vec::new();
        for dir in self.earlier_boots()? {
            all.extend(digests_in(&dir)?);
        }
        Ok(all)
    }

    pub(crate) fn forget_earlier_boots(&self) -> Result<()> {
        for dir in self.earlier_boots()? {
            fs::remove_dir_all(&dir).context(|| format!("remove {}", dir.display()))?;
        }
        Ok(())
    }

    fn earlier_boots(&self) -> Result<Vec<PathBuf>> {
        let mut dirs = Vec::new();
        for entry in fs::read_dir(&self.all).context(|| format!("list {}", self.all.display()))? {
            let entry = entry?;
            if entry.file_name() != *self.boot {
                dirs.push(entry.path());
            }
        }
        Ok(dirs)
    }
}

fn digests_in(dir: &Path) -> Result<Vec<Digest>> {
    let mut digests = Vec::new();
    for entry in fs::read_dir(dir).context(|| format!("list {}", dir.display()))? {
        digests.extend(entry?.file_name().to_str().and_then(|name| Digest::from_hex(name).ok()));
    }
    Ok(digests)
}
