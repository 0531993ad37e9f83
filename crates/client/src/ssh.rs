//! An engine behind `ssh`: a child process whose standard streams are joined to the engine's socket over there.
//!
//! The child's standard error is kept, not shown: what it says matters when the connection fails, and is then part of
//! the error. Passwords and host keys are asked for on the terminal itself.

use std::fs::File;
use std::io::{self, Read, Seek as _, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use rustix::fs::{MemfdFlags, memfd_create};

use crate::endpoint::Ssh;

/// The most of the child's words that an error shows.
const STDERR_BYTES_MAX: u64 = 64 * 1024;

/// The standard streams of an `ssh` process.
pub(crate) struct SshStream {
    stream: UnixStream,
    child: Child,
    said: File,
    words: Vec<String>,
    silent: bool,
}

/// What `ssh` is called with.
fn words(ssh: &Ssh) -> Vec<String> {
    let mut words: Vec<String> = ["-o", "ConnectTimeout=30", "-T"].map(str::to_owned).into();
    for (flag, value) in [("-l", &ssh.user), ("-p", &ssh.port)] {
        if let Some(value) = value {
            words.extend([flag.to_owned(), value.clone()]);
        }
    }
    words.extend(["--".to_owned(), ssh.host.clone()]);
    let host = ssh.path.as_ref().map(|path| format!(" --host {}", quoted(&format!("unix://{path}"))));
    let host = host.unwrap_or_default();
    if ssh.ours_first {
        // One word, for the shell over there.
        words.push(format!(
            "command -v hythe >/dev/null 2>&1 && exec hythe{host} system dial-stdio; \
             exec docker{host} system dial-stdio"
        ));
    } else {
        words.push(format!("docker{host} system dial-stdio"));
    }
    words
}

/// The word as a shell reads it back: an address may come from a file that somebody else made.
fn quoted(word: &str) -> String {
    if word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:@%+,=".contains(&byte)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\"'\"'"))
}

impl SshStream {
    /// Starts `ssh HOST docker system dial-stdio`.
    pub(crate) fn start(ssh: &Ssh) -> io::Result<Self> {
        let words = words(ssh);
        let (ours, theirs) = UnixStream::pair()?;
        let said = File::from(memfd_create(c"ssh", MemfdFlags::CLOEXEC)?);
        let output = OwnedFd::from(theirs.try_clone()?);
        let child = Command::new("ssh")
            .args(&words)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::from(output))
            .stderr(Stdio::from(said.try_clone()?))
            .spawn()?;
        Ok(Self { stream: ours, child, said, words, silent: true })
    }

    /// The socket alone; the process goes on by itself.
    pub(crate) fn into_socket(self) -> UnixStream {
        self.stream
    }

    /// Why the process ended before its first byte.
    fn failure(&mut self) -> io::Error {
        let status = match self.child.wait() {
            Ok(status) => status,
            Err(error) => return error,
        };
        let mut said = String::new();
        let read =
            self.said.rewind().and_then(|()| (&self.said).take(STDERR_BYTES_MAX).read_to_string(&mut said));
        if let Err(error) = read {
            said = error.to_string();
        }
        io::Error::other(format!(
            "command [ssh {}] has exited with {status}, make sure the URL is valid, and Docker 18.09 or later is \
             installed on the remote host: stderr={said}",
            self.words.join(" "),
            status = status.to_string().replace("exit status:", "exit status"),
        ))
    }
}

impl Read for SshStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            other => other?,
        };
        if count == 0 && self.silent && !buffer.is_empty() {
            return Err(self.failure());
        }
        self.silent = false;
        Ok(count)
    }
}

impl Write for SshStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl AsFd for SshStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;

    #[test]
    fn called_as_docker_calls_it() {
        let Ok(Endpoint::Ssh(mut ssh)) = Endpoint::parse("ssh://me@box:22/x", None) else { panic!() };
        assert_eq!(
            words(&ssh).join(" "),
            "-o ConnectTimeout=30 -T -l me -p 22 -- box docker --host unix:///x system dial-stdio"
        );
        ssh.path = Some("/x;y's".to_owned());
        assert!(words(&ssh).join(" ").ends_with("docker --host 'unix:///x;y'\"'\"'s' system dial-stdio"));
        ssh.path = Some("/x".to_owned());
        ssh.ours_first = true;
        assert!(words(&ssh).last().unwrap().ends_with("exec docker --host unix:///x system dial-stdio"));
    }
}
