//! Archives to a file: written beside and renamed over, so that a broken download leaves no half file.

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::Path;

use crate::failure::{Outcome, on_path, system_words};

/// Says why nothing can be made at `path`: its directory has to be there.
pub(crate) fn check_parent(path: &Path) -> Result<(), String> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty())
        && !parent.is_dir()
    {
        return Err(format!(
            "invalid output path: directory {:?} does not exist",
            parent.display().to_string()
        ));
    }
    Ok(())
}

/// Says why `path` cannot be written, before anything is asked of the engine.
pub(crate) fn check(path: &Path) -> Result<(), String> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty())
        && let Err(error) = fs::metadata(parent)
    {
        return Err(format!("invalid output path: stat {}: {}", parent.display(), system_words(&error)));
    }
    if path.is_dir() { Err("cannot write to a directory".to_owned()) } else { Ok(()) }
}

/// Copies `source` to the file `path`, or to standard output if it is empty.
pub(crate) fn store(mut source: impl Read, path: &str) -> Outcome {
    if path.is_empty() {
        let mut output = crate::session::output()?;
        std::io::copy(&mut source, &mut output)?;
        return Ok(());
    }
    let target = Path::new(path);
    // A device or pipe is written as it is.
    if fs::metadata(target).is_ok_and(|meta| !meta.is_file()) {
        let mut file =
            File::options().write(true).open(target).map_err(|error| on_path("open", path, &error))?;
        std::io::copy(&mut source, &mut file)?;
        return Ok(());
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let staged = target.with_file_name(name);
    let mut file = File::create_new(&staged).map_err(|error| on_path("open", staged.display(), &error))?;
    let stored = std::io::copy(&mut source, &mut file)
        .and_then(|_| file.flush())
        .and_then(|()| fs::rename(&staged, target));
    if stored.is_err() {
        let _ = fs::remove_file(&staged);
    }
    Ok(stored?)
}
