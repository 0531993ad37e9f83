//! The one place where HTTP connections are made: TLS, trust, proxies, timeouts, and which addresses may be reached.
//!
//! Every agent in the tree comes from [`Transport`]; nothing else builds one, so nothing can forget to verify a
//! certificate. A `Transport` belongs to one operation and is shut down with it: no idle connection and no parsed
//! trust bundle outlives a pull.
//!
//! Invariant: with [`Reach::Public`] no connection is made to a private, loopback or link-local address, whatever a
//! name resolves to: the check is on the address that is dialled, so a second DNS answer cannot get around it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use errdefs::{Context, Result};
use parking_lot::Mutex;
use rustls::RootCertStore;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, TcpConnector,
};

use crate::cancel::Cancel;
use crate::config::{Config, Insecure};
use crate::limits;
use crate::secure::Secure;
use crate::trust;

/// Which addresses a request may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reach {
    /// Any: the user named this host.
    Any,
    /// Only public ones: a public registry named this host.
    Public,
}

/// Makes and keeps the HTTP agents of one operation.
pub(crate) struct Transport {
    pub(crate) config: Arc<Config>,
    cancel: Cancel,
    agents: Mutex<HashMap<(String, bool, Reach), ureq::Agent>>,
    roots: Mutex<Option<Arc<RootCertStore>>>,
    /// Set when a host the user named has a private address; see [`Transport::named_host_is_private`].
    private: Arc<AtomicBool>,
}

impl Transport {
    pub(crate) fn new(config: Arc<Config>, cancel: Cancel) -> Self {
        Self {
            config,
            cancel,
            agents: Mutex::default(),
            roots: Mutex::default(),
            private: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Whether any host dialled with [`Reach::Any`] had a private address: then the registry is on a private network,
    /// and what it names may be there too. Behind a proxy the address is not known and this stays `false`.
    pub(crate) fn named_host_is_private(&self) -> bool {
        self.private.load(Ordering::Relaxed)
    }

    /// Whether `authority` (`host[:port]`) is one that the user declared insecure, or loopback.
    pub(crate) fn is_insecure(config: &Config, authority: &str) -> bool {
        let authority = authority.to_ascii_lowercase();
        let host = bare_host(&authority);
        let named = |insecure: &Insecure| matches!(insecure, Insecure::Host(name) if *name == authority || *name == host);
        if host == "localhost" || config.insecure.iter().any(named) {
            return true;
        }
        let inside = |address: IpAddr| {
            address.is_loopback()
                || config
                    .insecure
                    .iter()
                    .any(|rule| matches!(rule, Insecure::Network(net) if net.contains(&address)))
        };
        if let Ok(address) = host.parse::<IpAddr>() {
            return inside(address);
        }
        // A name is looked up only if there is a network it could be in, as Docker does.
        let networks = config.insecure.iter().any(|rule| matches!(rule, Insecure::Network(_)));
        networks
            && (host.as_str(), 0)
                .to_socket_addrs()
                .is_ok_and(|addresses| addresses.into_iter().any(|address| inside(address.ip())))
    }

    /// The agent for a URL. `verify` is false only for hosts that [`Transport::is_insecure`] knows.
    pub(crate) fn agent(&self, uri: &Uri, verify: bool, reach: Reach) -> Result<ureq::Agent> {
        let authority =
            uri.authority().map(|authority| authority.as_str().to_ascii_lowercase()).unwrap_or_default();
        let https = uri.scheme_str() == Some("https");
        let key = (format!("{}://{authority}", if https { "https" } else { "http" }), verify, reach);
        if let Some(agent) = self.agents.lock().get(&key) {
            return Ok(agent.clone());
        }
        let agent = self.make_agent(&authority, https, verify, reach)?;
        let hook = agent.clone();
        self.cancel.on_cancel(move || hook.shutdown());
        self.agents.lock().insert(key, agent.clone());
        Ok(agent)
    }

    fn make_agent(&self, authority: &str, https: bool, verify: bool, reach: Reach) -> Result<ureq::Agent> {
        let host = bare_host(authority);
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let port = port.unwrap_or(if https { 443 } else { 80 });
        let proxy = match self.config.proxy.for_host(https, &host, port) {
            Some(url) => Some(ureq::Proxy::new(url).context(|| format!("proxy {url}"))?),
            None => None,
        };
        let secure =
            https || proxy.as_ref().is_some_and(|proxy| proxy.protocol() == ureq::ProxyProtocol::Https);
        if proxy.is_some() && reach == Reach::Public && host.parse::<IpAddr>().is_ok_and(|ip| !is_public(ip))
        {
            return Err(errdefs::forbidden(forbidden_text(&host)));
        }
        let resolver = match &proxy {
            // Only the proxy is looked up here, and where that is says nothing of the registry.
            Some(_) => PolicyResolver { reach: Reach::Any, private: Arc::default() },
            None => PolicyResolver { reach, private: self.private.clone() },
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .user_agent(self.config.user_agent.as_str())
            .accept_encoding("identity") // digests are over the bytes as stored
            .max_response_header_size(limits::HEADERS_MAX)
            .input_buffer_size(limits::READ_BUFFER)
            .output_buffer_size(limits::READ_BUFFER)
            .max_idle_connections(limits::IDLE_CONNECTIONS)
            .max_idle_connections_per_host(limits::IDLE_CONNECTIONS)
            .timeout_connect(Some(limits::CONNECT_TIMEOUT))
            .timeout_recv_response(Some(limits::ANSWER_TIMEOUT))
            .timeout_per_read(Some(limits::SILENCE_TIMEOUT))
            .timeout_per_write(Some(limits::SILENCE_TIMEOUT))
            .build();
        let secure = match secure {
            true => Some(Arc::new(trust::configure(&self.config, authority, &self.roots()?, verify)?)),
            false => None,
        };
        let connector =
            ().chain(ConnectProxyConnector::default()).chain(Dialer::default()).chain(Secure(secure));
        Ok(ureq::Agent::with_parts(config, connector, resolver))
    }

    /// The system's authorities, read once.
    fn roots(&self) -> Result<Arc<RootCertStore>> {
        let mut kept = self.roots.lock();
        if let Some(roots) = kept.as_ref() {
            return Ok(roots.clone());
        }
        Ok(kept.insert(Arc::new(trust::system(&self.config)?)).clone())
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.agents.get_mut().drain().for_each(|(_, agent)| agent.shutdown());
    }
}

/// The host of `host[:port]`, without the brackets of an IPv6 address.
pub(crate) fn bare_host(authority: &str) -> String {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default().to_owned();
    }
    authority.split(':').next().unwrap_or_default().to_owned()
}

/// Whether an address is one that the public internet routes.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b)) // carrier-grade NAT
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b)))
        }
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let embedded = match segments {
                [0, 0, 0, 0, 0, 0xffff | 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => {
                    let [.., a, b, c, d] = v6.octets();
                    Some(IpAddr::from([a, b, c, d]))
                }
                [0x2002, _, _, ..] => {
                    let [_, _, a, b, c, d, ..] = v6.octets();
                    Some(IpAddr::from([a, b, c, d]))
                }
                _ => None,
            };
            match embedded {
                Some(inner) => !v6.is_loopback() && !v6.is_unspecified() && is_public(inner),
                None => {
                    !(v6.is_multicast()
                        || (segments[0] & 0xfe00) == 0xfc00
                        || (segments[0] & 0xffc0) == 0xfe80
                        || (segments[0] & 0xffc0) == 0xfec0)
                }
            }
        }
    }
}

fn forbidden_text(host: &str) -> String {
    format!("refusing to connect to private address {host} on behalf of a public registry")
}

/// Looks names up and leaves out what the policy forbids.
#[derive(Debug)]
struct PolicyResolver {
    reach: Reach,
    private: Arc<AtomicBool>,
}

impl Resolver for PolicyResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = bare_host(uri.authority().map_or("", |authority| authority.as_str()));
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let found: Vec<SocketAddr> = (host.as_str(), port)
            .to_socket_addrs()
            .map_err(|_| ureq::Error::Other(Box::new(errdefs::unavailable(no_such_host(&host)))))?
            .collect();
        let mut allowed = self.empty();
        let limit = 16; // what `ResolvedSocketAddrs` can hold
        match self.reach {
            Reach::Any => {
                if found.iter().any(|address| !is_public(address.ip())) {
                    self.private.store(true, Ordering::Relaxed);
                }
                found.iter().take(limit).for_each(|address| allowed.push(*address));
            }
            Reach::Public => {
                found
                    .iter()
                    .filter(|found| is_public(found.ip()))
                    .take(limit)
                    .for_each(|found| allowed.push(*found));
                if allowed.is_empty() && !found.is_empty() {
                    return Err(ureq::Error::Other(Box::new(errdefs::forbidden(forbidden_text(&host)))));
                }
            }
        }
        if allowed.is_empty() {
            return Err(ureq::Error::Other(Box::new(errdefs::unavailable(no_such_host(&host)))));
        }
        Ok(allowed)
    }
}

fn no_such_host(host: &str) -> String {
    format!("dial tcp: lookup {host}: no such host")
}

/// Opens TCP connections, and says which address refused, as Go does.
#[derive(Debug, Default)]
struct Dialer(TcpConnector);

impl<In: ureq::unversioned::transport::Transport> Connector<In> for Dialer {
    type Out = <TcpConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        self.0.connect(details, chained).map_err(|error| {
            let address = details.addrs.iter().next().map(ToString::to_string).unwrap_or_default();
            let why = match &error {
                ureq::Error::Io(io) => crate::failure::errno_text(io),
                ureq::Error::Timeout(_) => "i/o timeout".to_owned(),
                other => other.to_string(),
            };
            let call = if matches!(error, ureq::Error::Timeout(_)) { "" } else { "connect: " };
            ureq::Error::Other(Box::new(errdefs::unavailable(format!("dial tcp {address}: {call}{why}"))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_disguise() {
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_private_address_is_not_dialled_for_a_public_registry() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let transport = Transport::new(Arc::new(Config::default()), Cancel::new());
        for host in ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1"] {
            let uri: Uri = format!("http://{host}:{port}/token").parse().unwrap();
            let agent = transport.agent(&uri, true, Reach::Public).unwrap();
            let failure = crate::failure::from_ureq(agent.get(uri).call().unwrap_err());
            let error = errdefs::Error::from(failure);
            assert_eq!(error.class(), errdefs::Class::Forbidden, "{host}: {error}");
        }
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "nobody connected");
        assert!(!transport.named_host_is_private());
    }

    #[test]
    fn loopback_and_listed_registries_are_insecure_and_others_are_not() {
        let config = Config {
            insecure: vec![
                "10.0.0.0/8".parse().unwrap(),
                "reg.test".parse().unwrap(),
                "a.test:5000".parse().unwrap(),
            ],
            ..Config::default()
        };
        for (authority, insecure) in [
            ("127.0.0.1:5000", true),
            ("127.3.4.5", true),
            ("[::1]:5000", true),
            ("localhost", true),
            ("10.9.9.9:1", true),
            ("reg.test:77", true),
            ("A.test:5000", true),
            ("a.test:5001", false),
            ("11.0.0.1", false),
        ] {
            assert_eq!(Transport::is_insecure(&config, authority), insecure, "{authority}");
        }
    }
}
