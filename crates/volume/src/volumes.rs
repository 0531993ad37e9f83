//! The handle on all volumes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use errdefs::{Collected, Context, Result};
use jiff::Timestamp;
use parking_lot::Mutex;
use rustix::fs::{AtFlags, CWD, RenameFlags};
use store::Store;

use crate::definition::{ANONYMOUS_LABEL, Named, Volume, VolumeSpec};
use crate::options;
use crate::record::{Phase, VOLUMES, VolumeRecord};
use crate::{name, tree};

/// The data directory inside a volume's own. The name is Docker's: people look for it.
const DATA: &str = "_data";

/// Where a copy of an image's content is made before it becomes the volume's. Never visible in a container.
const COPY: &str = "_copy";

/// Where removed volumes wait for their deletion. No volume can have this name.
const TRASH: &str = ".trash";

/// Mode of the root and of each volume's directory: others may pass to data they own, and see no names.
const PASSAGE: u32 = 0o701;

/// All volumes below one directory. Clones share everything.
#[derive(Clone)]
pub struct Volumes(Arc<Inner>);

struct Inner {
    root: PathBuf,
    /// Whom new volumes belong to.
    owner: (u32, u32),
    store: Arc<Store>,
    /// Held only over memory and quick local calls; copying an image's content holds the volume's own `filling`.
    state: Mutex<State>,
    /// One copy at a time: two containers made at once from an image must not both fill the same volume.
    filling: Mutex<()>,
}

/// Keeps a volume from being removed until the record of its user can be seen. Ends when it is dropped.
pub struct Claim {
    volumes: Volumes,
    name: String,
    user: String,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.volumes.0.state.lock();
        if let Some(claims) = state.claims.get_mut(&self.name) {
            if let Some(position) = claims.iter().position(|user| *user == self.user) {
                claims.swap_remove(position);
            }
            if claims.is_empty() {
                state.claims.remove(&self.name);
            }
        }
    }
}

#[derive(Default)]
struct State {
    volumes: BTreeMap<String, Arc<Volume>>,
    /// Containers that are being made with a volume, by its name.
    claims: HashMap<String, Vec<String>>,
    /// Containers that have a volume with mount options in use.
    users: HashMap<String, HashSet<String>>,
}

impl Volumes {
    /// Opens (and makes) the directory `root`, mode 0701 as Docker's, and finishes or undoes what a crash left half done.
    ///
    /// # Errors
    /// If the directory or the records cannot be read.
    ///
    /// New volumes belong to `owner` (user and group): root of the containers that will have them.
    pub fn open(root: &Path, store: Arc<Store>, owner: (u32, u32)) -> Result<Self> {
        make_passage(root)?;
        make_passage(&root.join(TRASH))?;
        let volumes = Self(Arc::new(Inner {
            root: root.to_path_buf(),
            owner,
            store,
            state: Mutex::new(State::default()),
            filling: Mutex::new(()),
        }));
        for (name, record) in volumes.0.store.list(&VOLUMES)? {
            volumes.0.recover(&name, record)?;
        }
        volumes.0.empty_trash()?;
        Ok(volumes)
    }

    /// Makes a volume, or gives the one that has this name. Like Docker, it does not compare the options.
    ///
    /// # Errors
    /// InvalidParameter for a wrong name or options, NotFound for an unknown driver, all in Docker's words.
    pub fn create(&self, spec: &VolumeSpec) -> Result<Arc<Volume>> {
        self.create_in(&mut self.0.state.lock(), spec)
    }

    /// As [`Volumes::create`], for a container that is being made: until the claim is dropped, nobody removes the volume.
    ///
    /// # Errors
    /// As [`Volumes::create`].
    pub fn claim(&self, spec: &VolumeSpec, user: &str) -> Result<(Arc<Volume>, Claim)> {
        let mut state = self.0.state.lock();
        let volume = self.create_in(&mut state, spec)?;
        state.claims.entry(volume.name.clone()).or_default().push(user.to_owned());
        let claim = Claim { volumes: self.clone(), name: volume.name.clone(), user: user.to_owned() };
        Ok((volume, claim))
    }

    fn create_in(&self, state: &mut State, spec: &VolumeSpec) -> Result<Arc<Volume>> {
        let anonymous = spec.name.is_empty();
        let name = if anonymous { name::anonymous()? } else { spec.name.clone() };
        self.0.create(state, &name, spec, anonymous).map_err(|error| error.context(format!("create {name}")))
    }

    /// The volume with this exact name.
    ///
    /// # Errors
    /// NotFound `get x: no such volume`.
    pub fn get(&self, name: &str) -> Result<Arc<Volume>> {
        self.0.state.lock().volumes.get(name).cloned().ok_or_else(|| missing(name))
    }

    /// All volumes, ordered by name. The engine filters.
    pub fn list(&self) -> Vec<Arc<Volume>> {
        self.0.state.lock().volumes.values().cloned().collect()
    }

    /// Removes a volume and its data. `users` gives the ids of the containers that refer to it; it is asked while no
    /// claim can end and none can be made, so that a container is seen either as a claim or as a user.
    ///
    /// # Errors
    /// NotFound; Conflict `remove x: volume is in use - [id]` when it has users or claims.
    pub fn remove(&self, name: &str, users: impl FnOnce() -> Vec<String>) -> Result<()> {
        let mut state = self.0.state.lock();
        let volume = state.volumes.get(name).cloned().ok_or_else(|| missing(name))?;
        let mut users = users();
        let claims = state.claims.get(name).into_iter().flatten();
        users.extend(claims.filter(|user| !users.contains(user)).cloned().collect::<Vec<_>>());
        if !users.is_empty() {
            return Err(errdefs::conflict(format!(
                "remove {name}: volume is in use - [{}]",
                users.join(", ")
            )));
        }
        self.0.store.put(&VOLUMES, name, &record_of(&volume, Phase::Removing))?;
        state.volumes.remove(name);
        state.users.remove(name);
        // The name is free once the directory is out of the way; deleting the files may take long and blocks nobody.
        self.0.to_trash(name)?;
        drop(state);
        self.0.empty_trash()
    }

    /// Bytes in the volume's files (hard links counted once), as `system df` shows them.
    ///
    /// # Errors
    /// NotFound, or if the tree cannot be read.
    pub fn size(&self, name: &str) -> Result<u64> {
        let volume = self.get(name)?;
        tree::size(tree::open_path(&volume.mountpoint)?.as_fd())
    }

    /// Makes a volume ready for a container that starts: mounts it if it has mount options and is not mounted yet. Gives a
    /// descriptor of its data directory: bind that, so that no path is walked twice.
    ///
    /// # Errors
    /// NotFound; Docker's mount errors.
    pub fn acquire(&self, name: &str, user: &str) -> Result<OwnedFd> {
        let mut state = self.0.state.lock();
        let volume = state.volumes.get(name).cloned().ok_or_else(|| missing(name))?;
        if let Some(mount) = options::parse(&volume.options)? {
            let users = state.users.entry(name.to_owned()).or_default();
            // A daemon that has just started finds the mounts of its running containers in place.
            if users.is_empty() && !is_mountpoint(&volume.mountpoint)? {
                let what = || format!("error while mounting volume '{}'", volume.mountpoint.display());
                mount.mount(&volume.mountpoint).map_err(|error| error.context(what()))?;
            }
            users.insert(user.to_owned());
        }
        tree::open_path(&volume.mountpoint)
    }

    /// The container `user` has stopped using the volume; the last one unmounts it.
    ///
    /// # Errors
    /// If unmounting fails.
    pub fn release(&self, name: &str, user: &str) -> Result<()> {
        let mut state = self.0.state.lock();
        let Some(users) = state.users.get_mut(name) else { return Ok(()) };
        users.remove(user);
        if !users.is_empty() {
            return Ok(());
        }
        state.users.remove(name);
        options::unmount(&self.0.data(name))
    }

    /// Unmounts volumes that no container has acquired: a crash can come between the end of a container and the release of
    /// its volumes. To be called when a daemon that starts has acquired those of the containers that live.
    pub fn unmount_unused(&self) {
        let state = self.0.state.lock();
        let unused =
            |volume: &&Arc<Volume>| !volume.options.is_empty() && !state.users.contains_key(&volume.name);
        for volume in state.volumes.values().filter(unused) {
            // Mostly there is no mount; one that is busy is tried again by whoever uses the volume next.
            let _ = options::unmount(&volume.mountpoint);
        }
    }

    /// Fills an empty volume with what the image has at the mount point. `source` is that directory, opened by the caller
    /// inside the image's root; does nothing (false) when the volume has content. Owners, modes, times, extended
    /// attributes, symbolic and hard links are kept, the directory's own owner and mode too. All or nothing, for a volume
    /// that is a plain directory; a mounted one is filled in place.
    ///
    /// # Errors
    /// NotFound, or if reading or writing fails; then the volume is empty as before.
    pub fn copy_up(&self, name: &str, source: BorrowedFd<'_>) -> Result<bool> {
        let _one = self.0.filling.lock();
        let volume = self.get(name)?;
        let data = tree::open_path(&volume.mountpoint)?;
        if !tree::is_empty(data.as_fd())? {
            return Ok(false);
        }
        // Attributes cannot be read through a descriptor that was opened as a mere path.
        let source = tree::open_dir(source, c".")?;
        if volume.options.is_empty() {
            self.0.fill(&volume, source.as_fd(), data.as_fd())?;
        } else {
            tree::copy(source.as_fd(), data.as_fd())
                .map_err(|error| error.context(format!("fill volume {name}")))?;
        }
        Ok(true)
    }
}

impl Inner {
    fn data(&self, name: &str) -> PathBuf {
        self.root.join(name).join(DATA)
    }

    fn create(
        &self,
        state: &mut State,
        name: &str,
        spec: &VolumeSpec,
        anonymous: bool,
    ) -> Result<Arc<Volume>> {
        if !matches!(spec.driver.as_str(), "" | "local") {
            let driver = &spec.driver;
            return Err(errdefs::not_found(format!(
                "error looking up volume plugin {driver}: plugin {driver:?} not found"
            )));
        }
        if let Some(existing) = state.volumes.get(name) {
            return Ok(Arc::clone(existing));
        }
        name::check(name)?;
        let named = Named { options: spec.options.is_some(), labels: spec.labels.is_some() };
        let options = spec.options.clone().unwrap_or_default();
        options::parse(&options)?;
        let mut labels = spec.labels.clone().unwrap_or_default();
        if anonymous {
            labels.insert(ANONYMOUS_LABEL.to_owned(), String::new());
        }
        let volume = Arc::new(Volume {
            name: name.to_owned(),
            driver: "local".to_owned(),
            mountpoint: self.data(name),
            created: Timestamp::now(),
            options,
            labels,
            named,
        });
        // The record is the intent: a directory without one would be nobody's.
        self.store.put(&VOLUMES, name, &record_of(&volume, Phase::Ready))?;
        if let Err(error) = self.make_directories(name) {
            let mut undo = Collected::new();
            undo.step(Err::<(), _>(error));
            undo.step(self.to_trash(name));
            undo.step(self.empty_trash());
            undo.finish()?;
        }
        state.volumes.insert(name.to_owned(), Arc::clone(&volume));
        Ok(volume)
    }

    fn make_directories(&self, name: &str) -> Result<()> {
        make_passage(&self.root.join(name))?;
        match std::fs::DirBuilder::new().mode(0o755).create(self.data(name)) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
            made => made.context(|| format!("make {}", self.data(name).display()))?,
        }
        if self.owner == (0, 0) {
            return Ok(());
        }
        std::os::unix::fs::chown(self.data(name), Some(self.owner.0), Some(self.owner.1))
            .context(|| format!("chown {}", self.data(name).display()))
    }

    /// Copies into `_copy`, notes that it is whole, and moves the entries into `_data`, which may be bound in running
    /// containers already: it stays the same directory.
    fn fill(&self, volume: &Volume, source: BorrowedFd<'_>, data: BorrowedFd<'_>) -> Result<()> {
        let copy = self.root.join(&volume.name).join(COPY);
        remove_tree(&copy)?;
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&copy)
            .context(|| format!("make {}", copy.display()))?;
        let staged = tree::open_path(&copy)?;
        if let Err(error) = tree::copy(source, staged.as_fd()) {
            let mut undo = Collected::new();
            undo.step(Err::<(), _>(error.context(format!("fill volume {}", volume.name))));
            undo.step(remove_tree(&copy));
            return undo.finish();
        }
        self.store.put(&VOLUMES, &volume.name, &record_of(volume, Phase::Filling))?;
        tree::move_entries(staged.as_fd(), data)?;
        remove_tree(&copy)?;
        self.store.put(&VOLUMES, &volume.name, &record_of(volume, Phase::Ready))
    }

    /// Brings one volume to agreement with its record when a daemon starts.
    fn recover(&self, name: &str, record: VolumeRecord) -> Result<()> {
        if record.phase == Phase::Removing {
            return self.to_trash(name);
        }
        self.make_directories(name)?;
        let volume = Volume {
            name: name.to_owned(),
            driver: "local".to_owned(),
            mountpoint: self.data(name),
            created: record.created,
            options: record.options,
            labels: record.labels,
            named: record.named,
        };
        let copy = self.root.join(name).join(COPY);
        if record.phase == Phase::Filling {
            if copy.exists() {
                let (staged, data) = (tree::open_path(&copy)?, tree::open_path(&volume.mountpoint)?);
                tree::move_entries(staged.as_fd(), data.as_fd())?;
            }
            self.store.put(&VOLUMES, name, &record_of(&volume, Phase::Ready))?;
        }
        remove_tree(&copy)?;
        self.state.lock().volumes.insert(name.to_owned(), Arc::new(volume));
        Ok(())
    }

    /// Unmounts a volume's data, moves its directory out of sight and forgets its record.
    fn to_trash(&self, name: &str) -> Result<()> {
        options::unmount(&self.data(name))?;
        let place = self.root.join(TRASH).join(name::anonymous()?);
        match rustix::fs::renameat_with(CWD, self.root.join(name), CWD, &place, RenameFlags::NOREPLACE) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => {}
            Err(errno) => return Err(errno).context(|| format!("move volume {name} to the trash")),
        }
        self.store.delete(&VOLUMES, name).map(|_| ())
    }

    fn empty_trash(&self) -> Result<()> {
        let mut sweep = Collected::new();
        let trash = self.root.join(TRASH);
        for entry in std::fs::read_dir(&trash).context(|| format!("read {}", trash.display()))? {
            let entry = entry.context(|| format!("read {}", trash.display()))?;
            sweep.step(remove_tree(&entry.path()));
        }
        sweep.finish()
    }
}

fn missing(name: &str) -> errdefs::Error {
    errdefs::not_found(format!("get {name}: no such volume"))
}

fn record_of(volume: &Volume, phase: Phase) -> VolumeRecord {
    VolumeRecord {
        created: volume.created,
        options: volume.options.clone(),
        labels: volume.labels.clone(),
        named: volume.named,
        phase,
    }
}

fn make_passage(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(PASSAGE)
        .create(path)
        .context(|| format!("make {}", path.display()))
}

/// Removes a tree; another sweep may be at the same one, so what is gone already is no failure.
fn remove_tree(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Whether something is mounted on the directory: its device or root differs from its parent's.
fn is_mountpoint(path: &Path) -> Result<bool> {
    let flags = rustix::fs::StatxFlags::BASIC_STATS;
    let stat = rustix::fs::statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, flags)
        .context(|| format!("stat {}", path.display()))?;
    Ok(stat.stx_attributes.contains(rustix::fs::StatxAttributes::MOUNT_ROOT))
}

#[cfg(test)]
mod tests;
