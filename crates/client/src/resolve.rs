//! Addresses of a host's name.
//!
//! The client is linked statically, because looking for shared libraries is a third of what starting it costs, and a
//! static glibc cannot load the name services that a host is set up with. The C library's own program, which is on every
//! system with glibc, asks them instead; for the usual addresses nobody is asked.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Command, Stdio};

/// The program that prints a host's addresses, one a line, the address first.
const LOOKUP: &str = "getent";

/// The addresses of `HOST:PORT`, in the order to try them.
///
/// # Errors
/// `InvalidInput` for what is no `HOST:PORT`; `Other`, in the words of Docker's client, for an unknown name.
pub(crate) fn addresses(address: &str) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = address.parse() {
        return Ok(vec![address]);
    }
    let malformed = || io::Error::new(io::ErrorKind::InvalidInput, format!("invalid address {address}"));
    let (host, port) = address.rsplit_once(':').ok_or_else(malformed)?;
    let port: u16 = port.parse().map_err(|_| malformed())?;
    let all = if host == "localhost" {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        look_up(host)?
    };
    Ok(all.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}

fn look_up(host: &str) -> io::Result<Vec<IpAddr>> {
    let output = Command::new(LOOKUP)
        .args(["ahosts", "--", host])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| io::Error::other(format!("lookup {host}: {LOOKUP}: {error}")))?;
    let found = listed(&String::from_utf8_lossy(&output.stdout));
    if found.is_empty() {
        return Err(io::Error::other(format!("dial tcp: lookup {host}: no such host")));
    }
    Ok(found)
}

/// The addresses of the list, each once: it has a line for each kind of socket.
fn listed(text: &str) -> Vec<IpAddr> {
    let mut all = Vec::new();
    for address in text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_localhost_need_no_look_up() {
        for (text, expected) in [
            ("192.0.2.1:2375", vec!["192.0.2.1:2375"]),
            ("[2001:db8::1]:2376", vec!["[2001:db8::1]:2376"]),
            ("localhost:1", vec!["127.0.0.1:1", "[::1]:1"]),
        ] {
            let got: Vec<String> = addresses(text).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(got, expected, "{text}");
        }
        for bad in ["", "host", "host:", "host:x", "host:65536"] {
            assert_eq!(addresses(bad).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{bad:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_told_in_dockers_words() {
        let error = addresses("nobody.invalid:2375").unwrap_err();
        assert_eq!(error.to_string(), "dial tcp: lookup nobody.invalid: no such host");
    }

    #[test]
    fn each_address_is_listed_once() {
        let text =
            "2001:db8::1     STREAM host\n2001:db8::1     DGRAM\n192.0.2.7  STREAM\n192.0.2.7 RAW\n\nnoise\n";
        assert_eq!(listed(text), ["2001:db8::1".parse::<IpAddr>().unwrap(), "192.0.2.7".parse().unwrap()]);
    }
}
