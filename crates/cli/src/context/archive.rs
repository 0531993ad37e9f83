//! Contexts as archives: `meta.json` and `tls/ENDPOINT/FILE` in a tar, as Docker's client writes and reads them.
//!
//! An archive may come from anybody: nothing but those two kinds of names is accepted, and no more than ten megabytes.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use tar::{Archive, Builder, EntryType, Header};

use super::{Material, Meta};
use crate::failure::{Failure, Outcome};

/// The most that is read of an archive.
const BYTES_MAX: u64 = 10 << 20;
/// What everything in a tar archive is filled up to.
const BLOCK_BYTES: usize = 512;
/// How a zip archive begins.
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

/// Writes the archive of a context.
pub(crate) fn write(to: impl Write, meta: &Meta, material: &Material) -> Outcome {
    let mut archive = Builder::new(to);
    let text = serde_json::to_vec(meta).map_err(|error| Failure::new(error.to_string()))?;
    append(&mut archive, "meta.json", EntryType::Regular, 0o644, &text)?;
    append(&mut archive, "tls", EntryType::Directory, 0o700, &[])?;
    for (endpoint, files) in material {
        append(&mut archive, &format!("tls/{endpoint}"), EntryType::Directory, 0o700, &[])?;
        for (file, bytes) in files {
            append(&mut archive, &format!("tls/{endpoint}/{file}"), EntryType::Regular, 0o600, bytes)?;
        }
    }
    archive.finish()?;
    Ok(())
}

fn append(
    archive: &mut Builder<impl Write>,
    name: &str,
    kind: EntryType,
    mode: u32,
    bytes: &[u8],
) -> Outcome {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, name, bytes)?;
    Ok(())
}

/// Reads the archive of a context, under the name it has in there.
pub(crate) fn read(from: impl Read) -> Outcome<(Meta, Material)> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Failure::new("read exceeds the defined limit"));
    }
    if bytes.starts_with(ZIP_MAGIC) {
        return Err(Failure::new(
            "zip archives of contexts are not supported: unpack it, and make a tar archive of meta.json and tls",
        ));
    }
    // Docker's client ends its archives with the last byte of the last file.
    bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES) + 2 * BLOCK_BYTES, 0);
    let broken = |_| Failure::new("unexpected EOF");
    let mut meta = None;
    let mut material = Material::new();
    for entry in Archive::new(bytes.as_slice()).entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if entry.header().entry_type().is_dir() {
            continue;
        }
        let name = entry.path().map_err(broken)?.to_string_lossy().into_owned();
        let strange = || Failure::new(format!("{name}: unexpected context file"));
        if !entry.header().entry_type().is_file() {
            return Err(strange());
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(broken)?;
        if name == "meta.json" {
            meta = Some(
                serde_json::from_slice::<Meta>(&content)
                    .map_err(|error| Failure::new(format!("meta.json: {error}")))?,
            );
            continue;
        }
        let parts: Vec<&str> = name.split('/').collect();
        let ["tls", endpoint, file] = parts[..] else { return Err(strange()) };
        if [endpoint, file].iter().any(|part| matches!(*part, "" | "." | "..") || part.contains('\\')) {
            return Err(strange());
        }
        let files: &mut BTreeMap<_, _> = material.entry(endpoint.to_owned()).or_default();
        files.insert(file.to_owned(), content);
    }
    let meta = meta.ok_or_else(|| Failure::new("invalid context: no metadata found"))?;
    Ok((meta, material))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, bytes) in entries {
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::Regular);
            header.set_size(bytes.len() as u64);
            // Names that the library would refuse to write.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        let meta = Meta::new("ab", "d", super::super::endpoint::fields_of("tcp://h:1", true));
        let files = BTreeMap::from([("ca.pem".to_owned(), b"x".to_vec())]);
        let material = Material::from([("docker".to_owned(), files)]);
        let mut bytes = Vec::new();
        write(&mut bytes, &meta, &material).unwrap();
        assert_eq!(read(bytes.as_slice()).unwrap(), (meta, material));
    }

    #[test]
    fn hostile_archives_are_refused() {
        let meta: (&str, &[u8]) = ("meta.json", b"{}");
        for (entries, text) in [
            (vec![meta, ("foo", b"x")], "foo: unexpected context file"),
            (vec![meta, ("tls/../../x", b"x")], "tls/../../x: unexpected context file"),
            (vec![meta, ("tls/../x", b"x")], "tls/../x: unexpected context file"),
            (vec![meta, ("tls/a/b/c", b"x")], "tls/a/b/c: unexpected context file"),
            (vec![("tls/a/b", b"x")], "invalid context: no metadata found"),
        ] {
            assert_eq!(read(archive(&entries).as_slice()).unwrap_err().text, text);
        }
        assert!(read(&b"PK\x03\x04rest"[..]).unwrap_err().text.starts_with("zip archives"));
        assert_eq!(read(&b"short"[..]).unwrap_err().text, "unexpected EOF");
    }
}
