//! Reading an archive as a stream: entry, its content, next entry.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::unix::fs::FileExt;

use errdefs::{Context, Error, Result, invalid};

use super::header::{BLOCK, Block, Dialect};
use super::pax::{self, Records};
use super::sparse;
use super::{Entry, Kind, Time};
use crate::limits::{ENTRIES_MAX, EXTENDED_HEADER_BYTES_MAX, PATH_BYTES_MAX};

/// Reads one archive from a stream. Memory is bounded whatever the archive says.
pub struct Reader<R> {
    inner: R,
    /// Bytes of the current entry's content not yet read.
    content: u64,
    /// Zeros after that, up to a whole block.
    padding: u64,
    entries: u64,
    done: bool,
}

/// What came before an entry to describe it.
#[derive(Default)]
struct Described {
    pax: Option<Records>,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

fn bad(what: &str) -> Error {
    invalid(format!("invalid tar: {what}"))
}

impl<R: BufRead> Reader<R> {
    /// Reads the archive that `inner` starts with.
    pub fn new(inner: R) -> Self {
        Self { inner, content: 0, padding: 0, entries: 0, done: false }
    }

    /// The next entry, skipping what was not read of the last one's content; nothing at the archive's end.
    pub fn next_entry(&mut self) -> Result<Option<Entry>> {
        let mut described = Described::default();
        while !self.done {
            self.skip_content()?;
            let Some(block) = self.read_block()? else { break };
            if block.is_zero() {
                return self.end(&described);
            }
            block.check()?;
            self.count_entry()?;
            let size = u64::try_from(block.number(124, 12, "size")?).map_err(|_| bad("negative size"))?;
            match block.kind() {
                b'x' => once(&mut described.pax, Records::parse(&self.extended(size)?)?)?,
                b'g' => pax::check_global(&self.extended(size)?)?,
                b'L' => once(&mut described.long_path, c_text(self.extended(size)?)?)?,
                b'K' => once(&mut described.long_link, c_text(self.extended(size)?)?)?,
                _ => return self.entry(&block, size, described).map(Some),
            }
        }
        self.done = true;
        if described.is_empty() { Ok(None) } else { Err(bad("it ends after an extended header")) }
    }

    /// After one block of zeros: a second one, or nothing, ends the archive.
    fn end(&mut self, described: &Described) -> Result<Option<Entry>> {
        self.done = true;
        if !described.is_empty() {
            return Err(bad("it ends after an extended header"));
        }
        match self.read_block()? {
            Some(block) if !block.is_zero() => Err(bad("a lone block of zeros inside")),
            _ => Ok(None),
        }
    }

    fn count_entry(&mut self) -> Result<()> {
        self.entries += 1;
        if self.entries > ENTRIES_MAX {
            return Err(bad(&format!("more than {ENTRIES_MAX} entries")));
        }
        Ok(())
    }

    fn entry(&mut self, block: &Block, size: u64, described: Described) -> Result<Entry> {
        let pax = described.pax.unwrap_or_default();
        let path = name(described.long_path, pax.path.as_ref(), || block.name())?;
        let link = name(described.long_link, pax.link.as_ref(), || block.text(157, 100).to_vec())?;
        let (kind, sparse_header) = kind(block, &path)?;
        let stored = pax.size.unwrap_or(size);
        let id = |from, what: &str| {
            u32::try_from(block.number(from, 8, what)?).map_err(|_| bad(&format!("bad {what}")))
        };
        let mode = block.number(100, 8, "mode")? & 0o7777;
        let seconds = block.number(136, 12, "mtime")?;
        let mut entry = Entry {
            path,
            kind,
            link,
            mode: u32::try_from(mode).expect("masked to twelve bits"),
            uid: pax.uid.map_or_else(|| id(108, "uid"), Ok)?,
            gid: pax.gid.map_or_else(|| id(116, "gid"), Ok)?,
            size: stored,
            mtime: pax.mtime.unwrap_or(Time { seconds, nanoseconds: 0 }),
            device: (0, 0),
            xattrs: pax.xattrs,
            pieces: None,
        };
        match kind {
            Kind::File => {}
            // Readers differ on whether content follows here, so the next header would be anyone's guess.
            _ if stored != 0 => return Err(bad(&format!("{:?} has no content but a size", entry.display()))),
            Kind::HardLink | Kind::Symlink if entry.link.is_empty() => {
                return Err(bad(&format!("{:?} is a link to nothing", entry.display())));
            }
            Kind::Char | Kind::Block if block.dialect() != Dialect::V7 => {
                let number =
                    |from| u32::try_from(block.number(from, 8, "device")?).map_err(|_| bad("bad device"));
                entry.device = (number(329)?, number(337)?);
            }
            _ => {}
        }
        self.open_content(stored)?;
        self.sparse(&mut entry, sparse_header.then_some(block), &pax.sparse)?;
        Ok(entry)
    }

    fn sparse(
        &mut self,
        entry: &mut Entry,
        header: Option<&Block>,
        records: &pax::SparseRecords,
    ) -> Result<()> {
        let map = match (header, sparse::form(records)?) {
            (None, None) => return Ok(()),
            (Some(block), None) => sparse::from_header(self, block)?,
            (None, Some(_)) if entry.kind != Kind::File => return Err(bad("a sparse entry that is no file")),
            (None, Some(sparse::Form::Record)) => sparse::from_record(records)?,
            (None, Some(sparse::Form::Content)) => sparse::from_content(self, records)?,
            (Some(_), Some(_)) => return Err(bad("a sparse file in two forms")),
        };
        // `checked` made sure that the sum fits.
        if map.pieces.iter().map(|(_, length)| length).sum::<u64>() != self.content {
            return Err(bad("the map of a sparse file does not fit its content"));
        }
        if let Some(name) = &records.name {
            entry.path.clone_from(name);
        }
        entry.size = map.size;
        entry.pieces = Some(map.pieces);
        Ok(())
    }

    /// Writes the current entry's content to `out`; the holes of a sparse file as zeros.
    pub fn copy_content(&mut self, entry: &Entry, out: &mut impl Write) -> Result<()> {
        let Some(pieces) = &entry.pieces else {
            return self.copy(self.content, &mut |bytes| out.write_all(bytes));
        };
        let mut at = 0;
        for (offset, length) in pieces {
            io::copy(&mut io::repeat(0).take(offset - at), out)?;
            self.copy(*length, &mut |bytes| out.write_all(bytes))?;
            at = offset + length;
        }
        io::copy(&mut io::repeat(0).take(entry.size - at), out)?;
        Ok(())
    }

    /// Writes the current entry's content to a new, empty file; the holes of a sparse file stay holes.
    pub fn extract_content(&mut self, entry: &Entry, file: &File) -> Result<()> {
        let Some(pieces) = &entry.pieces else {
            let mut file = file;
            return self.copy(self.content, &mut |bytes| file.write_all(bytes));
        };
        for (offset, length) in pieces {
            let mut at = *offset;
            self.copy(*length, &mut |bytes| {
                file.write_all_at(bytes, at)?;
                at += bytes.len() as u64;
                Ok(())
            })?;
        }
        file.set_len(entry.size).context(|| "make a sparse file")
    }

    /// Reads the current entry's content, which must not be more than `max` bytes.
    pub fn read_content_to_end(&mut self, max: u64) -> Result<Vec<u8>> {
        if self.content > max {
            return Err(bad(&format!("an entry of {} bytes, the limit here is {max}", self.content)));
        }
        let mut bytes = Vec::new();
        self.copy(self.content, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// What is left of the stream after the archive's end, or from the current place on.
    pub fn into_inner(self) -> R {
        self.inner
    }

    fn copy(&mut self, mut count: u64, take: &mut impl FnMut(&[u8]) -> io::Result<()>) -> Result<()> {
        while count > 0 {
            let buffer = self.fill()?;
            let length = buffer.len().min(usize::try_from(count).unwrap_or(usize::MAX));
            take(&buffer[..length])?;
            self.inner.consume(length);
            count -= length as u64;
            self.content -= length as u64;
        }
        Ok(())
    }

    /// The bytes at hand; there is at least one.
    fn fill(&mut self) -> Result<&[u8]> {
        loop {
            match self.inner.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context(|| "read tar"),
                Ok(_) => break,
            }
        }
        // Asked again because the borrow of the first answer cannot leave the loop; it reads nothing new.
        match self.inner.fill_buf().context(|| "read tar")? {
            [] => Err(bad("unexpected end")),
            bytes => Ok(bytes),
        }
    }

    fn open_content(&mut self, size: u64) -> Result<()> {
        let blocks = size.checked_next_multiple_of(BLOCK as u64).ok_or_else(|| bad("size overflow"))?;
        (self.content, self.padding) = (size, blocks - size);
        Ok(())
    }

    fn skip_content(&mut self) -> Result<()> {
        self.content += std::mem::take(&mut self.padding);
        self.copy(self.content, &mut |_| Ok(()))
    }

    /// Reads bytes that belong to the current entry's content.
    pub(super) fn read_content(&mut self, bytes: &mut [u8]) -> Result<()> {
        if self.content < bytes.len() as u64 {
            return Err(bad("unexpected end of an entry"));
        }
        self.inner.read_exact(bytes).context(|| "read tar")?;
        self.content -= bytes.len() as u64;
        Ok(())
    }

    /// The next block, or nothing at the end of the stream; an end inside a block is an error.
    pub(super) fn read_block(&mut self) -> Result<Option<Block>> {
        let mut block = Block([0; BLOCK]);
        let mut filled = 0;
        while filled < BLOCK {
            match self.inner.read(&mut block.0[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(invalid("unexpected EOF")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context(|| "read tar"),
            }
        }
        Ok(Some(block))
    }

    /// The content of an extended header, in memory.
    fn extended(&mut self, size: u64) -> Result<Vec<u8>> {
        self.open_content(size)?;
        self.read_content_to_end(EXTENDED_HEADER_BYTES_MAX)
    }
}

impl Described {
    fn is_empty(&self) -> bool {
        self.pax.is_none() && self.long_path.is_none() && self.long_link.is_none()
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<()> {
    if place.replace(value).is_some() {
        return Err(bad("two extended headers of one kind for one entry"));
    }
    Ok(())
}

/// The text of a GNU long name: up to its NUL.
fn c_text(mut bytes: Vec<u8>) -> Result<Vec<u8>> {
    if let Some(nul) = bytes.iter().position(|b| *b == 0) {
        bytes.truncate(nul);
    }
    if bytes.is_empty() { Err(bad("an empty long name")) } else { Ok(bytes) }
}

fn name(long: Option<Vec<u8>>, pax: Option<&Vec<u8>>, short: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>> {
    let name = match (long, pax) {
        (Some(_), Some(_)) => return Err(bad("two long names for one entry")),
        (Some(name), None) => name,
        (None, Some(name)) => name.clone(),
        (None, None) => short(),
    };
    if name.len() > PATH_BYTES_MAX {
        return Err(bad("too long a name"));
    }
    Ok(name)
}

/// What the entry is, and whether it is sparse in GNU's old form.
fn kind(block: &Block, path: &[u8]) -> Result<(Kind, bool)> {
    let kind = match block.kind() {
        // Before ustar, a directory was told by its slash.
        0 | b'0' if path.ends_with(b"/") => Kind::Dir,
        0 | b'0' | b'7' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::Symlink,
        b'3' => Kind::Char,
        b'4' => Kind::Block,
        b'5' => Kind::Dir,
        b'6' => Kind::Fifo,
        b'S' if block.dialect() == Dialect::Gnu => return Ok((Kind::File, true)),
        other => {
            return Err(bad(&format!(
                "{:?} has the unknown type {:?}",
                String::from_utf8_lossy(path),
                char::from(other)
            )));
        }
    };
    Ok((kind, false))
}
