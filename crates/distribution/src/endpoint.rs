//! Where a registry is spoken to: which hosts, in which order, over what.

use oci::reference::Reference;

use crate::config::{Config, HUB, HUB_HOST};
use crate::transport::Transport;

/// One way to a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) https: bool,
    /// `host[:port]`.
    pub(crate) authority: String,
    /// Path in front of `/v2/`, without a slash at its end; mirrors may have one.
    pub(crate) prefix: String,
    /// Whether the certificate must be good.
    pub(crate) verify: bool,
    /// Whether failing here means trying the next endpoint, whatever the failure.
    pub(crate) mirror: bool,
}

impl Endpoint {
    /// The URL of an API path (which starts with `/v2/`).
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}{}{path}", self.authority, self.prefix)
    }
}

/// The endpoints of a reference's registry in the order to try them. Only reading asks mirrors.
pub(crate) fn endpoints(config: &Config, reference: &Reference, reading: bool) -> Vec<Endpoint> {
    let hub = reference.domain() == HUB;
    let mut all = Vec::new();
    if hub && reading {
        all.extend(config.mirrors.iter().filter_map(|url| mirror(config, url)));
    }
    all.extend(host_endpoints(config, if hub { HUB_HOST } else { reference.domain() }));
    all
}

/// HTTPS, and for a registry declared insecure plain HTTP after it, as Docker does.
pub(crate) fn host_endpoints(config: &Config, authority: &str) -> Vec<Endpoint> {
    let insecure = Transport::is_insecure(config, authority);
    let endpoint = |https, verify| Endpoint {
        https,
        authority: authority.to_ascii_lowercase(),
        prefix: String::new(),
        verify,
        mirror: false,
    };
    if insecure { vec![endpoint(true, false), endpoint(false, true)] } else { vec![endpoint(true, true)] }
}

fn mirror(config: &Config, url: &str) -> Option<Endpoint> {
    let (https, rest) = match url.split_once("://")? {
        ("https", rest) => (true, rest),
        ("http", rest) => (false, rest),
        _ => return None,
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    Some(Endpoint {
        https,
        authority: authority.to_ascii_lowercase(),
        prefix: if path.is_empty() { String::new() } else { format!("/{path}") },
        verify: !Transport::is_insecure(config, authority),
        mirror: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_in_the_order_docker_tries_them() {
        let config = Config {
            mirrors: vec!["https://m.test/".into(), "http://127.0.0.1:5000/a/b/".into()],
            insecure: vec!["plain.test:5000".parse().unwrap()],
            ..Config::default()
        };
        for (name, reading, expected) in [
            (
                "busybox",
                true,
                "https://m.test/v2/ http://127.0.0.1:5000/a/b/v2/ https://registry-1.docker.io/v2/",
            ),
            ("busybox", false, "https://registry-1.docker.io/v2/"),
            ("reg.test/x", true, "https://reg.test/v2/"),
            ("plain.test:5000/x", true, "https://plain.test:5000/v2/ http://plain.test:5000/v2/"),
            ("localhost:5000/x", false, "https://localhost:5000/v2/ http://localhost:5000/v2/"),
        ] {
            let reference = Reference::parse(name).unwrap();
            let urls: Vec<String> =
                endpoints(&config, &reference, reading).iter().map(|endpoint| endpoint.url("/v2/")).collect();
            assert_eq!(urls.join(" "), expected, "{name}");
        }
        let insecure = host_endpoints(&config, "plain.test:5000");
        assert!(!insecure[0].verify);
        assert!(host_endpoints(&config, "reg.test")[0].verify);
    }
}
