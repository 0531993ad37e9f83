//! `hythe`: the command line of the container engine; called as `docker` it is the `docker` command.
//!
//! Invariants: nothing is read, connected to or set up before a command needs it, for a command should cost no more
//! than its request. No async runtime. The process ends in one place, after standard output is flushed and the
//! terminal restored.

mod autostart;
mod cli;
mod command;
mod config;
mod connect;
mod context;
mod credentials;
mod environment;
mod failure;
mod flag;
mod format;
mod help;
mod hint;
mod interrupt;
mod manual;
mod needs;
mod opts;
mod plugin;
mod progress;
mod prompt;
mod pruning;
mod session;
mod terminal;
mod trust;

use std::io::Write as _;

/// musl's own allocator asks the kernel for memory a page or two at a time, a hundred times for one `ps`.
#[cfg(target_env = "musl")]
#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let called = words.next().unwrap_or_default();
    let name = called.rsplit('/').next().unwrap_or_default();
    let prog = if name == "docker" { "docker" } else { "hythe" };
    let outcome = cli::run(prog, &called, &words.collect::<Vec<_>>());
    terminal::restore();
    let code = match outcome {
        Ok(()) => 0,
        Err(failure) => {
            if !failure.text.is_empty() {
                // Nobody is left to tell when standard error is closed.
                let _ = writeln!(std::io::stderr(), "{}", failure.text);
                // Called as `docker` it says what Docker's client says.
                if prog == "hythe"
                    && terminal::is_error()
                    && let Some(step) = hint::next_step(&failure.text)
                {
                    let _ = writeln!(std::io::stderr(), "Hint: {step}");
                }
            }
            failure.code
        }
    };
    std::process::exit(code);
}
