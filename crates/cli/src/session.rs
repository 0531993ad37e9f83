//! A container's or exec's standard streams joined to ours: input one way, output the other, each at its own pace.
//!
//! The main thread carries the output; one thread carries the input, so that its end can be passed on (half close)
//! while output still comes. That thread is left alone when the output ends: it may wait for a key for ever. The
//! detach keys are looked for on this side too, so that they are not sent before they are complete.

pub(crate) mod keys;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use client::{Client, Session, SessionWriter, demux};

use crate::cli::Cli;
use crate::failure::{Failure, Outcome};
use crate::{interrupt, terminal};

/// One read of standard input.
const INPUT_BYTES: usize = 32 * 1024;

/// How the streams are joined.
pub(crate) struct Streams {
    /// Whether our standard input is sent.
    pub(crate) stdin: bool,
    /// Whether the other side has a terminal: its output is one raw stream.
    pub(crate) tty: bool,
    /// The detach keys as the user wrote them; the default ones if empty.
    pub(crate) detach_keys: String,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The output is over.
    Output,
    /// The user pressed the detach keys.
    Detached,
}

/// Standard output without a buffer: the demultiplexer gathers already.
pub(crate) fn output() -> Outcome<File> {
    Ok(File::from(std::io::stdout().as_fd().try_clone_to_owned()?))
}

/// Standard error without a buffer.
pub(crate) fn error() -> Outcome<File> {
    Ok(File::from(std::io::stderr().as_fd().try_clone_to_owned()?))
}

/// The detach keys in force: the flag's, else the configured ones.
pub(crate) fn detach_keys(cli: &Cli, flag: &str) -> String {
    if flag.is_empty() { cli.config().text("detachKeys").to_owned() } else { flag.to_owned() }
}

/// Refuses a terminal session without a terminal.
pub(crate) fn check_tty(stdin: bool, tty: bool) -> Outcome {
    if tty && stdin && !terminal::is_input() {
        return Err(Failure::new("the input device is not a TTY"));
    }
    Ok(())
}

/// Carries the streams until the output ends or the user detaches. The terminal is in raw mode meanwhile if both sides
/// have one.
pub(crate) fn run(session: Session, streams: &Streams) -> Outcome<Ended> {
    let raw = streams.tty && streams.stdin && terminal::is_input();
    let detached = Arc::new(AtomicBool::new(false));
    let Session { output: from, input, .. } = session;
    let mut unused_input = None;
    if streams.stdin {
        let keys =
            if streams.tty { keys::parse(&streams.detach_keys).map_err(Failure::new)? } else { Vec::new() };
        if raw {
            terminal::make_raw()?;
        }
        let detached = Arc::clone(&detached);
        std::thread::Builder::new()
            .name("stdin".into())
            .spawn(move || carry_input(input, &keys, &detached))?;
    } else {
        unused_input = Some(input);
    }
    let mut source = demux::buffered(from);
    let mut to_output = output()?;
    let carried = if streams.tty {
        demux::copy_raw(&mut source, &mut to_output)
    } else {
        demux::copy(&mut source, &mut to_output, &mut error()?)
    };
    drop(unused_input);
    if raw {
        terminal::restore();
    }
    if detached.load(Ordering::Acquire) {
        return Ok(Ended::Detached);
    }
    carried?;
    Ok(Ended::Output)
}

fn carry_input(mut input: SessionWriter, keys: &[u8], detached: &AtomicBool) {
    let mut watch = keys::Watch::new(keys);
    let mut buffer = vec![0; INPUT_BYTES];
    let mut stdin = std::io::stdin().lock();
    loop {
        let bytes = match stdin.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => break,
            Ok(count) => buffer.get(..count).unwrap_or_default(),
        };
        let (passed, complete) = watch.pass(bytes);
        // A container that no longer reads ends the session by itself.
        if input.write_all(&passed).is_err() {
            break;
        }
        if complete {
            detached.store(true, Ordering::Release);
            // Ends the main thread's read; the container keeps running.
            let _ = input.abort();
            return;
        }
    }
    let _ = input.close();
}

/// What signals do while a session lasts.
pub(crate) struct Signals {
    /// The container or exec whose terminal follows ours, if it has one.
    pub(crate) resize: Option<Target>,
    /// The container that gets our signals, if they are passed on.
    pub(crate) proxy: Option<String>,
}

/// What has a terminal.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Container(String),
    Exec(String),
}

/// Gives the terminal there the size of ours.
pub(crate) fn resize(client: &Client, target: &Target) {
    if let Some((height, width)) = terminal::size() {
        resize_to(client, target, height, width);
    }
}

/// Gives the terminal there another size than ours.
pub(crate) fn jolt(client: &Client, target: &Target) {
    if let Some((height, width)) = terminal::size() {
        resize_to(client, target, height.saturating_add(1), width.saturating_add(1));
    }
}

fn resize_to(client: &Client, target: &Target, height: u16, width: u16) {
    // The size is a courtesy; a process that has ended meanwhile needs none.
    let _ = match target {
        Target::Container(id) => client.container_resize(id, height, width),
        Target::Exec(id) => client.exec_resize(id, height, width),
    };
}

/// The handling of signals: until a session is there they do what they do to any program, after that what it wants.
pub(crate) struct Control(Arc<OnceLock<(Arc<Client>, Signals)>>);

impl Control {
    /// Takes the signals, in a thread of its own. Must come before any other thread is started.
    pub(crate) fn take() -> Outcome<Self> {
        interrupt::block();
        let active: Arc<OnceLock<(Arc<Client>, Signals)>> = Arc::default();
        let watched = Arc::clone(&active);
        interrupt::each(move |signal| match watched.get() {
            None => interrupt::die(signal),
            Some((client, signals)) => signals.handle(client, signal),
        })?;
        Ok(Self(active))
    }

    /// Handles signals as `signals` says from now on.
    pub(crate) fn hand_over(&self, client: &Arc<Client>, signals: Signals) {
        // Called once a session; a second call would change nothing.
        let _ = self.0.set((Arc::clone(client), signals));
    }
}

impl Signals {
    fn handle(&self, client: &Client, signal: i32) {
        match (&self.resize, &self.proxy) {
            (Some(target), _) if signal == interrupt::WINCH => resize(client, target),
            (_, Some(container)) if !interrupt::is_private(signal) => {
                // The container may have ended already; then our own end is near too.
                let _ = client.container_kill(container, &interrupt::name(signal));
            }
            (_, None) => interrupt::die(signal),
            _ => {}
        }
    }
}
