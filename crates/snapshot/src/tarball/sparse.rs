//! Sparse files: which pieces of a file are in the archive.
//!
//! Three forms: GNU's old one, in the header and blocks after it; pax 0.1, a list in a record; pax 1.0, a list at the
//! head of the content. Pax 0.0, written by no program of the last fifteen years, is refused.

use std::io::BufRead;

use errdefs::{Result, invalid};

use super::header::{self, BLOCK, Block};
use super::pax::{self, SparseRecords};
use super::reader::Reader;
use crate::limits::SPARSE_PIECES_MAX;

/// The pieces of a sparse file, and its whole size.
pub(crate) struct Map {
    pub(crate) pieces: Vec<(u64, u64)>,
    pub(crate) size: u64,
}

/// Where the map of a pax sparse file is; `None` if the file is not sparse.
pub(crate) enum Form {
    Record,
    Content,
}

pub(crate) fn form(records: &SparseRecords) -> Result<Option<Form>> {
    match (records.major, records.minor) {
        (Some(1), Some(0)) => Ok(Some(Form::Content)),
        (None, None) | (Some(0), Some(1)) if records.map.is_some() => Ok(Some(Form::Record)),
        (None, None) if !records.old && records.size.is_none() => Ok(None),
        _ => Err(invalid("invalid tar: sparse file in an unknown form")),
    }
}

/// Pax 0.1: `offset,length,offset,length...`
pub(crate) fn from_record(records: &SparseRecords) -> Result<Map> {
    let text = records.map.as_deref().unwrap_or_default();
    let numbers: Option<Vec<u64>> = text.split(|b| *b == b',').map(pax::decimal).collect();
    pairs(&numbers.ok_or_else(bad)?, records.size)
}

/// Pax 1.0: the content starts with decimal numbers, one a line (count, then pairs), padded to whole blocks.
pub(crate) fn from_content(reader: &mut Reader<impl BufRead>, records: &SparseRecords) -> Result<Map> {
    let mut numbers = Vec::new();
    let mut line = Vec::new();
    let mut wanted = None;
    while wanted.is_none_or(|wanted| numbers.len() < wanted) {
        let mut block = [0; BLOCK];
        reader.read_content(&mut block)?;
        for byte in block {
            if wanted.is_some_and(|wanted| numbers.len() == wanted) {
                break; // the rest is padding
            }
            if byte != b'\n' {
                line.push(byte);
                if line.len() > 20 {
                    return Err(bad()); // longer than any 64-bit number
                }
                continue;
            }
            let number = pax::decimal(&line).ok_or_else(bad)?;
            line.clear();
            match wanted {
                None if number > SPARSE_PIECES_MAX as u64 => return Err(bad()),
                None => wanted = usize::try_from(number).ok().map(|count| 2 * count),
                Some(_) => numbers.push(number),
            }
        }
    }
    pairs(&numbers, records.size)
}

/// GNU's old form: four pieces in the header, 21 in each block that follows.
pub(crate) fn from_header(reader: &mut Reader<impl BufRead>, block: &Block) -> Result<Map> {
    let mut pieces = Vec::new();
    take_pieces(&block.0[386..], 4, &mut pieces)?;
    let size = header::number(&block.0[483..495]).and_then(|n| u64::try_from(n).ok()).ok_or_else(bad)?;
    let mut more = block.0[482] != 0;
    while more {
        let block = reader.read_block()?.ok_or_else(bad)?;
        take_pieces(&block.0, 21, &mut pieces)?;
        more = block.0[504] != 0;
    }
    checked(pieces, size)
}

fn take_pieces(bytes: &[u8], count: usize, pieces: &mut Vec<(u64, u64)>) -> Result<()> {
    for piece in bytes.chunks_exact(24).take(count).filter(|piece| piece[0] != 0) {
        let number = |field| header::number(field).and_then(|n| u64::try_from(n).ok()).ok_or_else(bad);
        pieces.push((number(&piece[..12])?, number(&piece[12..])?));
        if pieces.len() > SPARSE_PIECES_MAX {
            return Err(bad());
        }
    }
    Ok(())
}

fn pairs(numbers: &[u64], size: Option<u64>) -> Result<Map> {
    if !numbers.len().is_multiple_of(2) || numbers.len() / 2 > SPARSE_PIECES_MAX {
        return Err(bad());
    }
    checked(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect(), size.ok_or_else(bad)?)
}

/// Pieces must be in order, apart, and inside the file.
fn checked(pieces: Vec<(u64, u64)>, size: u64) -> Result<Map> {
    let mut end = 0;
    for (offset, length) in &pieces {
        if *offset < end {
            return Err(bad());
        }
        end = offset.checked_add(*length).filter(|end| *end <= size).ok_or_else(bad)?;
    }
    Ok(Map { pieces, size })
}

fn bad() -> errdefs::Error {
    invalid("invalid tar: bad map of a sparse file")
}
