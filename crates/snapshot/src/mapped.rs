//! Mounts that show a tree with the ids of a user namespace, while what is on disk keeps a container's own.
//!
//! The directory that has all layers is covered with itself through an idmapped mount, in a mount namespace that nobody
//! else sees and that is gone when the overlay has taken its layers from there. (An overlay itself cannot be mapped, and
//! before Linux 6.15 it takes no layers that are mounted nowhere.)
//!
//! Root of the host has no id in such a tree. Whoever makes files in one, the overlay itself included when it copies
//! something up, does so as the tree's root: see [`sys::identity`].

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use errdefs::{Context, Result, system};
use idmap::Mapped;
use rustix::fs::CWD;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount_change, move_mount, open_tree,
};
use sys::fork::{NewNamespaces, unshare};

use crate::{MountOptions, Snapshots, Writable};

impl Snapshots {
    /// As [`Snapshots::mount_detached`], showing files with the host's ids of the mapping.
    ///
    /// # Errors
    /// Also System if the kernel, or the file system below, cannot do that.
    pub fn mount_mapped(
        &self,
        lowers: &[PathBuf],
        writable: Option<&Writable>,
        options: MountOptions,
        mapped: &Mapped,
    ) -> Result<OwnedFd> {
        // A thread of its own: neither from the namespace nor from the ids does it come back.
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.cover(mapped)?;
                self.mount_detached(lowers, writable, options)
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Takes the calling thread to where the snapshots are seen with the ids, and makes it their root.
    fn cover(&self, mapped: &Mapped) -> Result<()> {
        unshare(NewNamespaces::MOUNT).map_err(|error| system(error.to_string()))?;
        mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)
            .context(|| "make the mounts private")?;
        let root = &self.inner.root;
        let flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
        let tree = open_tree(CWD, root, flags).context(|| format!("clone {}", root.display()))?;
        sys::mount::map_ids(&tree, mapped.namespace()).map_err(|error| {
            system(format!(
                "this kernel or file system cannot map the IDs of the files in {}: {error}",
                root.display()
            ))
        })?;
        move_mount(&tree, "", CWD, root, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .context(|| format!("mount {}", root.display()))?;
        let (uid, gid) = mapped.ids().root();
        sys::identity::set_file_ids(uid, gid).map_err(|error| system(error.to_string()))
    }

    /// Finds out whether containers can have these ids here, by making a file as the root of one.
    ///
    /// # Errors
    /// System with what cannot be done.
    pub fn check_mapped(&self, mapped: &Mapped) -> Result<()> {
        let home = self.stage()?;
        let writable = Writable { upper: home.join("upper"), work: home.join("work") };
        let made = [&writable.upper, &writable.work]
            .into_iter()
            .try_for_each(|dir| std::fs::create_dir(dir).context(|| format!("mkdir {}", dir.display())))
            .and_then(|()| self.check_mapped_in(&writable, mapped));
        self.inner.trash.take(&home)?;
        made
    }

    fn check_mapped_in(&self, writable: &Writable, mapped: &Mapped) -> Result<()> {
        let lowers = [self.inner.root.join("empty")];
        let mount = self.mount_mapped(&lowers, Some(writable), MountOptions::default(), mapped)?;
        let root = mapped.ids().root();
        idmap::as_root(Some(mapped.ids()), || {
            rustix::fs::mkdirat(&mount, "made", rustix::fs::Mode::RWXU)
                .context(|| "make a file as root of a user namespace")
        })?;
        let seen = crate::tree::stat_at(&mount, b"made").context(|| "stat")?;
        let own = rustix::fs::stat(writable.upper.join("made")).context(|| "stat")?;
        if (seen.st_uid, seen.st_gid) != root || (own.st_uid, own.st_gid) != (0, 0) {
            return Err(system(
                "this kernel does not map the IDs of the layers of an overlay (Linux 5.19 does)",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use idmap::{IdMap, Range};
    use rustix::fs::{
        AtFlags, Gid, Mode, OFlags, Uid, chmodat, chownat, fgetxattr, mkdirat, openat, unlinkat,
    };

    use super::*;
    use crate::tarball::Entry;
    use crate::tests::{apply, file, store};
    use crate::tree::stat_at;

    fn mapped() -> Mapped {
        let range = |host| vec![Range { container: 0, host, size: 1000 }];
        Mapped::new(IdMap::new(range(100_000), range(200_000)).unwrap()).unwrap()
    }

    #[test]
    fn a_tree_is_seen_with_host_ids_and_stored_with_the_containers() {
        let (_dir, snapshots) = store();
        let mapped = mapped();
        snapshots.check_mapped(&mapped).unwrap();
        let owned = |path: &str, uid, gid| Entry { uid, gid, ..file(path, "x") };
        // CAP_NET_BIND_SERVICE as files of images have it: of whichever root.
        const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut able = owned("able", 0, 0);
        able.xattrs.push((b"security.capability".to_vec(), CAPABILITY.to_vec()));
        let entries =
            [able, owned("root", 0, 0), owned("user", 7, 8), owned("far", 5000, 5000), owned("gone", 0, 0)];
        let layer = apply(&snapshots, &entries).unwrap();
        let lowers = snapshots.container_lowers(&[layer]).unwrap();
        let writable = snapshots.create_writable("c", &lowers).unwrap();
        let root =
            snapshots.mount_mapped(&lowers, Some(&writable), MountOptions::default(), &mapped).unwrap();
        let owner =
            |name: &str| stat_at(&root, name.as_bytes()).map(|stat| (stat.st_uid, stat.st_gid)).unwrap();
        assert_eq!(owner("root"), (100_000, 200_000));
        assert_eq!(owner("user"), (100_007, 200_008));
        // A capability is the container's root's, not the host's.
        let mut value = [0; 64];
        let able = openat(&root, "able", OFlags::RDONLY, Mode::empty()).unwrap();
        let count = fgetxattr(&able, "security.capability", &mut value[..]).unwrap();
        assert_eq!((value[3], value[20..count].to_vec()), (3, 100_000_u32.to_le_bytes().to_vec()));
        // Not the host's 5000: nobody.
        assert_eq!(owner("far"), (idmap::NOBODY, idmap::NOBODY));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                sys::identity::set_file_ids(100_000, 200_000).unwrap();
                mkdirat(&root, "new", Mode::RWXU).unwrap();
                // Copied up, changed, deleted.
                chmodat(&root, "user", Mode::RWXU, AtFlags::empty()).unwrap();
                let (uid, gid) = (Uid::from_raw(100_009), Gid::from_raw(200_009));
                chownat(&root, "root", Some(uid), Some(gid), AtFlags::empty()).unwrap();
                unlinkat(&root, "gone", AtFlags::empty()).unwrap();
            });
        });
        let own = |name: &str| {
            let stat = writable.upper.join(name).symlink_metadata().unwrap();
            (stat.uid(), stat.gid())
        };
        assert_eq!((own("new"), own("user"), own("root"), own("gone")), ((0, 0), (7, 8), (9, 9), (0, 0)));
        // Root of the host is nobody there.
        assert!(mkdirat(&root, "by-the-host", Mode::RWXU).is_err());
    }
}
