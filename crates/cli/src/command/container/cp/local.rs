//! An archive of local files, made while it is sent.

use std::fs;
use std::io::{self, PipeReader};
use std::path::Path;

use tar::Builder;

use crate::failure::Outcome;

/// Starts to archive `path` under `name`; what is read from the pipe is the archive.
pub(super) fn archive(
    path: &Path,
    name: &str,
) -> Outcome<(PipeReader, std::thread::JoinHandle<io::Result<()>>)> {
    let (reader, writer) = io::pipe()?;
    let (path, name) = (path.to_owned(), name.to_owned());
    let thread = std::thread::Builder::new().name("tar".into()).spawn(move || {
        let mut builder = Builder::new(io::BufWriter::with_capacity(PIPE_BYTES, writer));
        builder.follow_symlinks(false);
        append(&mut builder, &path, Path::new(&name))?;
        builder.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error).map(drop)
    })?;
    Ok((reader, thread))
}

/// What a pipe holds.
const PIPE_BYTES: usize = 64 * 1024;

fn append<W: io::Write>(builder: &mut Builder<W>, path: &Path, name: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt as _;
    let meta = fs::symlink_metadata(path)?;
    if meta.file_type().is_socket() {
        // A socket is nothing without its server.
        return Ok(());
    }
    builder.append_path_with_name(path, name)?;
    if meta.is_dir() {
        let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            append(builder, &entry.path(), &name.join(entry.file_name()))?;
        }
    }
    Ok(())
}
