//! The container's own view of its control groups at `/sys/fs/cgroup`.

use std::os::fd::AsFd;
use std::path::Path;

use cgroups::{Layout, Version};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, symlinkat};
use rustix::io::Errno;
use sys::mount::{Attributes, mount_setattr};

use super::{Rootfs, attach, clone_tree, new_mount};
use crate::outcome::{StartError, failed};
use crate::plan::{Mount, MountSource, Plan};
use crate::tree::Make;

impl Rootfs {
    /// Mounts them where the plan wants them. The groups must be complete.
    pub(crate) fn mount_cgroups(&mut self, plan: &Plan, layout: Option<&Layout>) -> Result<(), StartError> {
        for mount in plan.mounts.iter().filter(|mount| mount.what == MountSource::Cgroup) {
            let (Some(layout), Some(group)) = (layout, &plan.cgroup) else { continue };
            let step = |errno| {
                failed(format_args!("error mounting \"cgroup\" to rootfs at {:?}", mount.target), errno)
            };
            let at = self.target(&mount.target, Make::Directory, false)?;
            match layout.version() {
                Version::V2 => {
                    let tree = new_mount("cgroup2", "cgroup", &[], mount.set).map_err(step)?;
                    attach(tree, at).map_err(step)?;
                }
                Version::V1 => {
                    let dir = self.mount_v1(mount, layout, &group.path, &at).map_err(step)?;
                    if mount.set & sys::mount::RDONLY != 0 {
                        self.read_only_last.push(dir);
                    }
                }
            }
        }
        Ok(())
    }

    /// A directory with the container's own group of each hierarchy bind mounted, and nothing of the others.
    fn mount_v1(
        &self,
        mount: &Mount,
        layout: &Layout,
        path: &str,
        at: &impl AsFd,
    ) -> Result<std::os::fd::OwnedFd, Errno> {
        let mode = [("mode".to_owned(), Some("755".to_owned()))];
        let dir = new_mount("tmpfs", "tmpfs", &mode, mount.set & !sys::mount::RDONLY)?;
        attach(&dir, at)?;
        let attributes = Attributes { set: mount.set, clear: mount.clear, propagation: 0 };
        for (hierarchy, controllers) in layout.v1_mounts() {
            let Some(name) = hierarchy.file_name() else { continue };
            let group = hierarchy.join(path.trim_start_matches('/'));
            let tree = match clone_tree(CWD.as_fd(), &group, false) {
                // A hierarchy the container is not in.
                Err(Errno::NOENT) => continue,
                other => other?,
            };
            mount_setattr(&tree, c"", false, attributes).map_err(|e| e.errno())?;
            mkdirat(&dir, name, Mode::from_raw_mode(0o755))?;
            let target =
                openat(&dir, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
            attach(tree, target)?;
            for controller in controllers.iter().filter(|_| controllers.len() > 1) {
                symlinkat(name, &dir, Path::new(controller))?;
            }
        }
        Ok(dir)
    }
}
