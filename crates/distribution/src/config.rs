//! What the registry client is told by the daemon: which registries are insecure, mirrors, proxies, certificates.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use errdefs::Result;
use ipnet::IpNet;

use crate::limits;

/// Docker Hub's name in references, and the host that serves its API.
pub const HUB: &str = "docker.io";
pub(crate) const HUB_HOST: &str = "registry-1.docker.io";

/// Configuration of a [`Client`](crate::Client).
#[derive(Debug, Clone)]
pub struct Config {
    /// Registries that may be spoken to over plain HTTP or with a certificate nobody vouches for. Loopback always is.
    pub insecure: Vec<Insecure>,
    /// Base URLs of mirrors of Docker Hub, tried first and in this order.
    pub mirrors: Vec<String>,
    /// Directories like Docker's `/etc/docker/certs.d`: `HOST/*.crt` are authorities, `HOST/X.cert` + `HOST/X.key`
    /// client certificates. The first one that has the host wins.
    pub certs_dirs: Vec<PathBuf>,
    /// Bundles of certificate authorities (PEM); the first that exists is used.
    pub trust_bundles: Vec<PathBuf>,
    /// Proxies.
    pub proxy: ProxyConfig,
    /// `User-Agent` of every request.
    pub user_agent: String,
    /// Layers of one pull in flight at once.
    pub downloads: usize,
    /// Layers of one push in flight at once.
    pub uploads: usize,
    /// How failures are tried again.
    pub retry: Retry,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            insecure: Vec::new(),
            mirrors: Vec::new(),
            certs_dirs: vec!["/etc/docker/certs.d".into()],
            trust_bundles: [
                "/etc/ssl/certs/ca-certificates.crt",
                "/etc/pki/tls/certs/ca-bundle.crt",
                "/etc/ssl/cert.pem",
            ]
            .map(PathBuf::from)
            .into(),
            proxy: ProxyConfig::default(),
            user_agent: concat!("hythe/", env!("CARGO_PKG_VERSION")).into(),
            downloads: limits::DOWNLOADS,
            uploads: limits::UPLOADS,
            retry: Retry::default(),
        }
    }
}

/// How failures are tried again: pauses double from `first` to `most`, each cut by up to a half at random.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Attempts in all.
    pub attempts: u32,
    /// The first pause.
    pub first: Duration,
    /// The longest pause chosen by us.
    pub most: Duration,
    /// The longest `Retry-After` obeyed.
    pub longest_asked: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: limits::ATTEMPTS,
            first: limits::BACKOFF_FIRST,
            most: limits::BACKOFF_MAX,
            longest_asked: limits::RETRY_AFTER_MAX,
        }
    }
}

impl Retry {
    /// The pause before attempt number `next` (the first retry is 1), jittered by `random` in `0..=u8::MAX`.
    pub(crate) fn pause(&self, next: u32, random: u8) -> Duration {
        let doubled = self.first.saturating_mul(1u32 << next.saturating_sub(1).min(16)).min(self.most);
        doubled - doubled.mul_f64(f64::from(random) / 255.0 / 2.0)
    }
}

/// A registry that may be spoken to insecurely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insecure {
    /// Every registry whose address is inside.
    Network(IpNet),
    /// This `host` or `host:port`.
    Host(String),
}

impl std::str::FromStr for Insecure {
    type Err = errdefs::Error;

    /// As in dockerd's `--insecure-registry`.
    fn from_str(text: &str) -> Result<Self> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        let host = text.trim_start_matches("http://").trim_start_matches("https://");
        if host.is_empty() || host.contains('/') {
            return Err(errdefs::invalid(format!("insecure registry {text} is not valid")));
        }
        Ok(Self::Host(host.to_ascii_lowercase()))
    }
}

/// Proxies, as the variables `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` give them to Go programs.
#[derive(Debug, Clone, Default)]
pub struct ProxyConfig {
    /// For `http://` URLs.
    pub http: Option<String>,
    /// For `https://` URLs.
    pub https: Option<String>,
    /// Hosts that are reached directly: names (with their subdomains), `.suffix`, addresses, networks, `*`;
    /// separated by commas, each with an optional port.
    pub no_proxy: String,
}

impl ProxyConfig {
    /// The proxy for a URL with this scheme and host, if any.
    pub(crate) fn for_host(&self, https: bool, host: &str, port: u16) -> Option<&str> {
        let proxy = if https { &self.https } else { &self.http };
        let proxy = proxy.as_deref().filter(|proxy| !proxy.is_empty())?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = bare.parse().ok();
        let loopback = bare == "localhost" || address.is_some_and(|address| address.is_loopback());
        let direct = loopback
            || self.no_proxy.split(',').any(|rule| no_proxy_matches(rule.trim(), bare, address, port));
        (!direct).then_some(proxy)
    }
}

fn no_proxy_matches(rule: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if rule.is_empty() {
        return false;
    }
    if rule == "*" {
        return true;
    }
    if let (Ok(network), Some(address)) = (rule.parse::<IpNet>(), address) {
        return network.contains(&address);
    }
    let (name, rule_port) = match rule.rsplit_once(':') {
        Some((name, digits)) if !name.contains(':') || name.ends_with(']') => match digits.parse::<u16>() {
            Ok(number) => (name, Some(number)),
            Err(_) => (rule, None),
        },
        _ => (rule, None),
    };
    if rule_port.is_some_and(|wanted| wanted != port) {
        return false;
    }
    let name = name.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    let suffix = name.trim_start_matches("*.").trim_start_matches('.');
    let below = host.strip_suffix(suffix).is_some_and(|head| head.ends_with('.'));
    below || (host == suffix && suffix == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_follows_go() {
        for (rules, host, port, direct) in [
            ("", "example.com", 443, false),
            ("*", "example.com", 443, true),
            ("example.com", "example.com", 443, true),
            ("example.com", "a.example.com", 443, true),
            ("example.com", "badexample.com", 443, false),
            (".example.com", "example.com", 443, false),
            (".example.com", "a.example.com", 443, true),
            ("*.example.com", "a.example.com", 443, true),
            ("example.com:5000", "example.com", 443, false),
            ("x, example.com:5000", "EXAMPLE.com", 5000, true),
            ("10.0.0.0/8", "10.1.2.3", 80, true),
            ("10.0.0.0/8", "11.1.2.3", 80, false),
            ("::1", "[::1]", 80, true),
            ("fd00::/8", "[fd12::1]", 80, true),
            ("", "127.0.0.1", 80, true),
            ("", "localhost", 80, true),
        ] {
            let config = ProxyConfig {
                http: Some("http://p:1".into()),
                https: Some("http://p:1".into()),
                no_proxy: rules.into(),
            };
            assert_eq!(config.for_host(true, host, port).is_none(), direct, "{rules} {host}:{port}");
        }
        assert_eq!(ProxyConfig::default().for_host(true, "example.com", 443), None);
    }

    #[test]
    fn pauses_double_up_to_the_most_and_jitter_halves_them() {
        let retry =
            Retry { first: Duration::from_millis(100), most: Duration::from_millis(350), ..Retry::default() };
        let pauses: Vec<u128> = (1..=4).map(|next| retry.pause(next, 0).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 350, 350]);
        assert_eq!(retry.pause(2, 255).as_millis(), 100);
        assert!(retry.pause(u32::MAX, 255) <= retry.most);
    }

    #[test]
    fn insecure_registries_are_networks_or_hosts() {
        assert_eq!(
            "10.0.0.0/8".parse::<Insecure>().unwrap(),
            Insecure::Network("10.0.0.0/8".parse().unwrap())
        );
        assert_eq!("http://Reg:5000".parse::<Insecure>().unwrap(), Insecure::Host("reg:5000".into()));
        assert!("a/b".parse::<Insecure>().is_err());
        assert!("".parse::<Insecure>().is_err());
    }
}
