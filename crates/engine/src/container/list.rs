//! `ps`: the containers that match, newest first, from memory (semantics 67).

use std::collections::HashMap;
use std::sync::Arc;

use api::container::{Port, Summary, SummaryHostConfig, SummaryNetworkSettings};
use api::filters::Filters;
use api::network::EndpointSettings;
use errdefs::{Result, invalid};
use image::ImageId;
use jiff::Timestamp;

use super::record::Record;
use super::shared::{Container, Shared};
use super::state::Phase;
use super::{Containers, Counts, ListOptions, duration, inspect};

const KEYS: &[&str] = &[
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "isolation",
    "is-task",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];

/// The filters that need looking up or parsing before any container is looked at.
struct Wanted<'a> {
    filters: &'a Filters,
    exited: Vec<i32>,
    before: Option<Timestamp>,
    since: Option<Timestamp>,
    ancestors: Vec<String>,
    publish: Vec<String>,
    expose: Vec<String>,
    all: bool,
}

impl Containers {
    /// The containers that match, newest first. From memory.
    ///
    /// # Errors
    /// InvalidParameter for unknown filters; NotFound for the containers of `before` and `since`.
    pub fn list(&self, options: &ListOptions) -> Result<Vec<Summary>> {
        let wanted = self.shared.wanted(options)?;
        let matching = |container: Arc<Container>| {
            let record = container.record();
            let health = container.live.lock().health.word();
            self.shared.matches(&wanted, &record, health).then_some((record, health))
        };
        let mut found: Vec<_> = self.shared.registry.all().into_iter().filter_map(matching).collect();
        found.sort_by(|(a, _), (b, _)| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        found.truncate(options.limit.unwrap_or(usize::MAX));
        let (now, links) = (Timestamp::now(), self.shared.link_names());
        // Many containers come of few images: each name is looked up once.
        let mut images: HashMap<&str, Option<ImageId>> = HashMap::new();
        Ok(found
            .iter()
            .map(|(record, health)| {
                let name = record.config.image.as_str();
                let named = *images
                    .entry(name)
                    .or_insert_with(|| self.shared.parts.images.get(name).ok().map(|image| image.id));
                let mut summary = self.shared.summary(record, health, named, now);
                if options.size {
                    let (size_rw, size_root_fs) = self.shared.sizes(record);
                    summary.size_rw = size_rw.unwrap_or(0);
                    summary.size_root_fs = size_root_fs.unwrap_or(0);
                }
                summary.names.extend(links.get(&record.id).into_iter().flatten().cloned());
                summary
            })
            .collect())
    }

    /// How many there are. From memory.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for container in self.shared.registry.all() {
            counts.all += 1;
            match container.record().state.phase {
                Phase::Paused => counts.paused += 1,
                Phase::Running | Phase::Restarting => counts.running += 1,
                _ => counts.stopped += 1,
            }
        }
        counts
    }

    /// The containers (IDs) that have the volume, running or not: it cannot be removed while there are any.
    pub fn volume_users(&self, volume: &str) -> Vec<String> {
        self.shared.volume_users(volume)
    }

    /// The containers of an image (by its full ID): ID and whether it runs.
    pub fn image_users(&self, image: &str) -> Vec<(String, bool)> {
        let user = |container: Arc<Container>| {
            let record = container.record();
            let mounted = record.mounts.iter().filter_map(|point| point.image.as_ref());
            let uses = record.image.iter().chain(mounted).any(|id| id.to_string() == image);
            uses.then(|| (record.id.clone(), record.state.phase.counts_as_running()))
        };
        self.shared.registry.all().into_iter().filter_map(user).collect()
    }
}

impl Shared {
    fn wanted<'a>(&self, options: &'a ListOptions) -> Result<Wanted<'a>> {
        let filters = &options.filters;
        filters.validate(KEYS)?;
        for status in filters.get("status") {
            let known = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
            if !known.contains(&status) {
                return Err(invalid(format!(
                    "invalid filter 'status={status}': invalid value for state ({status}): must be one of {}",
                    known.join(", ")
                )));
            }
        }
        for health in filters.get("health") {
            let known = ["none", "starting", "healthy", "unhealthy"];
            if !known.contains(&health) {
                return Err(invalid(format!(
                    "invalid filter 'health={health}': invalid value for health ({health}): must be one of {}",
                    known.join(", ")
                )));
            }
        }
        let code = |text: &str| {
            text.parse::<i32>().map_err(|_| {
                invalid(format!(
                    "invalid filter 'exited={text}': strconv.Atoi: parsing \"{text}\": invalid syntax"
                ))
            })
        };
        let created = |key: &str| -> Result<Vec<Timestamp>> {
            filters.get(key).map(|name| Ok(self.registry.find(name)?.record().created)).collect()
        };
        filters.boolean("is-task")?;
        Ok(Wanted {
            filters,
            publish: ports_of(filters, "publish")?,
            expose: ports_of(filters, "expose")?,
            exited: filters.get("exited").map(code).collect::<Result<_>>()?,
            before: created("before")?.into_iter().min(),
            since: created("since")?.into_iter().max(),
            ancestors: filters.get("ancestor").map(|name| self.ancestor(name)).collect(),
            all: options.all
                || options.limit.is_some()
                || filters.contains("status")
                || filters.contains("exited"),
        })
    }

    /// The ID of an image, or what cannot be one.
    fn ancestor(&self, name: &str) -> String {
        self.parts.images.get(name).map_or_else(|_| format!("no image {name}"), |image| image.id.to_string())
    }

    fn matches(&self, wanted: &Wanted<'_>, record: &Record, health: &str) -> bool {
        let Wanted { filters, exited, before, since, ancestors, publish, expose, all } = wanted;
        let phase = record.state.phase;
        (*all || phase.counts_as_running())
            && filters.matches("id", &record.id)
            && matches_name(filters, &record.name)
            && filters.labels("label", &record.config.labels)
            && filters.exact("status", phase.word())
            && filters.exact("health", health)
            && (exited.is_empty() || (phase == Phase::Exited && exited.contains(&record.state.exit_code)))
            && before.is_none_or(|at| record.created < at)
            && since.is_none_or(|at| record.created > at)
            && (ancestors.is_empty() || self.descends(record, ancestors))
            && any_of(filters, "network", |name| {
                record.networks.keys().any(|have| have == name)
                    || self
                        .parts
                        .networks
                        .endpoints_of(&record.id)
                        .iter()
                        .any(|e| e.network_id.starts_with(name))
            })
            && any_of(filters, "volume", |volume| {
                record.mounts.iter().any(|point| point.name == volume || point.destination == volume)
            })
            && (publish.is_empty() || publish.iter().any(|port| has_port(self, record, port)))
            // Docker looks at the ports that the list shows, and one that does not run shows none.
            && (expose.is_empty()
                || record.state.phase.counts_as_running()
                    && record
                    .config
                    .exposed_ports
                    .as_ref()
                    .is_some_and(|ports| expose.iter().any(|port| ports.contains_key(port))))
            && filters.boolean("is-task").ok().flatten() != Some(true)
    }

    /// Made from one of the images, or from one made of them.
    fn descends(&self, record: &Record, ancestors: &[String]) -> bool {
        let mut next = record.image;
        while let Some(id) = next {
            if ancestors.contains(&id.to_string()) {
                return true;
            }
            next = self.parts.images.by_id(&id).and_then(|image| image.parent);
        }
        false
    }

    /// `named` is the image that the container's image's name means now.
    fn summary(&self, record: &Record, health: &str, named: Option<ImageId>, now: Timestamp) -> Summary {
        let endpoints = self.parts.networks.endpoints_of(&record.id);
        // A container's names in its networks are told by inspect only.
        let networks = self.networks_of(record, &endpoints).map(|(name, settings)| {
            (name, Box::new(EndpointSettings { aliases: None, dns_names: None, ..settings }))
        });
        let image_id = record.image.as_ref().map(ToString::to_string).unwrap_or_default();
        let still_named = record.image.is_none() || named == record.image;
        Summary {
            id: record.id.clone(),
            names: vec![format!("/{}", record.name)],
            image: if still_named { record.config.image.clone() } else { image_id.clone() },
            image_id,
            command: command(record),
            created: record.created.as_second(),
            ports: ports(record, &endpoints),
            labels: record.config.labels.clone(),
            state: record.state.phase.word().into(),
            status: status(record, health, now),
            host_config: SummaryHostConfig {
                network_mode: record.host.network_mode.clone(),
                annotations: record.host.annotations.clone(),
            },
            network_settings: SummaryNetworkSettings { networks: networks.collect() },
            mounts: record.mounts.iter().map(inspect::mount).collect(),
            ..Summary::default()
        }
    }
}

/// The ports of a filter: each value is a port or a range, with a protocol or TCP.
fn ports_of(filters: &Filters, key: &str) -> Result<Vec<String>> {
    let mut ports = Vec::new();
    for value in filters.get(key) {
        let (range, protocol) = value.split_once('/').unwrap_or((value, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| {
            text.parse::<u16>().map_err(|error| {
                let why = match error.kind() {
                    std::num::IntErrorKind::PosOverflow => "value out of range",
                    _ => "invalid syntax",
                };
                invalid(format!(
                    "error while looking up for {key} {value}: strconv.ParseUint: parsing \"{text}\": {why}"
                ))
            })
        };
        if number(first)? > number(last)? {
            return Err(invalid(format!(
                "error while looking up for {key} {value}: Invalid range specified for the Port: {range}"
            )));
        }
        ports.extend((number(first)?..=number(last)?).map(|port| format!("{port}/{protocol}")));
    }
    Ok(ports)
}

/// Names match with and without the slash they are shown with.
fn matches_name(filters: &Filters, name: &str) -> bool {
    filters.matches("name", name) || filters.matches("name", &format!("/{name}"))
}

fn any_of(filters: &Filters, key: &str, matches: impl Fn(&str) -> bool) -> bool {
    !filters.contains(key) || filters.get(key).any(matches)
}

fn has_port(shared: &Shared, record: &Record, wanted: &str) -> bool {
    let endpoints = shared.parts.networks.endpoints_of(&record.id);
    endpoints
        .iter()
        .flat_map(|endpoint| &endpoint.ports)
        .any(|binding| wanted == format!("{}/{}", binding.host.port(), binding.protocol))
}

fn command(record: &Record) -> String {
    let mut text = record.path.clone();
    for arg in &record.args {
        text.push(' ');
        if arg.contains(' ') {
            text.push_str(&format!("'{arg}'"));
        } else {
            text.push_str(arg);
        }
    }
    text
}

fn ports(record: &Record, endpoints: &[network::Endpoint]) -> Vec<Port> {
    let mut all: Vec<Port> = Vec::new();
    for binding in endpoints.iter().flat_map(|endpoint| &endpoint.ports) {
        all.push(Port {
            ip: binding.host.ip().to_string(),
            private_port: binding.container_port,
            public_port: binding.host.port(),
            r#type: binding.protocol.to_string(),
        });
    }
    if record.state.phase.has_process() {
        for exposed in record.config.exposed_ports.iter().flatten().map(|(port, _)| port) {
            let (number, protocol) = exposed.split_once('/').unwrap_or((exposed, "tcp"));
            let Ok(private_port) = number.parse() else { continue };
            if !all.iter().any(|port| port.private_port == private_port && port.r#type == protocol) {
                all.push(Port { private_port, r#type: protocol.into(), ..Port::default() });
            }
        }
    }
    all
}

/// The words of the STATUS column.
fn status(record: &Record, health: &str, now: Timestamp) -> String {
    let state = &record.state;
    let up = duration::since(state.started_at, now);
    let ago = duration::since(state.finished_at, now);
    match state.phase {
        Phase::Running => match health {
            "starting" => format!("Up {up} (health: starting)"),
            "healthy" | "unhealthy" => format!("Up {up} ({health})"),
            _ => format!("Up {up}"),
        },
        Phase::Paused => format!("Up {up} (Paused)"),
        Phase::Restarting => format!("Restarting ({}) {ago} ago", state.exit_code),
        Phase::Removing => "Removal In Progress".into(),
        Phase::Dead => "Dead".into(),
        Phase::Created => "Created".into(),
        Phase::Exited => format!("Exited ({}) {ago} ago", state.exit_code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::spec::tests::record;

    #[test]
    fn the_status_column_has_dockers_words() {
        let now = Timestamp::from_second(1000).unwrap();
        let at = Timestamp::from_second(940).unwrap();
        let text = |phase, health: &str| {
            let mut record = record();
            record.state.phase = phase;
            record.state.exit_code = 3;
            (record.state.started_at, record.state.finished_at) = (Some(at), Some(at));
            status(&record, health, now)
        };
        assert_eq!(text(Phase::Running, "none"), "Up About a minute");
        assert_eq!(text(Phase::Running, "starting"), "Up About a minute (health: starting)");
        assert_eq!(text(Phase::Running, "healthy"), "Up About a minute (healthy)");
        assert_eq!(text(Phase::Paused, "none"), "Up About a minute (Paused)");
        assert_eq!(text(Phase::Exited, "none"), "Exited (3) About a minute ago");
        assert_eq!(text(Phase::Restarting, "none"), "Restarting (3) About a minute ago");
        assert_eq!(text(Phase::Created, "none"), "Created");
    }

    #[test]
    fn commands_are_quoted_where_they_have_spaces() {
        let mut record = record();
        record.path = "sh".into();
        record.args = vec!["-c".into(), "echo hi".into()];
        assert_eq!(command(&record), "sh -c 'echo hi'");
    }
}
