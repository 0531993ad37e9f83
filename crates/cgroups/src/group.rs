//! The groups of one container: making, joining, limiting, removing.

use std::fs;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use errdefs::{Collected, Context, Result};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::Pid;

use crate::layout::{Hierarchy, Layout, Version};
use crate::{Limits, OomWatch, Stats, devices, file, freeze, stats, v1, v2};

/// The v1 controllers every container gets, if the host has them: what denies devices, and what `stats` reads.
const ALWAYS: [&str; 5] = ["devices", "memory", "cpuacct", "pids", "blkio"];

/// The groups of one container.
#[derive(Debug)]
pub struct Cgroup {
    layout: Layout,
    path: String,
    /// The directory in the v2 tree.
    unified: Option<OwnedFd>,
}

impl Cgroup {
    /// Makes the group `path` (e.g. `/docker/<id>`) with its limits.
    ///
    /// A directory already there is taken over if no process is in it: a crash may have left it.
    ///
    /// # Errors
    /// `InvalidParameter` for a path with `..` or a value the kernel refuses, `Conflict` if processes are in the group,
    /// `NotImplemented` if a limit needs a controller the host lacks. What was made is removed again.
    pub fn create(layout: &Layout, path: &str, limits: &Limits) -> Result<Self> {
        let mut group = Self::begin(layout, path)?;
        match group.complete(limits) {
            Ok(()) => Ok(group),
            Err(error) if error.class() == errdefs::Class::Conflict => Err(error),
            Err(error) => {
                // The failure that counts is the first one.
                let _ = group.remove();
                Err(error)
            }
        }
    }

    /// The first half of [`Cgroup::create`]: the directory in the v2 tree alone, so that a process can be started in it
    /// while [`Cgroup::complete`] does the rest.
    ///
    /// # Errors
    /// As [`Cgroup::create`].
    pub fn begin(layout: &Layout, path: &str) -> Result<Self> {
        let mut group = Self { layout: layout.clone(), path: checked(path)?, unified: None };
        if let Some(dir) = group.unified_dir() {
            make_dir(&dir)?;
            if let (Some(unified), Version::V2) = (&layout.unified, layout.version()) {
                v2::enable_controllers(&unified.mount, &group.path, &unified.controllers)?;
            }
            group.unified = Some(open_dir(&dir)?);
        }
        Ok(group)
    }

    /// The second half: the v1 directories, limits and device rules. On failure the caller removes the group.
    ///
    /// # Errors
    /// As [`Cgroup::create`].
    pub fn complete(&mut self, limits: &Limits) -> Result<()> {
        let wanted: Vec<Hierarchy> = self
            .layout
            .v1
            .iter()
            .filter(|h| h.controllers.iter().any(|name| self.is_wanted(name, limits)))
            .cloned()
            .collect();
        for hierarchy in &wanted {
            self.make_v1(hierarchy)?;
        }
        self.apply(limits)
    }

    /// Whether a new group needs this v1 controller.
    fn is_wanted(&self, controller: &str, limits: &Limits) -> bool {
        // Language runtimes that size themselves by their limits want to find all of these or look at none.
        const SIZING: [&str; 4] = ["memory", "cpu", "cpuacct", "cpuset"];
        ALWAYS.contains(&controller)
            || v1::needs(controller, limits)
            || (SIZING.contains(&controller) && SIZING.iter().any(|name| v1::needs(name, limits)))
            // Only where the v2 tree cannot freeze and list.
            || (controller == "freezer" && self.layout.unified.is_none())
    }

    fn make_v1(&self, hierarchy: &Hierarchy) -> Result<()> {
        let dir = self.dir_in(hierarchy);
        make_dir(&dir)?;
        if hierarchy.controllers.iter().any(|name| name == "cpuset") {
            v1::inherit_cpuset(&hierarchy.mount, &self.path)?;
        }
        Ok(())
    }

    fn apply(&self, limits: &Limits) -> Result<()> {
        v1::check_controllers(&self.layout, limits)?;
        for hierarchy in &self.layout.v1 {
            let dir = self.dir_in(hierarchy);
            for controller in &hierarchy.controllers {
                v1::apply(controller, &dir, limits)?;
            }
        }
        if let (Version::V2, Some(dir)) = (self.layout.version(), self.unified_dir()) {
            v2::apply(&dir, limits)?;
            if let (Some(rules), Some(fd)) = (&limits.devices, &self.unified) {
                devices::apply_v2(fd, rules)?;
            }
        }
        Ok(())
    }

    /// The group `path` that was made before.
    ///
    /// # Errors
    /// `NotFound` if it is in no hierarchy.
    pub fn open(layout: &Layout, path: &str) -> Result<Self> {
        let mut group = Self { layout: layout.clone(), path: checked(path)?, unified: None };
        if let Some(dir) = group.unified_dir()
            && dir.is_dir()
        {
            group.unified = Some(open_dir(&dir)?);
        }
        if group.unified.is_none() && group.v1_dirs().next().is_none() {
            return Err(errdefs::not_found(format!("no such control group: {path}")));
        }
        Ok(group)
    }

    /// Its path below the root of the hierarchies.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its directory in the v2 tree, to start a process in it.
    pub fn unified(&self) -> Option<BorrowedFd<'_>> {
        self.unified.as_ref().map(AsFd::as_fd)
    }

    /// Moves a process in (in the v1 hierarchies only, if it was started in the v2 directory).
    ///
    /// # Errors
    /// The kernel's refusal, e.g. of a frozen or removed group.
    pub fn add(&self, pid: Pid, started_in_unified: bool) -> Result<()> {
        let pid = pid.as_raw_nonzero().to_string();
        if let (false, Some(dir)) = (started_in_unified, self.unified_dir())
            && self.unified.is_some()
        {
            file::write(&dir.join("cgroup.procs"), &pid)?;
        }
        for (_, dir) in self.v1_dirs() {
            file::write(&dir.join("cgroup.procs"), &pid)?;
        }
        Ok(())
    }

    /// Moves the calling process in, which must have one thread and have been started in the v2 directory if there is one.
    ///
    /// This costs microseconds where [`Cgroup::add`] costs milliseconds: a thread that moves itself, and itself alone,
    /// needs no lock against forks and exits anywhere in the system (Linux 5.5), and taking that lock waits for RCU.
    ///
    /// # Errors
    /// The kernel's refusal, e.g. of a removed group.
    pub fn join(&self) -> Result<()> {
        for hierarchy in &self.layout.v1 {
            let tasks = self.dir_in(hierarchy).join("tasks");
            match file::try_write(&tasks, "0") {
                // The group is in those hierarchies only that it needs.
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(file::refused(&tasks, "0", errno)),
            }
        }
        Ok(())
    }

    /// Changes limits on the running group. A v1 controller that was not needed so far is joined now.
    ///
    /// # Errors
    /// As [`Cgroup::create`].
    pub fn update(&self, limits: &Limits) -> Result<()> {
        v1::check_controllers(&self.layout, limits)?;
        for hierarchy in &self.layout.v1 {
            if hierarchy.controllers.iter().any(|name| v1::needs(name, limits)) {
                self.join_late(hierarchy)?;
            }
        }
        self.apply(limits)
    }

    /// Makes the directory in a hierarchy and moves all processes there, until none is left outside: one that forks
    /// while it is moved leaves a child behind.
    fn join_late(&self, hierarchy: &Hierarchy) -> Result<()> {
        let dir = self.dir_in(hierarchy);
        if dir.is_dir() {
            return Ok(());
        }
        self.make_v1(hierarchy)?;
        let procs = dir.join("cgroup.procs");
        loop {
            let inside: Vec<Pid> = read_pids(&procs)?;
            let outside: Vec<Pid> = self.pids()?.into_iter().filter(|pid| !inside.contains(pid)).collect();
            let mut moved = false;
            for pid in outside {
                // It may have exited meanwhile.
                moved |= file::try_write(&procs, &pid.as_raw_nonzero().to_string()).is_ok();
            }
            if !moved {
                return Ok(());
            }
        }
    }

    /// Stops all its processes; returns once they are stopped.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn freeze(&self) -> Result<()> {
        self.freezer()?.set(true)
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn thaw(&self) -> Result<()> {
        self.freezer()?.set(false)
    }

    /// Whether it is frozen.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn is_frozen(&self) -> Result<bool> {
        self.freezer()?.is_frozen()
    }

    fn freezer(&self) -> Result<freeze::Freezer> {
        if let (Some(dir), Some(_)) = (self.unified_dir(), &self.unified) {
            return Ok(freeze::Freezer::V2(dir));
        }
        let dir = self.v1_dir("freezer").filter(|dir| dir.is_dir());
        dir.map(freeze::Freezer::V1)
            .ok_or_else(|| errdefs::not_implemented("this host has no control group freezer"))
    }

    /// Kills all processes in it and below, frozen ones too.
    ///
    /// # Errors
    /// If its processes cannot be listed.
    pub fn kill(&self) -> Result<()> {
        if let (Some(dir), Some(_)) = (self.unified_dir(), &self.unified)
            && file::try_write(&dir.join("cgroup.kill"), "1").is_ok()
        {
            return Ok(());
        }
        // Before Linux 5.14: until none is left, because they may fork meanwhile. Frozen, they cannot; killed, a v2
        // freezer lets them go by itself, and v1's must be thawed.
        let frozen = self.freeze().is_ok();
        let killed = self.pids().map(|pids| {
            for pid in pids {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        });
        if frozen {
            self.thaw()?;
        }
        killed
    }

    /// All processes in it and below, as this process's PID namespace numbers them.
    ///
    /// # Errors
    /// If the group cannot be read.
    pub fn pids(&self) -> Result<Vec<Pid>> {
        let unified = self.unified_dir().filter(|_| self.unified.is_some());
        let Some(dir) = unified.or_else(|| self.v1_dirs().next().map(|(_, dir)| dir)) else {
            return Ok(Vec::new());
        };
        let mut pids = Vec::new();
        walk(&dir, &mut |dir| {
            pids.extend(read_pids(&dir.join("cgroup.procs"))?);
            Ok(())
        })?;
        Ok(pids)
    }

    /// What it has used.
    ///
    /// # Errors
    /// None today: a file that cannot be read leaves zeros.
    pub fn stats(&self) -> Result<Stats> {
        let mut stats = match (self.layout.version(), self.unified_dir()) {
            (Version::V2, Some(dir)) => stats::read_v2(&dir),
            _ => stats::read_v1(|controller| self.v1_dir(controller).filter(|dir| dir.is_dir())),
        };
        if stats.pids.current == 0 {
            stats.pids.current = self.pids()?.len() as u64;
        }
        Ok(stats)
    }

    /// How many of its processes were killed for lack of memory so far.
    ///
    /// # Errors
    /// None today: without a memory controller the answer is 0.
    pub fn oom_kills(&self) -> Result<u64> {
        let (path, key) = match self.memory_dir() {
            Some((dir, Version::V1)) => (dir.join("memory.oom_control"), "oom_kill"),
            Some((dir, Version::V2)) => (dir.join("memory.events"), "oom_kill"),
            None => return Ok(0),
        };
        Ok(file::read_if_there(&path).and_then(|text| file::keyed(&text, key)).unwrap_or(0))
    }

    /// Watches for such kills; `None` without a memory controller.
    ///
    /// # Errors
    /// If the watch cannot be set up.
    pub fn watch_oom(&self) -> Result<Option<OomWatch>> {
        self.memory_dir().map(|(dir, version)| OomWatch::new(&dir, version)).transpose()
    }

    /// Where the group's memory is counted.
    fn memory_dir(&self) -> Option<(PathBuf, Version)> {
        if let Some(dir) = self.v1_dir("memory") {
            return dir.is_dir().then_some((dir, Version::V1));
        }
        let dir = self.unified_dir()?;
        dir.join("memory.events").exists().then_some((dir, Version::V2))
    }

    /// Removes it and all below; it must be empty of processes. A group already gone is success.
    ///
    /// # Errors
    /// What could not be removed (`EBUSY` while processes are in it), after everything was tried.
    pub fn remove(self) -> Result<()> {
        let dirs: Vec<PathBuf> =
            self.unified_dir().into_iter().chain(self.v1_dirs().map(|(_, dir)| dir)).collect();
        if dirs.iter().map(|dir| remove_tree(dir)).fold(true, |all, one| all & one.is_ok()) {
            return Ok(());
        }
        // Processes already killed may still have been on their way out.
        if let Some(dir) = self.unified_path() {
            freeze::wait_until_empty(&dir)?;
        }
        let mut teardown = Collected::new();
        for dir in dirs {
            teardown.step(remove_tree(&dir));
        }
        teardown.finish()
    }

    /// The group's directory in one v1 hierarchy, with the hierarchy's mount point and controllers.
    pub fn v1_views(&self) -> impl Iterator<Item = (&Path, &[String], PathBuf)> {
        self.v1_dirs().map(|(h, dir)| (h.mount.as_path(), h.controllers.as_slice(), dir))
    }

    /// The group's directory in the v2 tree.
    pub fn unified_path(&self) -> Option<PathBuf> {
        self.unified_dir().filter(|_| self.unified.is_some())
    }

    /// The v1 directories that exist.
    fn v1_dirs(&self) -> impl Iterator<Item = (&Hierarchy, PathBuf)> {
        self.layout.v1.iter().map(|h| (h, self.dir_in(h))).filter(|(_, dir)| dir.is_dir())
    }

    fn v1_dir(&self, controller: &str) -> Option<PathBuf> {
        self.layout.hierarchy(controller).map(|h| self.dir_in(h))
    }

    fn dir_in(&self, hierarchy: &Hierarchy) -> PathBuf {
        below(&hierarchy.mount, &self.path)
    }

    fn unified_dir(&self) -> Option<PathBuf> {
        self.layout.unified.as_ref().map(|unified| below(&unified.mount, &self.path))
    }
}

/// A group's path: absolute, never the root itself, without `..`.
fn checked(path: &str) -> Result<String> {
    let plain =
        Path::new(path).components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !path.starts_with('/') || !plain || path.contains(['\n', '\0']) || path.trim_matches('/').is_empty() {
        return Err(errdefs::invalid(format!("invalid control group path: {path:?}")));
    }
    Ok(path.trim_end_matches('/').to_owned())
}

pub(crate) fn below(mount: &Path, path: &str) -> PathBuf {
    mount.join(path.trim_start_matches('/'))
}

/// Makes the directory; its parents only when the kernel says they are missing, which is once in a host's life.
fn make_dir(dir: &Path) -> Result<()> {
    let made = match fs::create_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir_all(dir),
        other => other,
    };
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if read_pids(&dir.join("cgroup.procs"))?.is_empty() {
                return Ok(());
            }
            Err(errdefs::conflict(format!("control group {} is in use", dir.display())))
        }
        other => other.context(|| format!("mkdir {}", dir.display())),
    }
}

fn open_dir(dir: &Path) -> Result<OwnedFd> {
    openat(CWD, dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .context(|| format!("open {}", dir.display()))
}

fn read_pids(procs: &Path) -> Result<Vec<Pid>> {
    // 0 is a process of another PID namespace: not ours to name.
    Ok(file::read(procs)?.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect())
}

/// Calls `visit` on the directory and all below it.
fn walk(dir: &Path, visit: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    visit(dir)?;
    for entry in fs::read_dir(dir).context(|| format!("read {}", dir.display()))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), visit)?;
        }
    }
    Ok(())
}

/// Removes a group's directory, its children first (control files need no removing).
fn remove_tree(dir: &Path) -> Result<()> {
    match fs::remove_dir(dir) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
    }
    if let Ok(entries) = fs::read_dir(dir) {
        for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir())) {
            remove_tree(&entry.path())?;
        }
    }
    match fs::remove_dir(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context(|| format!("rmdir {}", dir.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
