//! Where an engine listens: `unix://PATH`, `tcp://HOST:PORT`, `ssh://[USER@]HOST[:PORT]`.
//!
//! The texts of the errors are those of Docker's client, since scripts match them.

use std::fmt;
use std::path::PathBuf;

use errdefs::invalid;

/// The port of an engine without TLS when the address names none.
const PORT_PLAIN: &str = "2375";
/// The port of an engine with TLS when the address names none.
const PORT_TLS: &str = "2376";

/// The certificates of a TLS connection. All paths name PEM files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// Authorities the server's certificate must be signed by; the system's if none.
    pub ca: Option<PathBuf>,
    /// The client's certificate.
    pub cert: Option<PathBuf>,
    /// The key of the client's certificate.
    pub key: Option<PathBuf>,
    /// Accept any server certificate (`--tls` without `--tlsverify`).
    pub insecure: bool,
}

/// The parts of an `ssh://` address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    /// The login name, if the address has one.
    pub user: Option<String>,
    /// The host.
    pub host: String,
    /// The port, if the address has one.
    pub port: Option<String>,
    /// The socket's path over there, if the address has one.
    pub path: Option<String>,
    /// Whether `hythe` is looked for over there before `docker`. If not, `ssh` is called with the very words of
    /// Docker's client, which hosts may have been told to allow.
    pub ours_first: bool,
}

/// Where the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// `HOST:PORT`, with TLS if there are options for it.
    Tcp {
        /// `HOST:PORT`.
        address: String,
        /// The certificates, if TLS is spoken.
        tls: Option<TlsOptions>,
    },
    /// Through `ssh`.
    Ssh(Ssh),
}

impl TlsOptions {
    /// Reads the certificates and throws them away: is there anything wrong with them?
    ///
    /// # Errors
    /// What is wrong, naming the file.
    pub fn check(&self) -> errdefs::Result<()> {
        crate::tls::check(self).map_err(|error| invalid(error.to_string()))
    }
}

impl Endpoint {
    /// Parses the value of `--host` or `DOCKER_HOST`.
    pub fn parse(host: &str, tls: Option<TlsOptions>) -> errdefs::Result<Self> {
        let bad = || invalid(format!("invalid bind address format: {host}"));
        let (protocol, rest) = host.split_once("://").unwrap_or(("tcp", host));
        match protocol {
            "unix" => {
                Ok(Self::Unix(PathBuf::from(if rest.is_empty() { "/var/run/docker.sock" } else { rest })))
            }
            "tcp" => {
                let rest = rest.split('/').next().unwrap_or_default();
                let port = rest.rsplit_once(':').filter(|_| !rest.ends_with(']')).map(|(_, port)| port);
                if let Some(port) = port.filter(|port| !port.bytes().all(|byte| byte.is_ascii_digit())) {
                    return Err(invalid(format!(
                        "parse \"tcp://{rest}\": invalid port \":{port}\" after host"
                    )));
                }
                Ok(Self::Tcp { address: tcp_address(rest, tls.is_some()), tls })
            }
            "ssh" => parse_ssh(rest).map(Self::Ssh).map_err(|reason| {
                invalid(format!("ssh host connection is not valid: invalid SSH URL: {reason}"))
            }),
            "npipe" => Err(invalid("protocol not available")),
            "fd" => Err(invalid(format!("unable to parse docker host `{host}`"))),
            _ => Err(bad()),
        }
    }

    /// What stands before the path of a request in errors, as Go's client writes it.
    pub(crate) fn base_url(&self) -> String {
        match self {
            Self::Unix(path) => {
                format!("http://{}", path.display().to_string().replace('/', "%2F"))
            }
            Self::Tcp { address, tls: None } => format!("http://{address}"),
            Self::Tcp { address, tls: Some(_) } => format!("https://{address}"),
            Self::Ssh(_) => "http://docker.example.com".to_owned(),
        }
    }

    /// The value of the `Host` header; for sockets that have no name, the one the Go client sends too.
    pub(crate) fn host_header(&self) -> &str {
        match self {
            Self::Unix(_) | Self::Ssh(_) => "api.moby.localhost",
            Self::Tcp { address, .. } => address,
        }
    }
}

fn tcp_address(rest: &str, tls: bool) -> String {
    let port = if tls { PORT_TLS } else { PORT_PLAIN };
    match rest {
        "" => format!("localhost:{port}"),
        _ if rest.starts_with(':') => format!("localhost{rest}"),
        _ if rest.ends_with(']') || !rest.contains(':') => format!("{rest}:{port}"),
        _ => rest.to_owned(),
    }
}

/// Parses what follows `ssh://`; the error is what is wrong with it.
fn parse_ssh(rest: &str) -> Result<Ssh, String> {
    let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(rest, after)| (rest, Some(after)));
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, after)| (rest, Some(after)));
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| {
        (authority, (!path.is_empty()).then(|| format!("/{path}")))
    });
    let (user, host) =
        authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user.to_owned()), host));
    let (host, port) = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') => (name, Some(port.to_owned())),
        _ => (host, None),
    };
    if user.as_ref().is_some_and(|user| user.contains(':')) {
        return Err("plain-text password is not supported".to_owned());
    }
    if host.is_empty() {
        return Err("hostname is empty".to_owned());
    }
    // A leading dash would be an option to ssh.
    if host.starts_with('-') || user.as_ref().is_some_and(|user| user.starts_with('-')) {
        return Err(format!("invalid character '-' at the start of {authority:?}"));
    }
    if let Some(query) = query {
        return Err(format!("query parameters are not allowed: {query:?}"));
    }
    if let Some(fragment) = fragment {
        return Err(format!("fragments are not allowed: {fragment:?}"));
    }
    Ok(Ssh { user, host: host.to_owned(), port, path, ours_first: false })
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { address, .. } => write!(f, "tcp://{address}"),
            Self::Ssh(ssh) => write!(f, "ssh://{}", ssh.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, shown) in [
            ("unix:///run/x.sock", "unix:///run/x.sock"),
            ("unix://", "unix:///var/run/docker.sock"),
            ("tcp://", "tcp://localhost:2375"),
            ("tcp://:99", "tcp://localhost:99"),
            ("tcp://h", "tcp://h:2375"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("tcp://[::1]:8/x", "tcp://[::1]:8"),
            ("h:1", "tcp://h:1"),
        ] {
            assert_eq!(Endpoint::parse(text, None).unwrap().to_string(), shown, "{text}");
        }
        assert_eq!(
            Endpoint::parse("foo://x", None).unwrap_err().to_string(),
            "invalid bind address format: foo://x"
        );
    }

    #[test]
    fn ssh_addresses() {
        let parsed = parse_ssh("me@box:22/run/d.sock").unwrap();
        assert_eq!(
            (parsed.user.as_deref(), parsed.host.as_str(), parsed.port.as_deref(), parsed.path.as_deref()),
            (Some("me"), "box", Some("22"), Some("/run/d.sock"))
        );
        for (text, reason) in [
            ("-oProxyCommand=x", "invalid character '-' at the start of \"-oProxyCommand=x\""),
            ("me:pw@box", "plain-text password is not supported"),
            ("", "hostname is empty"),
            ("box/a?b", "query parameters are not allowed: \"b\""),
            ("box#c", "fragments are not allowed: \"c\""),
        ] {
            assert_eq!(parse_ssh(text).unwrap_err(), reason);
        }
    }
}
