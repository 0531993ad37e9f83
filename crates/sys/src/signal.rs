//! Signals of a process about to run another program: default dispositions, nothing blocked; and sending by number.

use std::os::fd::{AsFd, AsRawFd, FromRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Pid;

use crate::{Result, check};

/// Highest signal number of Linux.
pub const HIGHEST: i32 = 64;

/// Whether [`keep_defaults`] was called, here or in a parent that was only forked from.
static ALL_DEFAULT: AtomicBool = AtomicBool::new(false);

/// Puts every signal back to its default action and unblocks all of them.
pub fn reset_all() {
    if !ALL_DEFAULT.load(Ordering::Relaxed) {
        (1..=HIGHEST).for_each(set_default);
    }
    let none = 0_u64;
    // SAFETY: an empty set on our own stack, read during the call.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const none,
            std::ptr::null_mut::<u64>(),
            size_of::<u64>(),
        );
    }
}

/// For a program that was executed with every signal at its default, as [`crate::spawn`] does it, and that takes its signals
/// by a descriptor: takes back what Rust's start has changed of that, so that no process forked from here has to make 64
/// calls before it executes another program. (Handlers, as Rust's for a stack overflow, end with `execve`.)
pub fn keep_defaults() {
    set_default(libc::SIGPIPE);
    ALL_DEFAULT.store(true, Ordering::Relaxed);
}

fn set_default(signal: i32) {
    /// The kernel's own form; the C library's refuses the signals it uses itself, which a parent may have left ignored.
    #[repr(C)]
    struct KernelAction {
        handler: usize,
        flags: libc::c_ulong,
        restorer: usize,
        mask: u64,
    }
    let default = KernelAction { handler: libc::SIG_DFL, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: the default action installs no code of ours; the struct lives through the call. KILL and STOP refuse.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            &raw const default,
            std::ptr::null_mut::<KernelAction>(),
            size_of::<u64>(),
        );
    }
}

/// Blocks every signal, for a process that takes them by `sigtimedwait` or a descriptor.
pub fn block_all() {
    // SAFETY: a full set on our own stack, read during the call.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
    }
}

/// Waits for any signal (all must be blocked) and returns its number.
///
/// # Errors
/// `sigwaitinfo`, `EINTR` included.
pub fn wait_any() -> Result<i32> {
    // SAFETY: set and info live on our own stack through the call.
    let signal = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigwaitinfo(&raw const all, std::ptr::null_mut())
    };
    check(libc::c_long::from(signal), "sigwaitinfo", "").map(|signal| signal as i32)
}

/// Sends `signal` (any number, 0 only asks whether the process is there) to the process of `pidfd`.
///
/// # Errors
/// `pidfd_send_signal`; `ESRCH` once the process has been reaped or is a zombie.
pub fn send(pidfd: impl AsFd, signal: i32) -> Result<()> {
    // SAFETY: a null info and no flags; only numbers are passed.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_fd().as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    check(result, "pidfd_send_signal", &signal.to_string()).map(drop)
}

/// Sends `signal` to the process `pid`, for children that cannot be mistaken because nobody reaps them but the caller.
///
/// # Errors
/// `kill`.
pub fn send_to(pid: Pid, signal: i32) -> Result<()> {
    // SAFETY: only numbers are passed.
    let result = unsafe { libc::kill(pid.as_raw_nonzero().get(), signal) };
    check(libc::c_long::from(result), "kill", &pid.as_raw_nonzero().to_string()).map(drop)
}

/// A descriptor that is readable when a child has ended; blocks `SIGCHLD` for it. Readings do not count the children:
/// after each, wait for them until there is none left.
///
/// # Errors
/// `signalfd`.
pub fn children() -> Result<OwnedFd> {
    // SAFETY: a set on our own stack, read during the calls; the new descriptor is owned by nobody else.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
        let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        check(libc::c_long::from(fd), "signalfd", "").map(|fd| OwnedFd::from_raw_fd(fd as i32))
    }
}
