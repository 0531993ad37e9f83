//! The PORTS column: published ports, with runs of neighbours drawn together.

use api::container::Port;

/// A run of neighbouring ports of one kind.
struct Run {
    key: (String, String),
    first: u16,
    last: u16,
}

/// The ports in one line.
pub(super) fn displayed(ports: &[Port]) -> String {
    let mut ports: Vec<&Port> = ports.iter().collect();
    ports.sort_by_key(|port| (port.private_port, port.ip.clone(), port.public_port, port.r#type.clone()));
    let mut open: Vec<Run> = Vec::new();
    let mut shown = Vec::new();
    // Ports published under another number are not drawn together, and come last.
    let mut moved = Vec::new();
    for port in ports {
        if !port.ip.is_empty() && port.public_port != port.private_port {
            let host = join(&port.ip, &port.public_port.to_string());
            moved.push(format!("{host}->{}/{}", port.private_port, port.r#type));
            continue;
        }
        let key = (port.ip.clone(), port.r#type.clone());
        match open.iter_mut().find(|run| run.key == key) {
            Some(run) if run.last.checked_add(1) == Some(port.private_port) => run.last = port.private_port,
            Some(run) => {
                shown.push(text(run));
                (run.first, run.last) = (port.private_port, port.private_port);
            }
            None => open.push(Run { key, first: port.private_port, last: port.private_port }),
        }
    }
    shown.extend(open.iter().map(text));
    shown.extend(moved);
    shown.join(", ")
}

fn text(run: &Run) -> String {
    let (ip, kind) = &run.key;
    let ports =
        if run.first == run.last { run.first.to_string() } else { format!("{}-{}", run.first, run.last) };
    if ip.is_empty() { format!("{ports}/{kind}") } else { format!("{}->{ports}/{kind}", join(ip, &ports)) }
}

fn join(ip: &str, port: &str) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(ip: &str, private_port: u16, public_port: u16, kind: &str) -> Port {
        Port { ip: ip.into(), private_port, public_port, r#type: kind.into() }
    }

    #[test]
    fn columns() {
        for (ports, text) in [
            (vec![port("", 9988, 0, "udp")], "9988/udp"),
            (vec![port("4.3.2.1", 8899, 9988, "tcp")], "4.3.2.1:9988->8899/tcp"),
            (vec![port("", 3, 0, "tcp"), port("", 1, 0, "tcp"), port("", 2, 0, "tcp")], "1-3/tcp"),
            (vec![port("::", 80, 80, "tcp"), port("::", 81, 81, "tcp")], "[::]:80-81->80-81/tcp"),
            (
                vec![port("0.0.0.0", 80, 8080, "tcp"), port("", 90, 0, "tcp"), port("", 92, 0, "tcp")],
                "90/tcp, 92/tcp, 0.0.0.0:8080->80/tcp",
            ),
        ] {
            assert_eq!(displayed(&ports), text);
        }
    }
}
