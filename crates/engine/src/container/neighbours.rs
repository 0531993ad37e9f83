//! Names of containers in user-defined networks: each container's `/etc/hosts` lists those it shares a network with.
//!
//! The names stand in a part of the file between two marks; the rest is the user's. Whenever a container joins, leaves or
//! is renamed, that part is written anew in the files of all others in its networks, in place, because the file is bound
//! into them. On the default bridge there are no names, as in Docker.
//!
//! Why not a name server: Docker's answers queries for these names in each container's namespace. Until there is one
//! here, the hosts file serves every program that resolves names by the C library; only pure DNS clients (`nslookup`,
//! `dig`) do not see it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use network::Endpoint;

use super::inplace;
use super::names;
use super::record::Record;
use super::shared::Shared;

const BEGIN: &str = "# Containers in the same networks:\n";
const END: &str = "# End of containers.\n";

impl Shared {
    /// The part of a container's hosts file that names its neighbours; empty without user-defined networks.
    pub(crate) fn neighbours(&self, record: &Record) -> String {
        let own = self.parts.networks.endpoints_of(&record.id);
        let mut lines = String::new();
        for endpoint in own.iter().filter(|endpoint| has_names(endpoint)) {
            for other in self.parts.networks.endpoints(&endpoint.network_id) {
                if other.container_id != record.id {
                    add_lines(&mut lines, &other);
                }
            }
        }
        if own.iter().any(has_names) { format!("{BEGIN}{lines}{END}") } else { String::new() }
    }

    /// A container has joined or left these networks, or has another name there: tells all others in them.
    pub(crate) fn tell_neighbours(&self, endpoints: &[Endpoint]) {
        let networks: BTreeSet<&str> =
            endpoints.iter().filter(|one| has_names(one)).map(|one| one.network_id.as_str()).collect();
        if networks.is_empty() {
            return;
        }
        let _one_at_a_time = self.neighbours.lock();
        let others: BTreeSet<String> = networks
            .into_iter()
            .flat_map(|network| self.parts.networks.endpoints(network))
            .map(|endpoint| endpoint.container_id)
            .collect();
        for id in others {
            let Some(container) = self.registry.by_id(&id) else { continue };
            let path = self.data_dir(&id).join("hosts");
            // A container that is being made writes its own file, with us in it.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let text = replaced(&text, &self.neighbours(&container.record()));
            if let Err(error) = inplace::write(&path, &text) {
                tracing::warn!(container = names::short(&id), %error, "cannot write names into its hosts file");
            }
        }
    }
}

/// Whether containers find each other by name in this network.
fn has_names(endpoint: &Endpoint) -> bool {
    !matches!(endpoint.network_name.as_str(), "bridge" | "host" | "none")
}

fn add_lines(lines: &mut String, other: &Endpoint) {
    let mut all: Vec<String> = Vec::new();
    for name in std::iter::once(&other.container_name).chain(&other.aliases) {
        for name in [name.clone(), format!("{name}.{}", other.network_name)] {
            if !name.is_empty() && !all.contains(&name) {
                all.push(name);
            }
        }
    }
    for address in other.addresses() {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{address}\t{}", all.join(" "));
    }
}

/// `text` with the part between the marks replaced; a part that is missing goes to the end.
fn replaced(text: &str, part: &str) -> String {
    let Some((before, rest)) = text.split_once(BEGIN) else { return format!("{text}{part}") };
    let after = rest.split_once(END).map_or("", |(_, after)| after);
    format!("{before}{part}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_part_between_the_marks_changes() {
        let part = |lines: &str| format!("{BEGIN}{lines}{END}");
        let file = format!("127.0.0.1\tlocalhost\n{}user's line\n", part("1.2.3.4\ta\n"));
        let expected = format!("127.0.0.1\tlocalhost\n{}user's line\n", part("5.6.7.8\tb\n"));
        assert_eq!(replaced(&file, &part("5.6.7.8\tb\n")), expected);
        assert_eq!(replaced("x\n", &part("")), format!("x\n{}", part("")));
        assert_eq!(replaced(&file, ""), "127.0.0.1\tlocalhost\nuser's line\n");
        assert_eq!(replaced(&format!("x\n{BEGIN}torn"), &part("")), format!("x\n{}", part("")));
    }
}
