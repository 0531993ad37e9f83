//! Making the listening sockets of `-H`: unix, tcp (with TLS), and those that systemd passes.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use errdefs::{Context as _, Result, conflict, invalid};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use server::Listener;

use crate::config::Config;
use crate::{notify, tls};

/// Where clients look first.
pub(crate) const SOCKET: &str = "/run/hythe.sock";
/// Where Docker's clients look.
pub(crate) const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// Ports of TCP addresses without one: plain and TLS.
const PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// How long a listener is waited for that may be about to go.
const LAST_MOMENTS: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// The sockets and the files to remove at the end.
pub(crate) struct Sockets {
    pub(crate) listeners: Vec<Listener>,
    files: Vec<PathBuf>,
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Makes every socket of the configuration. Needs a tokio runtime around it.
///
/// # Errors
/// Conflict if a socket is in use; InvalidParameter for addresses that are none.
pub(crate) fn open(config: &Config) -> Result<Sockets> {
    let mut hosts = config.hosts.clone();
    if hosts.is_empty() {
        hosts.push(format!("unix://{SOCKET}"));
    }
    if config.docker_socket {
        hosts.push(format!("unix://{DOCKER_SOCKET}"));
    }
    let mut sockets = Sockets { listeners: Vec::new(), files: Vec::new() };
    for host in &hosts {
        match host.split_once("://").unwrap_or(("tcp", host)) {
            ("unix", path) => {
                let path = Path::new(if path.is_empty() { SOCKET } else { path });
                sockets.listeners.push(unix(path, &config.group)?);
                sockets.files.push(path.to_owned());
            }
            ("tcp", address) => sockets.listeners.push(tcp(address, config)?),
            ("fd", _) => activated(&mut sockets.listeners)?,
            _ => return Err(invalid(format!("invalid bind address ({host}): unsupported proto"))),
        }
    }
    Ok(sockets)
}

/// A unix socket of mode 0660, for the group if there is one of that name.
fn unix(path: &Path, group: &str) -> Result<Listener> {
    if let Ok(metadata) = std::fs::symlink_metadata(path) {
        let shown = path.display();
        if !metadata.file_type().is_socket() {
            return Err(conflict(format!("can't create unix socket {shown}: is a directory or a file")));
        }
        if listens(path) {
            return Err(conflict(format!("can't create unix socket {shown}: another daemon answers there")));
        }
        std::fs::remove_file(path).context(|| format!("remove the stale socket {shown}"))?;
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).context(|| format!("create {}", parent.display()))?;
    }
    // Nobody but root can connect before the group is set.
    let before = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = std::os::unix::net::UnixListener::bind(path);
    rustix::process::umask(before);
    let listener = bound.context(|| format!("can't create unix socket {}", path.display()))?;
    match group_id(group, &std::fs::read_to_string("/etc/group").unwrap_or_default()) {
        Some(gid) => std::os::unix::fs::chown(path, None, Some(gid)).context(|| "set the socket's group")?,
        None => tracing::debug!(group, "no such group: the socket is root's"),
    }
    let mode = std::fs::Permissions::from_mode(0o660);
    std::fs::set_permissions(path, mode).context(|| "set the socket's mode")?;
    unix_listener(listener)
}

/// Whether somebody listens there, and goes on with it. The child of a daemon that was killed while it started a program
/// has its descriptors until that program runs, a moment later.
fn listens(path: &Path) -> bool {
    let connect = || std::os::unix::net::UnixStream::connect(path);
    let Ok(stream) = connect() else { return false };
    let mut waiting = [PollFd::new(&stream, PollFlags::IN)];
    let closed = rustix::io::retry_on_intr(|| poll(&mut waiting, Some(&LAST_MOMENTS))) != Ok(0);
    !closed || connect().is_ok()
}

/// A group's number: itself, or from the text of `/etc/group`.
fn group_id(group: &str, text: &str) -> Option<u32> {
    let by_name = || {
        text.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == group).then(|| fields.nth(1)?.parse().ok()).flatten()
        })
    };
    group.parse().ok().or_else(by_name)
}

fn unix_listener(listener: std::os::unix::net::UnixListener) -> Result<Listener> {
    listener.set_nonblocking(true).context(|| "listen")?;
    tokio::net::UnixListener::from_std(listener).map(Listener::Unix).context(|| "listen")
}

fn tcp(address: &str, config: &Config) -> Result<Listener> {
    let default_port = if config.tls.enabled { TLS_PORT } else { PORT };
    let address = resolve(address, default_port)?;
    let acceptor = config.tls.enabled.then(|| tls::acceptor(&config.tls)).transpose()?;
    if !config.tls.verify {
        tracing::warn!(
            %address,
            "the API is open to everyone who reaches this address, and that is root's power over this machine; \
             use --tlsverify"
        );
    }
    let listener = std::net::TcpListener::bind(address).context(|| format!("listen on tcp {address}"))?;
    tcp_listener(listener, acceptor)
}

fn tcp_listener(listener: std::net::TcpListener, tls: Option<tokio_rustls::TlsAcceptor>) -> Result<Listener> {
    Ok(Listener::Tcp(into_tokio(listener)?, tls))
}

/// The listener of `--metrics-addr`.
///
/// # Errors
/// If the address is none or is in use.
pub(crate) fn metrics(address: &str) -> Result<std::net::TcpListener> {
    let wrong = |why: &dyn std::fmt::Display| invalid(format!("metrics-addr {address}: {why}"));
    let address = address.to_socket_addrs().map_err(|error| wrong(&error))?.next();
    let address = address.ok_or_else(|| wrong(&"no address"))?;
    std::net::TcpListener::bind(address).context(|| format!("listen for metrics on {address}"))
}

/// The listener as tokio's; needs its runtime around it.
///
/// # Errors
/// `fcntl`, or if the runtime ends.
pub(crate) fn into_tokio(listener: std::net::TcpListener) -> Result<tokio::net::TcpListener> {
    listener.set_nonblocking(true).context(|| "listen")?;
    tokio::net::TcpListener::from_std(listener).context(|| "listen")
}

/// `host:port`, either part optional; without a host it is loopback, never everything.
fn resolve(address: &str, default_port: u16) -> Result<SocketAddr> {
    let address = address.trim_end_matches('/');
    let wrong = || invalid(format!("invalid bind address: tcp://{address}"));
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, if port.is_empty() { default_port } else { port.parse().map_err(|_| wrong())? })
        }
        _ => (address, default_port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    (host, port).to_socket_addrs().ok().and_then(|mut all| all.next()).ok_or_else(wrong)
}

/// The sockets of systemd, of whatever family.
fn activated(listeners: &mut Vec<Listener>) -> Result<()> {
    let descriptors = notify::listen_fds()?;
    if descriptors.is_empty() {
        return Err(invalid(
            "no sockets found via socket activation: make sure the service was started by systemd",
        ));
    }
    for descriptor in descriptors {
        listeners.push(from_descriptor(descriptor)?);
    }
    Ok(())
}

fn from_descriptor(descriptor: OwnedFd) -> Result<Listener> {
    let family = rustix::net::getsockname(&descriptor).context(|| "a socket of systemd")?.address_family();
    if family == rustix::net::AddressFamily::UNIX {
        unix_listener(descriptor.into())
    } else {
        tcp_listener(descriptor.into(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_is_about_to_go_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        assert!(!listens(&path));
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let going = std::thread::spawn(move || {
            // It goes when somebody has come, without a word to him.
            poll(&mut [PollFd::new(&listener, PollFlags::IN)], None).unwrap();
        });
        assert!(!listens(&path));
        going.join().unwrap();
        let _stays = std::os::unix::net::UnixListener::bind(dir.path().join("other")).unwrap();
        assert!(listens(&dir.path().join("other")));
    }

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("0.0.0.0", "0.0.0.0:2375"),
            ("", "127.0.0.1:2375"),
            (":99", "127.0.0.1:99"),
            ("[::1]:5/", "[::1]:5"),
            ("[::1]", "[::1]:2375"),
        ] {
            assert_eq!(resolve(text, PORT).unwrap().to_string(), expected, "{text}");
        }
        assert!(resolve("127.0.0.1:x", PORT).is_err());
        assert!(resolve("127.0.0.1:99999", PORT).is_err());
    }

    #[test]
    fn groups() {
        let text = "root:x:0:\nhythe:x:123:me\nbroken\n";
        assert_eq!(group_id("hythe", text), Some(123));
        assert_eq!(group_id("42", text), Some(42));
        assert_eq!(group_id("broken", text), None);
        assert_eq!(group_id("nobody", text), None);
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s");
        let first = unix(&path, "nosuchgroup").unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        assert!(unix(&path, "nosuchgroup").is_err(), "the first one lives");
        drop(first);
        unix(&path, "nosuchgroup").unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(unix(&file, "nosuchgroup").is_err());
    }
}
