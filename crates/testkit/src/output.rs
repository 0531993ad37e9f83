//! The end of one command: its status and what it printed, with assertions that say what went wrong.

use std::process::Command;

/// What a command printed and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// Exit status; 128 + signal if a signal ended it.
    pub code: i32,
    /// Standard output, invalid UTF-8 replaced.
    pub stdout: String,
    /// Standard error, invalid UTF-8 replaced.
    pub stderr: String,
}

impl Output {
    /// Runs `command` to its end, with standard input as it was set on it (default: empty).
    ///
    /// # Panics
    /// If the program cannot be started at all.
    pub fn of(command: &mut Command) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let line = format!("{command:?}");
        let output = command.output().unwrap_or_else(|error| panic!("start {line}: {error}"));
        let code = output.status.code().or_else(|| output.status.signal().map(|signal| 128 + signal));
        Self {
            command: line,
            code: code.expect("an exit status or a signal"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Asserts success and returns standard output without its last newline.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}\nstdout: {}\nstderr: {}", self.command, self.stdout, self.stderr);
        self.stdout.strip_suffix('\n').unwrap_or(&self.stdout).to_owned()
    }

    /// Asserts failure with exactly this exit code and returns standard error without its last newline.
    #[track_caller]
    pub fn fails_with(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\nstdout: {}\nstderr: {}", self.command, self.stdout, self.stderr);
        self.stderr.strip_suffix('\n').unwrap_or(&self.stderr).to_owned()
    }
}
