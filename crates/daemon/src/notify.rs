//! What whoever started the daemon hears: systemd's notification, and one byte on a pipe.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use errdefs::{Context as _, Result};

/// The first descriptor that systemd passes.
const FIRST_LISTEN_FD: i32 = 3;

/// Tells systemd, if it asked for it (`sd_notify(3)`); `state` is `READY=1` and the like.
pub(crate) fn systemd(state: &str) {
    let Some(name) = crate::environment("NOTIFY_SOCKET") else { return };
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&name),
    };
    let sent = address.and_then(|address| {
        let socket = UnixDatagram::unbound()?;
        socket.send_to_addr(state.as_bytes(), &address)
    });
    if let Err(error) = sent {
        tracing::warn!(%error, "cannot notify systemd");
    }
}

/// Tells systemd that the configuration is being read again; it waits for `READY=1` then (`Type=notify-reload`).
pub(crate) fn reloading() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
    systemd(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
}

/// Takes the descriptor of `--ready-fd`; early, so that nothing started meanwhile inherits it.
///
/// # Errors
/// If there is no such descriptor.
pub(crate) fn take_ready(number: i32) -> Result<std::fs::File> {
    sys::fd::inherited(number).map(Into::into).context(|| format!("--ready-fd={number}"))
}

/// Says on that descriptor that the daemon answers.
pub(crate) fn ready(mut pipe: std::fs::File) {
    // Whoever asked may have given up.
    let _ = pipe.write_all(b"\n");
}

/// The sockets that systemd passes (`sd_listen_fds(3)`).
///
/// # Errors
/// If one of them does not exist.
pub(crate) fn listen_fds() -> Result<Vec<OwnedFd>> {
    let number = |name: &str| crate::environment(name).and_then(|text| text.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Ok(Vec::new());
    }
    let count = i32::try_from(number("LISTEN_FDS").unwrap_or(0)).unwrap_or(0);
    (FIRST_LISTEN_FD..FIRST_LISTEN_FD + count)
        .map(|fd| sys::fd::inherited(fd).context(|| format!("descriptor {fd} of systemd")))
        .collect()
}
