//! A connection taken over for a session: standard input one way, output the other, each ending by itself.
//!
//! Invariant: the reader starts with whatever was read ahead of the session's first byte. Both halves are the same
//! socket; closing the writing half does not disturb the reading half.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{Shutdown, shutdown};

use crate::http::Connection;

/// A hijacked connection.
#[derive(Debug)]
pub struct Session {
    /// What the engine sends.
    pub output: SessionReader,
    /// What is sent to the engine.
    pub input: SessionWriter,
    /// Whether the engine said that the output is multiplexed; engines before 1.42 do not say.
    pub multiplexed: bool,
}

impl Session {
    pub(crate) fn new(connection: Connection, multiplexed: bool) -> io::Result<Self> {
        let (stream, ahead) = connection.into_parts();
        let reader: OwnedFd = stream.into_duplex()?;
        let writer = reader.try_clone()?;
        Ok(Self {
            output: SessionReader { ahead, at: 0, file: File::from(reader) },
            input: SessionWriter { file: File::from(writer) },
            multiplexed,
        })
    }
}

/// The reading half of a session.
#[derive(Debug)]
pub struct SessionReader {
    ahead: Vec<u8>,
    at: usize,
    file: File,
}

impl SessionReader {
    /// True if a read gives bytes at once, whatever the socket has.
    pub fn has_buffered(&self) -> bool {
        self.at < self.ahead.len()
    }
}

impl Read for SessionReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.has_buffered() {
            let count = self.ahead.get(self.at..).unwrap_or_default().read(buffer)?;
            self.at += count;
            return Ok(count);
        }
        match self.file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(0),
            other => other,
        }
    }
}

impl AsFd for SessionReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// The writing half of a session.
#[derive(Debug)]
pub struct SessionWriter {
    file: File,
}

impl SessionWriter {
    /// Ends the input: the process in the container reads the end of its standard input.
    ///
    /// # Errors
    /// If the socket refuses; a session that has ended already is not an error.
    pub fn close(&mut self) -> io::Result<()> {
        match shutdown(&self.file, Shutdown::Write) {
            Err(rustix::io::Errno::NOTCONN) | Ok(()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl SessionWriter {
    /// Ends both directions: whoever reads the session's output sees its end.
    ///
    /// # Errors
    /// If the socket refuses.
    pub fn abort(&mut self) -> io::Result<()> {
        shutdown(&self.file, Shutdown::Both).map_err(Into::into)
    }
}

impl Write for SessionWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl AsFd for SessionWriter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
