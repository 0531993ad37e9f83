//! `--network`: a name, or fields separated by commas.

use api::StringMap;

/// A network to join, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) target: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) driver_opts: StringMap,
    pub(crate) ipv4: String,
    pub(crate) ipv6: String,
    pub(crate) mac: String,
    pub(crate) link_local: Vec<String>,
    pub(crate) gw_priority: i64,
    /// From `--link`, which has no field of its own.
    pub(crate) links: Vec<String>,
}

/// Parses the value.
pub(crate) fn parse(text: &str) -> Result<Network, String> {
    let is_long = text
        .split(',')
        .next()
        .and_then(|first| first.split_once('='))
        .is_some_and(|(key, value)| !key.is_empty() && (!value.is_empty() || text.contains(',')));
    if !is_long {
        return Ok(Network { target: text.to_owned(), ..Network::default() });
    }
    let mut network = Network::default();
    for field in crate::flag::fields(text) {
        let (key, value) = field
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| format!("invalid field {field}"))?;
        let value = value.trim();
        match key.trim().to_lowercase().as_str() {
            "name" => value.clone_into(&mut network.target),
            "alias" => network.aliases.push(value.to_owned()),
            "driver-opt" => {
                let (name, value) =
                    value.split_once('=').ok_or("invalid key value pair format in driver options")?;
                network.driver_opts.insert(name.trim().to_lowercase(), value.trim().to_owned());
            }
            "ip" => value.clone_into(&mut network.ipv4),
            "ip6" => value.clone_into(&mut network.ipv6),
            "mac-address" => value.clone_into(&mut network.mac),
            "link-local-ip" => network.link_local.push(value.to_owned()),
            "gw-priority" => {
                network.gw_priority =
                    value.parse().map_err(|_| format!("invalid gw-priority ({value}): invalid syntax"))?;
            }
            other => return Err(format!("invalid field key {other}")),
        }
    }
    if network.target.is_empty() {
        return Err("network name/id is not specified".to_owned());
    }
    Ok(network)
}

/// Judges a network.
pub(crate) fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        assert_eq!(parse("x,y").unwrap().target, "x,y");
        let network = parse("name=n,alias=a,alias=b,ip=1.2.3.4,driver-opt=K=V,gw-priority=5").unwrap();
        assert_eq!((network.target.as_str(), network.aliases.len(), network.gw_priority), ("n", 2, 5));
        assert_eq!(network.driver_opts["k"], "V");
        for (text, error) in [
            ("name=x,foo=y", "invalid field key foo"),
            ("name=,alias=x", "network name/id is not specified"),
            ("name=x,driver-opt=a", "invalid key value pair format in driver options"),
            ("name=x,gw-priority=x", "invalid gw-priority (x): invalid syntax"),
            ("alias=x", "network name/id is not specified"),
        ] {
            assert_eq!(parse(text), Err(error.into()), "{text}");
        }
    }
}
