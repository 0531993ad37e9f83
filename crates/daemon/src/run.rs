//! The life of the daemon, step by step: lock, sockets, state, clients, signals, end.
//!
//! The sockets exist before the state is loaded, so that a client that comes early waits instead of failing; it is
//! answered when everything that lives has been taken back.

use std::sync::Arc;
use std::time::Duration;

use errdefs::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{self, Asked, Config};
use crate::listen::Sockets;
use crate::lock::{Lock, PidFile};
use crate::{listen, log, notify, wire};

/// Threads that run asynchronous code: it only moves bytes and waits.
const WORKERS: usize = 2;
/// Threads for engine calls. A waiting `stop` or a pull holds one; more callers queue.
const BLOCKING: usize = 512;
/// Idle threads stay for the next command of somebody at a terminal, then give their stacks back.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Stacks of engine calls: the deepest is a JSON document.
const STACK: usize = 1 << 20;
/// Heaps that all threads share: enough that they seldom wait for each other.
const HEAPS: u16 = 2;
/// How long calls under way may go on after the end has been asked for; containers are not in danger.
const GRACE: Duration = Duration::from_secs(1);

/// Takes as many descriptors as may be had: a container with a thousand published ports brings two thousand sockets, which
/// pass through here to its shim, and service managers start programs with a limit of 1,024.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If it is refused, everything works but such containers.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Runs until a signal ends it.
///
/// # Errors
/// What prevents the start, or a broken listening socket.
pub(crate) fn run(config: Config, args: Vec<String>) -> Result<()> {
    let level = log::start(&config.log_level, config.log_json);
    raise_descriptor_limit();
    sys::memory::share_heaps(HEAPS);
    for name in &config.ignored {
        tracing::info!("--{name} has no meaning for this engine and is ignored");
    }
    let ready = config.ready_fd.map(notify::take_ready).transpose()?;
    for (dir, mode) in [(&config.data_root, 0o710), (&config.exec_root, 0o710)] {
        directory(dir, mode)?;
    }
    let _lock = Lock::take(&config.data_root)?;
    let _pidfile = config.pidfile.as_deref().map(PidFile::write).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING)
        .thread_keep_alive(KEEP_ALIVE)
        .thread_stack_size(STACK)
        .thread_name("hythed")
        // A thread that has had nothing to do for a while ends: a burst of work is over.
        .on_thread_stop(sys::memory::trim)
        .enable_all()
        .build()
        .context(|| "start the runtime")?;
    let sockets = {
        let _inside = runtime.enter();
        listen::open(&config)?
    };
    let metrics = config.metrics_addr.as_deref().map(listen::metrics).transpose()?;
    let wired = wire::build(&config)?;
    let handles = Arc::clone(&wired.handles);
    if let Some(listener) = metrics {
        let _inside = runtime.enter();
        let listener = listen::into_tokio(listener)?;
        runtime.spawn(server::serve_metrics(listener, handles.system.clone()));
    }
    let reload = || reload(&level, &wired, &args);
    let ended = runtime.block_on(serve(sockets, Arc::clone(&handles), reload, move || {
        tracing::info!("the engine answers");
        notify::systemd("READY=1");
        if let Some(pipe) = ready {
            notify::ready(pipe);
        }
    }));
    notify::systemd("STOPPING=1");
    handles.containers.shutdown();
    end(runtime);
    ended
}

fn end(runtime: Runtime) {
    runtime.shutdown_timeout(GRACE);
    tracing::info!("the engine has ended; containers live on");
}

fn directory(path: &std::path::Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let shown = || format!("create {}", path.display());
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path).context(shown)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).context(shown)
}

/// Serves all sockets until TERM or INT.
async fn serve(
    mut sockets: Sockets,
    handles: Arc<server::Handles>,
    reload: impl Fn(),
    answering: impl FnOnce(),
) -> Result<()> {
    let watch = |kind| signal(kind).context(|| "watch signals");
    let (mut term, mut int) = (watch(SignalKind::terminate())?, watch(SignalKind::interrupt())?);
    let mut hangup = watch(SignalKind::hangup())?;
    let mut serving = tokio::task::JoinSet::new();
    for listener in sockets.listeners.drain(..) {
        serving.spawn(server::serve(listener, Arc::clone(&handles)));
    }
    answering();
    loop {
        tokio::select! {
            _ = term.recv() => return Ok(()),
            _ = int.recv() => return Ok(()),
            _ = hangup.recv() => reload(),
            Some(broken) = serving.join_next() => {
                let error = match broken {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                };
                return Err(errdefs::system(format!("a listening socket broke: {error}")));
            }
        }
    }
}

/// Reads the configuration again and takes over what can change while running; a broken file changes nothing.
fn reload(level: &log::Level, wired: &wire::Wired, args: &[String]) {
    tracing::info!("Got signal to reload configuration");
    notify::reloading();
    match config::read(args.iter().cloned()) {
        Ok(Asked::Run(config)) => {
            level.set(&config.log_level);
            wired.reconfigure(&config);
            tracing::info!("Reloaded configuration");
        }
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "Error reloading configuration"),
    }
    notify::systemd("READY=1");
}
