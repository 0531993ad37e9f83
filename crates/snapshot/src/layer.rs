//! Layers: applying, finding, removing.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use errdefs::{Context, Result, conflict, invalid, not_found};
use oci::digest::Digest;
use rustix::fs::{CWD, Mode, openat};

use crate::extract::{Extracted, Extractor, Policy};
use crate::info::Info;
use crate::tarball::Reader;
use crate::tree::DIRECTORY;
use crate::{Snapshots, init, stream, unsynced};

/// Mode of a layer's root if the archive has no entry for it, as in Docker.
pub(crate) const ROOT_MODE: u32 = 0o755;
/// Most layers that overlayfs stacks (`OVL_MAX_STACK`), less one for the init layer.
const LAYERS_MAX: usize = 499;

/// A layer that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The digest of the uncompressed tar.
    pub diff_id: Digest,
    /// The sum of the sizes of its regular files in bytes, as Docker counts a layer.
    pub size: u64,
}

/// How to apply a layer.
#[derive(Debug, Clone, Default)]
pub struct ApplyOptions {
    /// The diff id that the tar must have; without one, whatever it has.
    pub expected: Option<Digest>,
    /// Refuse a layer with more bytes of content than this; `None` for no limit but the disk's.
    pub max_bytes: Option<u64>,
}

impl Snapshots {
    /// True if the layer is here.
    pub fn layer_exists(&self, diff_id: &Digest) -> Result<bool> {
        let home = self.layer_home(diff_id);
        fs::exists(&home).context(|| format!("look for {}", home.display()))
    }

    /// Makes a layer of an uncompressed tar stream, reading it to its end on a thread of its own. If the layer is
    /// here already when the end is reached, that one stays. Two threads may apply the same layer; one wins.
    ///
    /// An archive that is damaged or hostile, or is not the one expected, is `InvalidParameter` and leaves nothing.
    pub fn apply(&self, options: &ApplyOptions, tar: impl Read + Send) -> Result<Applied> {
        let staged = self.stage()?;
        let applied = self.apply_staged(options, tar, &staged);
        if applied.is_err() {
            // The failure itself is what the caller must hear of; what stays in staging goes at the next start.
            let _ = self.inner.trash.take(&staged);
        }
        applied
    }

    fn apply_staged(&self, options: &ApplyOptions, tar: impl Read + Send, staged: &Path) -> Result<Applied> {
        let tree = staged.join("fs");
        make_root(&tree)?;
        let root =
            openat(CWD, &tree, DIRECTORY, Mode::empty()).context(|| format!("open {}", tree.display()))?;
        let policy = Policy { layer: true, max_bytes: options.max_bytes, ..Policy::default() };
        let (extracted, diff_id) = stream::hashed(tar, |pieces| {
            Extractor::new(root.as_fd(), Vec::new(), policy)?.run(&mut Reader::new(pieces))
        })?;
        if let Some(expected) = options.expected
            && expected != diff_id
        {
            return Err(invalid(format!(
                "layer verification failed: got diff id {diff_id}, expected {expected}"
            )));
        }
        let Extracted { size, root_entry, opaque_root, .. } = extracted;
        self.name_layer(&diff_id, Info { size, root_entry, opaque_root }, staged)?;
        Ok(Applied { diff_id, size })
    }

    /// Gives a finished tree in staging its name.
    pub(crate) fn name_layer(&self, diff_id: &Digest, info: Info, staged: &Path) -> Result<()> {
        info.write(staged)?;
        self.inner.unsynced.mark(diff_id)?;
        match fs::rename(staged, self.layer_home(diff_id)) {
            // Someone else was faster; it is the same content.
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
                self.inner.trash.take(staged).map(drop)
            }
            other => other.context(|| format!("name layer {diff_id}")),
        }
    }

    pub(crate) fn layer_home(&self, diff_id: &Digest) -> PathBuf {
        self.inner.root.join("layers").join(diff_id.hex())
    }

    /// The layer's tree. For reading only.
    pub fn layer_dir(&self, diff_id: &Digest) -> PathBuf {
        self.layer_home(diff_id).join("fs")
    }

    /// The sum of the sizes of the layer's regular files and symbolic links in bytes.
    pub fn layer_size(&self, diff_id: &Digest) -> Result<u64> {
        Ok(self.info(diff_id)?.size)
    }

    pub(crate) fn info(&self, diff_id: &Digest) -> Result<Info> {
        if let Some(info) = self.inner.infos.lock().get(diff_id) {
            return Ok(*info);
        }
        let info = Info::read(&self.layer_home(diff_id))?
            .ok_or_else(|| not_found(format!("layer {diff_id} does not exist")))?;
        self.inner.infos.lock().insert(*diff_id, info);
        Ok(info)
    }

    /// Removes the layer; not found is an error. Who knows that nothing uses it is the caller.
    pub fn remove_layer(&self, diff_id: &Digest) -> Result<()> {
        let was_there = self.inner.trash.take(&self.layer_home(diff_id))?;
        self.inner.infos.lock().remove(diff_id);
        self.inner.unsynced.forget(&[*diff_id])?;
        if was_there { Ok(()) } else { Err(not_found(format!("layer {diff_id} does not exist"))) }
    }

    /// Every layer, in no order.
    pub fn list_layers(&self) -> Result<Vec<Digest>> {
        unsynced::digests_in(&self.inner.root.join("layers"))
    }

    /// The trees of an image's layers, as overlayfs takes them: `diff_ids` are lowest first, as in an image config,
    /// the result is topmost first. An image without layers gives one empty directory. A missing layer is `NotFound`.
    pub fn lower_dirs(&self, diff_ids: &[Digest]) -> Result<Vec<PathBuf>> {
        let mut dirs = Vec::with_capacity(diff_ids.len() + 1);
        for diff_id in diff_ids.iter().rev() {
            let dir = self.layer_dir(diff_id);
            // An image may hold one layer twice (an empty one mostly); overlayfs takes a directory once only, and
            // the upper of the two hides the lower.
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
            if self.info(diff_id)?.opaque_root {
                break;
            }
        }
        if dirs.len() > LAYERS_MAX {
            return Err(conflict(format!(
                "max depth exceeded: {} layers, {LAYERS_MAX} can be stacked",
                dirs.len()
            )));
        }
        if dirs.is_empty() {
            dirs.push(self.inner.root.join("empty"));
        }
        Ok(dirs)
    }

    /// [`Snapshots::lower_dirs`] with the init layer on top: `/.dockerenv`, the files that are mounted over, and the
    /// mount points below `/dev`.
    pub fn container_lowers(&self, diff_ids: &[Digest]) -> Result<Vec<PathBuf>> {
        let mut lowers = self.lower_dirs(diff_ids)?;
        lowers.insert(0, init::layer_for(self, &lowers)?);
        Ok(lowers)
    }
}

pub(crate) fn make_root(tree: &Path) -> Result<()> {
    fs::create_dir(tree)
        .and_then(|()| fs::set_permissions(tree, fs::Permissions::from_mode(ROOT_MODE)))
        .context(|| format!("mkdir {}", tree.display()))
}
