//! Starting a program from a descriptor at the speed of `posix_spawn`: the caller's memory is shared until `execve`,
//! never copied, so the cost does not grow with the caller.
//!
//! Why not `posix_spawn` itself: it cannot execute a descriptor, place descriptors without racing other threads'
//! opens, or return a pidfd. Why not [`crate::fork`]: a process with threads must not fork.

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::process::Pid;

use crate::{CallError, Result, clone};

/// What to start.
#[derive(Debug)]
pub struct Program<'a> {
    /// The executable: a sealed memfd, or any file opened for reading or with `O_PATH`.
    pub file: BorrowedFd<'a>,
    /// Arguments, the first being the name it sees.
    pub args: Vec<CString>,
    /// Its whole environment.
    pub env: Vec<CString>,
    /// Descriptors it gets: the first as 0, the second as 1, and so on. All others are closed.
    pub fds: &'a [BorrowedFd<'a>],
    /// Whether it leads a session of its own, so that no terminal's signals reach it.
    pub new_session: bool,
}

/// Room for the child's few frames until `execve`; it calls nothing deep.
const STACK_BYTES: usize = 64 * 1024;

/// What the child needs, prepared by the parent because the child must not allocate.
struct Request {
    file: RawFd,
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
    fds: Vec<RawFd>,
    new_session: bool,
    /// Written by the child, which shares this memory, if it fails before or in `execveat`.
    failed: libc::c_int,
}

/// Starts the program; returns when it has begun, or with why it could not.
///
/// # Errors
/// `clone`, or the child's `dup3`/`execveat` (`ENOEXEC`, `EACCES`, `ENOENT`...).
pub fn spawn(program: &Program<'_>) -> Result<(Pid, OwnedFd)> {
    let pointers =
        |strings: &[CString]| strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect();
    let mut request = Request {
        file: program.file.as_raw_fd(),
        argv: pointers(&program.args),
        envp: pointers(&program.env),
        fds: program.fds.iter().map(AsRawFd::as_raw_fd).collect(),
        new_session: program.new_session,
        failed: 0,
    };
    let mut stack = vec![0_u128; STACK_BYTES / size_of::<u128>()];
    // SAFETY: CLONE_VFORK suspends this thread until the child has left our memory, so that the stack and `request` outlive
    // its use of them.
    let (pid, pidfd) = unsafe {
        clone::on_stack(&mut stack, child, (&raw mut request).cast(), libc::CLONE_VFORK)
            .map_err(|errno| CallError::new("clone", "", errno))?
    };
    // SAFETY: the child is gone from this memory; volatile because it was another process that wrote it.
    let failed = unsafe { std::ptr::read_volatile(&raw const request.failed) };
    drop(stack);
    if failed == 0 {
        return Ok((pid, pidfd));
    }
    let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
    Err(CallError::new("execveat", "", Errno::from_raw_os_error(failed)))
}

/// Runs in the child on the parent's memory: system calls only, no allocation, no locks, no unwinding.
extern "C" fn child(argument: *mut libc::c_void) -> libc::c_int {
    let request = argument.cast::<Request>();
    // SAFETY: the parent keeps the request alive and untouched while it is suspended. Only raw calls are made, and the
    // descriptor table is this process's own (no CLONE_FILES).
    unsafe {
        let number = become_program(&*request);
        std::ptr::write_volatile(&raw mut (*request).failed, number);
        libc::_exit(127)
    }
}

/// Sets the child up and executes; returns the error number of the step that failed.
///
/// # Safety
/// Only in a process about to execute or exit, with a request whose pointers are valid.
unsafe fn become_program(request: &Request) -> libc::c_int {
    // SAFETY: as the caller promises; every pointer passed is from the request or to this stack.
    unsafe {
        let count = request.fds.len() as RawFd;
        // Above every target first, so that placing one cannot overwrite another not yet placed.
        let file = libc::fcntl(request.file, libc::F_DUPFD_CLOEXEC, count + 1);
        if file < 0 {
            return *libc::__errno_location();
        }
        let mut floor = file + 1;
        for &fd in &request.fds {
            floor = floor.max(fd + 1);
        }
        for (index, &fd) in request.fds.iter().enumerate() {
            if libc::dup3(fd, floor + index as RawFd, libc::O_CLOEXEC) < 0 {
                return *libc::__errno_location();
            }
        }
        for index in 0..count {
            if libc::dup2(floor + index, index) < 0 {
                return *libc::__errno_location();
            }
        }
        libc::syscall(libc::SYS_close_range, count, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
        if request.new_session {
            libc::setsid();
        }
        crate::signal::reset_all();
        libc::syscall(
            libc::SYS_execveat,
            file,
            c"".as_ptr(),
            request.argv.as_ptr(),
            request.envp.as_ptr(),
            libc::AT_EMPTY_PATH,
        );
        *libc::__errno_location()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{WaitOptions, waitpid};
    use std::os::fd::AsFd;

    #[test]
    fn starts_a_program_from_its_descriptor_with_exactly_the_given_fds() {
        let file = std::fs::File::open("/bin/sh").unwrap();
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        let fds = [null.as_fd(), writer.as_fd()];
        let program = Program {
            file: file.as_fd(),
            args: vec![c"sh".into(), c"-c".into(), c"ls /proc/self/fd | tr '\\n' ' '; echo $X".into()],
            env: vec![c"X=y".into(), c"PATH=/usr/bin:/bin".into()],
            fds: &fds,
            new_session: true,
        };
        let (pid, _pidfd) = spawn(&program).unwrap();
        drop(writer);
        let mut out = String::new();
        std::io::Read::read_to_string(&mut std::fs::File::from(reader), &mut out).unwrap();
        waitpid(Some(pid), WaitOptions::empty()).unwrap();
        // 0 and 1 were given; 2 is the directory `ls` itself has open.
        assert_eq!(out, "0 1 2 y\n");
    }

    #[test]
    fn reports_what_cannot_be_executed() {
        let file = std::fs::File::open("/etc/passwd").unwrap();
        let program = Program {
            file: file.as_fd(),
            args: vec![c"x".into()],
            env: vec![],
            fds: &[],
            new_session: false,
        };
        assert_eq!(spawn(&program).unwrap_err().errno(), Errno::ACCESS);
    }
}
