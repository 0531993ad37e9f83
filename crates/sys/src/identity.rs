//! Acting on files as somebody else: the file system ids of a thread.
//!
//! What a thread makes belongs to these ids. In a tree whose ids are mapped (an idmapped mount, a container with a user
//! namespace) root of the host has no id, so it can make nothing there: whoever works in such a tree takes the ids of
//! the tree's own root.

use rustix::thread::{CapabilitySets, capabilities, set_capabilities};

use crate::{CallError, Result};

/// Makes the calling thread own what it makes as `uid` and `gid`. It keeps all its rights. Other threads are unchanged.
///
/// # Errors
/// `setfsuid`/`setfsgid` if the ids are not to be had; `capset`.
pub fn set_file_ids(uid: u32, gid: u32) -> Result<()> {
    let sets = capabilities(None).map_err(|errno| CallError::new("capget", "", errno))?;
    // SAFETY: only numbers are passed. Both calls concern the calling thread alone and return what was before.
    let now = unsafe {
        libc::syscall(libc::SYS_setfsgid, gid);
        libc::syscall(libc::SYS_setfsuid, uid);
        // An id that cannot be leaves things as they are, and there is no other way to learn that.
        (libc::syscall(libc::SYS_setfsuid, u32::MAX), libc::syscall(libc::SYS_setfsgid, u32::MAX))
    };
    if now != (i64::from(uid), i64::from(gid)) {
        return Err(CallError::new("setfsuid", format!("{uid}:{gid}"), rustix::io::Errno::PERM));
    }
    // The kernel takes root's rights over files along with root's id; they are still permitted.
    set_capabilities(None, CapabilitySets { effective: sets.effective, ..sets })
        .map_err(|errno| CallError::new("capset", "", errno))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn files_belong_to_the_ids_and_nothing_is_forbidden() {
        let made = std::thread::spawn(|| {
            set_file_ids(123_456, 234_567).unwrap();
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("f");
            std::fs::write(&path, "").unwrap();
            std::os::unix::fs::chown(dir.path(), Some(7), Some(7)).unwrap();
            // Somebody else's directory, which only its owner may enter.
            std::fs::write(dir.path().join("g"), "").unwrap();
            std::fs::metadata(&path).unwrap()
        });
        let made = made.join().unwrap();
        assert_eq!((made.uid(), made.gid()), (123_456, 234_567));
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(std::fs::metadata(dir.path()).unwrap().uid(), 0, "another thread is as it was");
    }

    #[test]
    fn an_id_that_is_none_is_refused() {
        std::thread::spawn(|| assert!(set_file_ids(u32::MAX, 0).is_err())).join().unwrap();
    }
}
