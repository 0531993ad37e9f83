//! Starts our engine when a command needs it and nothing answers on its socket.
//!
//! Only for root, only on our own default socket: an address somebody chose is theirs to serve. The engine says that
//! it listens by a byte on a pipe, so the wait has no timer; if it dies, the pipe ends, and the command then fails
//! with the usual text.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::FdFlags;

const ENGINE: &str = "hythed";
/// Where the engine's messages go when no service manager takes them.
const LOG: &str = "/var/log/hythed.log";

/// Makes sure that something listens on `socket`, as well as can be done; gives the connection that showed it.
pub(crate) fn ensure(socket: &Path) -> Option<UnixStream> {
    let nobody = match UnixStream::connect(socket) {
        Ok(stream) => return Some(stream),
        Err(error) => {
            matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused)
        }
    };
    if nobody
        && rustix::process::geteuid().is_root()
        && let Some(program) = find()
    {
        // Whatever goes wrong here shows as "Cannot connect", which is what the user has to know.
        let _ = start(&program);
    }
    None
}

/// The engine beside this program, or in `PATH`.
fn find() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.join(ENGINE)));
    let path = crate::environment::get("PATH").unwrap_or_default();
    beside
        .into_iter()
        .chain(std::env::split_paths(&path).map(|directory| directory.join(ENGINE)))
        .find(|candidate| candidate.is_file())
}

fn start(program: &Path) -> std::io::Result<()> {
    let (ready, told) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // The one descriptor that the engine inherits; no other thread exists yet that could start a process meanwhile.
    rustix::io::fcntl_setfd(&told, FdFlags::empty())?;
    let log = |file: std::io::Result<File>| file.map_or_else(|_| Stdio::null(), Stdio::from);
    let append = || File::options().create(true).append(true).open(LOG);
    let spawned = Command::new(program)
        .arg("--ready-fd")
        .arg(told.as_raw_fd().to_string())
        .stdin(Stdio::null())
        .stdout(log(append()))
        .stderr(log(append()))
        .current_dir("/")
        .process_group(0)
        .spawn();
    drop(told);
    spawned?;
    let mut byte = [0];
    File::from(ready).read_exact(&mut byte)
}
