//! Output that some client has not taken yet, in a file that has no name.
//!
//! One per process, shared by all clients that lag: each piece of output is written once, as the frame a multiplexed
//! client gets, and each client remembers where it stands. So a thousand stalled clients cost one copy and no memory.
//! What every client has taken is punched out.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{FallocateFlags, MemfdFlags, Mode, OFlags, fallocate, memfd_create, open};

/// Bytes of the header in front of each piece.
pub(super) const HEADER: u64 = 8;
/// Space is given back in steps of this many bytes.
const PUNCH: u64 = 4 * 1024 * 1024;

/// The file; made when the first client lags.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    file: Option<File>,
    /// Offset behind the last frame.
    end: u64,
    /// Offset before which everything has been given back.
    start: u64,
}

impl Backlog {
    /// Where the next frame will be.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes held for a client that stands at `position`.
    pub(super) fn held(&self, position: u64) -> u64 {
        self.end.saturating_sub(position)
    }

    /// Adds a frame. The file is made in `directory`, on disk, or in memory if that has no unnamed files.
    pub(super) fn append(
        &mut self,
        header: [u8; 8],
        data: &[u8],
        directory: Option<&Path>,
    ) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(unnamed(directory)?),
        };
        file.write_all_at(&header, self.end)?;
        file.write_all_at(data, self.end + HEADER)?;
        self.end += HEADER + data.len() as u64;
        Ok(())
    }

    /// The stream's number and the length of the frame at `position`.
    pub(super) fn frame(&self, position: u64) -> io::Result<(u8, u64)> {
        let mut header = [0; 8];
        self.file()?.read_exact_at(&mut header, position)?;
        let [stream, _, _, _, a, b, c, d] = header;
        Ok((stream, u64::from(u32::from_be_bytes([a, b, c, d]))))
    }

    /// Reads bytes of a frame.
    pub(super) fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file()?.read_at(buffer, at)
    }

    /// Nobody needs what is before `position` any more.
    pub(super) fn release(&mut self, position: u64) {
        let Some(file) = &self.file else { return };
        if position == self.end {
            // Everybody is up to date: the next one to lag starts a new file.
            *self = Self::default();
        } else if position - self.start >= PUNCH {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            let _ = fallocate(file, flags, self.start, position - self.start);
            self.start = position;
        }
    }

    fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

fn unnamed(directory: Option<&Path>) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let on_disk = directory.and_then(|directory| open(directory, flags, Mode::RUSR | Mode::WUSR).ok());
    match on_disk {
        Some(fd) => Ok(fd.into()),
        None => Ok(memfd_create(c"hythe-backlog", MemfdFlags::CLOEXEC)?.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_back_and_space_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut backlog = Backlog::default();
        let data = vec![7; 1 << 20];
        for _ in 0..16 {
            backlog.append([1, 0, 0, 0, 0, 0x10, 0, 0], &data, Some(dir.path())).unwrap();
        }
        assert_eq!(backlog.frame(HEADER + (1 << 20)).unwrap(), (1, 1 << 20));
        let blocks = |backlog: &Backlog| {
            std::os::unix::fs::MetadataExt::blocks(&backlog.file().unwrap().metadata().unwrap())
        };
        let before = blocks(&backlog);
        backlog.release(8 * (HEADER + (1 << 20)));
        assert!(blocks(&backlog) < before * 3 / 4, "{before} -> {}", blocks(&backlog));
        backlog.release(backlog.end());
        assert!(backlog.end() == 0 && backlog.file.is_none());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
