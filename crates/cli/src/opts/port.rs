//! `-p` and `--expose`: published and exposed ports, single or as ranges.

use std::net::IpAddr;

use api::container::{PortBinding, PortMap};
use api::{Empty, Set};

use super::number;

/// What `-p` and `--expose` ask for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Ports {
    pub(crate) exposed: Set,
    pub(crate) bindings: PortMap,
}

/// Parses a port or a range: the first and the last.
fn range(text: &str) -> Result<(u64, u64), String> {
    if text.is_empty() {
        return Err("empty string specified for ports".to_owned());
    }
    let Some((start, end)) = text.split_once('-') else {
        let port = number(text)?;
        return Ok((port, port));
    };
    let (start, end) = (number(start)?, number(end)?);
    if end < start { Err(format!("invalid range specified for port: {text}")) } else { Ok((start, end)) }
}

fn number(text: &str) -> Result<u64, String> {
    // Ports are decimal whatever they start with.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("strconv.ParseUint: parsing {text:?}: invalid syntax"));
    }
    number::parse_uint(if text.len() > 1 { text.trim_start_matches('0') } else { text }, 16)
        .map_err(|_| format!("strconv.ParseUint: parsing {text:?}: value out of range"))
}

/// `port/protocol` split, with tcp for none.
fn protocol(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((port, "")) => (port, "tcp"),
        Some((port, protocol)) => (port, protocol),
        None => (text, "tcp"),
    }
}

/// `published=8080,target=80,protocol=udp` in the short form.
fn short_form(text: &str) -> Result<String, String> {
    if !text.contains('=') {
        return Ok(text.to_owned());
    }
    let (mut target, mut published, mut proto) = (String::new(), String::new(), "tcp".to_owned());
    for field in text.split(',') {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        match key.to_lowercase().as_str() {
            "protocol" => value.clone_into(&mut proto),
            "target" => value.clone_into(&mut target),
            "published" => value.clone_into(&mut published),
            // Only swarm has a choice here.
            "mode" => {}
            _ => return Err(format!("invalid field key {key}")),
        }
    }
    Ok(if published.is_empty() {
        format!("{target}/{proto}")
    } else {
        format!("{published}:{target}/{proto}")
    })
}

impl Ports {
    /// Adds the value of a `-p`: `[[address:][host port]:]container port[/protocol]`.
    pub(crate) fn publish(&mut self, text: &str) -> Result<(), String> {
        let text = short_form(text)?;
        let (spec, proto) = protocol(&text);
        let parts: Vec<&str> = spec.split(':').collect();
        let (address, host, container) = match parts.as_slice() {
            [container] => (String::new(), "", *container),
            [host, container] => (String::new(), *host, *container),
            [address @ .., host, container] => (address.join(":"), *host, *container),
            [] => return Ok(()),
        };
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&address);
        if !bare.is_empty() && bare.parse::<IpAddr>().is_err() {
            return Err(format!("Invalid ip address: {address}"));
        }
        if container.is_empty() {
            return Err(format!("No port specified: {text}<empty>"));
        }
        let (first, last) = range(container).map_err(|_| format!("Invalid containerPort: {container}"))?;
        let published = if host.is_empty() {
            None
        } else {
            Some(range(host).map_err(|_| format!("Invalid hostPort: {host}"))?)
        };
        if let Some((from, to)) = published
            && to - from != last - first
            && first != last
        {
            return Err(format!(
                "Invalid ranges specified for container and host Ports: {container} and {host}"
            ));
        }
        if !["tcp", "udp", "sctp"].contains(&proto.to_lowercase().as_str()) {
            return Err(format!("Invalid proto: {proto}"));
        }
        for offset in 0..=last - first {
            let host_port = match published {
                None => String::new(),
                // One port in the container and several on the host: the engine picks one of them.
                Some((from, to)) if first == last && from != to => format!("{from}-{to}"),
                Some((from, _)) => (from + offset).to_string(),
            };
            let port = format!("{}/{}", first + offset, proto.to_lowercase());
            self.exposed.insert(port.clone(), Empty);
            let binding = PortBinding { host_ip: bare.to_owned(), host_port };
            self.bindings.entry(port).or_default().get_or_insert_default().push(binding);
        }
        Ok(())
    }

    /// Adds the value of an `--expose`: a port or a range, with or without a protocol.
    pub(crate) fn expose(&mut self, text: &str) -> Result<(), String> {
        if text.contains(':') {
            return Err(format!("invalid port format for --expose: {text}"));
        }
        let (ports, proto) = protocol(text);
        let (first, last) = range(ports)
            .map_err(|error| format!("invalid range format for --expose: {text}, error: {error}"))?;
        for port in first..=last {
            self.exposed.insert(format!("{port}/{proto}"), Empty);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(text: &str) -> Result<Vec<String>, String> {
        let mut ports = Ports::default();
        ports.publish(text)?;
        Ok(ports
            .bindings
            .iter()
            .flat_map(|(port, bindings)| {
                bindings.iter().flatten().map(move |to| format!("{}|{}|{port}", to.host_ip, to.host_port))
            })
            .collect())
    }

    #[test]
    fn publishing() {
        for (text, wanted) in [
            ("80", vec!["||80/tcp"]),
            ("8080:80", vec!["|8080|80/tcp"]),
            ("127.0.0.1:8080:80/udp", vec!["127.0.0.1|8080|80/udp"]),
            ("127.0.0.1::80", vec!["127.0.0.1||80/tcp"]),
            ("[::1]:8080:80", vec!["::1|8080|80/tcp"]),
            ("1-2:3", vec!["|1-2|3/tcp"]),
            ("8080-8081:80-81", vec!["|8080|80/tcp", "|8081|81/tcp"]),
            ("80-81", vec!["||80/tcp", "||81/tcp"]),
            ("published=8080,target=80,protocol=udp", vec!["|8080|80/udp"]),
        ] {
            assert_eq!(published(text).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for (text, error) in [
            ("foo", "Invalid containerPort: foo"),
            ("1.2.3:80:80", "Invalid ip address: 1.2.3"),
            ("80:80/foo", "Invalid proto: foo"),
            ("70000:80", "Invalid hostPort: 70000"),
            (":", "No port specified: :<empty>"),
            ("1-3:1-2", "Invalid ranges specified for container and host Ports: 1-2 and 1-3"),
        ] {
            assert_eq!(published(text), Err(error.into()), "{text}");
        }
        let mut ports = Ports::default();
        assert_eq!(
            ports.expose("foo").unwrap_err(),
            "invalid range format for --expose: foo, error: strconv.ParseUint: parsing \"foo\": invalid syntax"
        );
        ports.expose("1-2/udp").unwrap();
        assert_eq!(ports.exposed.keys().collect::<Vec<_>>(), ["1/udp", "2/udp"]);
    }
}
