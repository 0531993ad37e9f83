//! Marks of layers that a power cut could still damage.
//!
//! A mark is an empty file, made before the layer is renamed into its place: both are metadata, which journals keep
//! in order, so after a power cut a layer that appeared has its mark. Marks lie under the boot's id: if only the
//! daemon died, the kernel still has everything.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use errdefs::{Context, Result};
use oci::digest::Digest;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Debug)]
pub(crate) struct Marks {
    all: PathBuf,
    current: PathBuf,
}

impl Marks {
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let boot = fs::read_to_string(BOOT_ID).context(|| format!("read {BOOT_ID}"))?;
        let all = root.join("unsynced");
        let current = all.join(boot.trim());
        crate::make_dirs(&current)?;
        Ok(Self { all, current })
    }

    pub(crate) fn mark(&self, digest: &Digest) -> Result<()> {
        let path = self.current.join(digest.hex());
        File::create(&path).map(drop).context(|| format!("mark {}", path.display()))
    }

    pub(crate) fn list(&self) -> Result<Vec<Digest>> {
        digests_in(&self.current)
    }

    pub(crate) fn forget(&self, digests: &[Digest]) -> Result<()> {
        for digest in digests {
            match fs::remove_file(self.current.join(digest.hex())) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).context(|| format!("unmark {digest}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Calls `suspect` for each mark of an earlier boot, then removes those marks.
    pub(crate) fn settle_earlier_boots(&self, mut suspect: impl FnMut(&Digest) -> Result<()>) -> Result<()> {
        for entry in fs::read_dir(&self.all).context(|| format!("list {}", self.all.display()))? {
            let dir = entry?.path();
            if dir == self.current {
                continue;
            }
            digests_in(&dir)?.iter().try_for_each(&mut suspect)?;
            fs::remove_dir_all(&dir).context(|| format!("remove {}", dir.display()))?;
        }
        Ok(())
    }
}

pub(crate) fn digests_in(dir: &Path) -> Result<Vec<Digest>> {
    let mut digests = Vec::new();
    for entry in fs::read_dir(dir).context(|| format!("list {}", dir.display()))? {
        digests.extend(entry?.file_name().to_str().and_then(|name| Digest::from_hex(name).ok()));
    }
    Ok(digests)
}
