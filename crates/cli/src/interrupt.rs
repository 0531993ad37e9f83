//! Signals as events: all are blocked, and one thread takes them.
//!
//! Invariant: [`block`] runs before any other thread exists, so no signal can end the program while the terminal is
//! in raw mode without passing here. `SIGPIPE` is not meant: the standard library ignores it.

/// The number that `run` reports for a program ended by a signal is this plus the signal's.
pub(crate) const EXIT_SIGNAL: i32 = 128;

/// Terminal size changed.
pub(crate) const WINCH: i32 = 28;
const CHLD: i32 = 17;
const PIPE: i32 = 13;
const URG: i32 = 23;
const CONT: i32 = 18;
/// The signals that stop a program: the terminal's stop key, and use of the terminal in the background.
const STOPPING: [i32; 3] = [20, 21, 22];

/// Names by number, as `kill` in a container understands them.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Blocks all signals in this thread and those it starts.
pub(crate) fn block() {
    sys::signal::block_all();
}

/// Calls `on` for each signal, in a thread of its own, for as long as the program lives.
pub(crate) fn each(on: impl Fn(i32) + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            loop {
                match sys::signal::wait_any() {
                    Ok(signal) => on(signal),
                    Err(_) => continue,
                }
            }
        })
        .map(drop)
}

/// True for signals that concern only this process.
pub(crate) fn is_private(signal: i32) -> bool {
    matches!(signal, CHLD | PIPE | URG)
}

/// True for signals whose default action does nothing, so that an unproxied one changes nothing.
fn is_harmless(signal: i32) -> bool {
    is_private(signal) || matches!(signal, WINCH | CONT)
}

/// The name to send on; real-time signals by number.
pub(crate) fn name(signal: i32) -> String {
    usize::try_from(signal - 1)
        .ok()
        .and_then(|at| NAMES.get(at))
        .map_or_else(|| signal.to_string(), |name| (*name).into())
}

/// Does what the signal does to a program that knows nothing of it, but with the terminal restored.
pub(crate) fn die(signal: i32) {
    if is_harmless(signal) {
        return;
    }
    if STOPPING.contains(&signal) {
        // What the terminal's stop key does to a program that does not look.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
        return;
    }
    crate::terminal::restore();
    std::process::exit(EXIT_SIGNAL + signal);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!((name(15), name(1), name(34)), ("TERM".into(), "HUP".into(), "34".into()));
    }
}
