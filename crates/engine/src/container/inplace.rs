//! Writing a file that is bound into a running container: the same file must stay, so it cannot be replaced by a rename.
//!
//! A daemon that is killed in the middle leaves the old text or the new one, never an empty file: the new text goes over
//! the old in one call, with empty lines up to its end, and the file is cut afterwards.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use errdefs::{Context, Result};

/// Makes `text` the file's content; what is so already is not written.
///
/// # Errors
/// If the file cannot be opened or written.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let what = || format!("write {}", path.display());
    // Not truncated: that would be the empty file.
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(path).context(what)?;
    let mut old = Vec::new();
    file.read_to_end(&mut old).context(what)?;
    if old == text.as_bytes() {
        return Ok(());
    }
    let mut padded = text.as_bytes().to_vec();
    padded.resize(text.len().max(old.len()), b'\n');
    file.write_all_at(&padded, 0).context(what)?;
    file.set_len(u64::try_from(text.len()).unwrap_or(u64::MAX)).context(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_shorter_and_new() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts");
        for text in ["one\n", "one\ntwo\n", "x\n", "", "one\n"] {
            write(&path, text).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
