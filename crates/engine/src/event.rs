//! What happened, told to whoever listens, with the last 256 events kept for those who ask later.
//!
//! Invariants: a subscriber misses nothing between the replayed past and the live stream, because subscribing and
//! publishing take one lock; publishing never waits for a subscriber: one that falls more than a ring behind loses the
//! oldest. A restart of the daemon empties the ring (semantics 35).

use std::collections::VecDeque;
use std::sync::Arc;

use api::StringMap;
use api::event::{Actor, Message};
use api::filters::Filters;
use api::time::Time;
use parking_lot::Mutex;
use tokio::sync::broadcast;

/// How many events are kept and how far a subscriber may fall behind; Docker's number.
const RING: usize = 256;

/// What kind of object an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A container or one of its execs.
    Container,
    /// An image.
    Image,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// The engine itself.
    Daemon,
    /// The builder's cache.
    Builder,
}

impl Kind {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Daemon => "daemon",
            Self::Builder => "builder",
        }
    }
}

/// The handle; clones share everything.
#[derive(Clone)]
pub struct Events {
    shared: Arc<Shared>,
}

struct Shared {
    ring: Mutex<VecDeque<Arc<Message>>>,
    live: broadcast::Sender<Arc<Message>>,
}

/// What [`Events::subscribe`] gives: the past that was asked for, then the live stream.
#[derive(Debug)]
pub struct Subscription {
    /// Events from the ring that match, oldest first.
    pub past: Vec<Arc<Message>>,
    /// Every event from now on, unfiltered: ask [`matches`].
    pub live: broadcast::Receiver<Arc<Message>>,
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl Events {
    /// With an empty ring.
    pub fn new() -> Self {
        let ring = Mutex::new(VecDeque::with_capacity(RING));
        Self { shared: Arc::new(Shared { ring, live: broadcast::channel(RING).0 }) }
    }

    /// Tells that `action` happened to the object `id`. Attributes of a container are its labels, `image` and `name`.
    pub fn publish(&self, kind: Kind, action: &str, id: &str, attributes: StringMap) {
        crate::metrics::count(&crate::metrics::COUNTERS.events);
        // Clients of old read the fields on top; newer ones the actor.
        let (status, top_id, from) = match kind {
            Kind::Container => (action, id, attributes.get("image").cloned().unwrap_or_default()),
            Kind::Image => (action, id, String::new()),
            _ => ("", "", String::new()),
        };
        let mut ring = self.shared.ring.lock();
        let now = Time::now(); // under the lock: the ring is in the order of time
        let message = Arc::new(Message {
            status: status.to_owned(),
            id: top_id.to_owned(),
            from,
            r#type: kind.as_str().to_owned(),
            action: action.to_owned(),
            actor: Actor { id: id.to_owned(), attributes },
            scope: "local".to_owned(),
            time: now.unix(),
            time_nano: now.unix_nano(),
        });
        if ring.len() == RING {
            ring.pop_front();
        }
        ring.push_back(Arc::clone(&message));
        // No receiver is no error.
        let _ = self.shared.live.send(message);
    }

    /// Starts listening. The past is empty unless `since` or `until` is given. A filter that is not known filters
    /// nothing, as in Docker.
    pub fn subscribe(&self, since: Option<Time>, until: Option<Time>, filters: &Filters) -> Subscription {
        let ring = self.shared.ring.lock();
        let live = self.shared.live.subscribe();
        let replay = since.is_some() || until.is_some();
        let past = ring
            .iter()
            .filter(|m| replay && since.is_none_or(|t| m.time_nano >= t.unix_nano()))
            // The beginning of time is no end, as with Docker.
            .filter(|m| until.is_none_or(|t| t.unix_nano() == 0 || m.time_nano <= t.unix_nano()))
            .filter(|m| matches(filters, m))
            .cloned()
            .collect();
        Subscription { past, live }
    }

    /// How many listen now.
    pub fn listeners(&self) -> usize {
        self.shared.live.receiver_count()
    }
}

/// Whether an event passes the filters. Objects match by a prefix of their ID or name; an image with its tag or without.
pub fn matches(filters: &Filters, message: &Message) -> bool {
    let name = message.actor.attributes.get("name").map_or("", String::as_str);
    let object = |key: &str| filters.prefix(key, &message.actor.id) || filters.prefix(key, name);
    filters.exact("type", &message.r#type)
        && filters.exact("scope", &message.scope)
        && matches_action(filters, &message.action)
        && filters.labels("label", &message.actor.attributes)
        && matches_image(filters, message)
        && [
            "builder",
            "config",
            "container",
            "daemon",
            "network",
            "node",
            "plugin",
            "secret",
            "service",
            "volume",
        ]
        .into_iter()
        .all(object)
}

/// Health and exec actions carry their detail behind `": "`; the bare action matches them as well.
fn matches_action(filters: &Filters, action: &str) -> bool {
    filters.exact("event", action)
        || action.split_once(':').is_some_and(|(bare, _)| {
            matches!(bare, "exec_create" | "exec_start" | "health_status") && filters.exact("event", bare)
        })
}

fn matches_image(filters: &Filters, message: &Message) -> bool {
    let key = if message.r#type == "image" { "name" } else { "image" };
    let name = message.actor.attributes.get(key).map_or("", String::as_str);
    [message.actor.id.as_str(), name]
        .into_iter()
        .any(|name| filters.exact("image", name) || filters.exact("image", without_tag(name)))
}

fn without_tag(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((bare, tag)) if !tag.contains('/') => bare,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::time::Timestamp;

    fn attributes(pairs: &[(&str, &str)]) -> StringMap {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    fn filters(json: &str) -> Filters {
        Filters::from_json(json).unwrap()
    }

    fn one(kind: Kind, action: &str, id: &str, pairs: &[(&str, &str)]) -> Arc<Message> {
        let events = Events::new();
        events.publish(kind, action, id, attributes(pairs));
        events.subscribe(Some(Time::default()), None, &Filters::new()).past.remove(0)
    }

    #[test]
    fn the_past_is_replayed_only_when_asked_for_and_at_most_one_ring_of_it() {
        let events = Events::new();
        for n in 0..RING + 10 {
            events.publish(Kind::Volume, "create", &n.to_string(), StringMap::new());
        }
        assert!(events.subscribe(None, None, &Filters::new()).past.is_empty());
        let all = events.subscribe(Some(Time::default()), None, &Filters::new()).past;
        assert_eq!((all.len(), all[0].actor.id.as_str()), (RING, "10"));
        let until = Time(Timestamp::from_nanosecond(all[4].time_nano.into()).unwrap());
        assert!(events.subscribe(None, Some(until), &Filters::new()).past.len() >= 5);
        let epoch = Time(Timestamp::UNIX_EPOCH);
        assert_eq!(events.subscribe(None, Some(epoch), &Filters::new()).past.len(), all.len());
    }

    #[test]
    fn nothing_is_missed_between_past_and_live() {
        let events = Events::new();
        events.publish(Kind::Volume, "create", "a", StringMap::new());
        let mut subscription = events.subscribe(Some(Time::default()), None, &Filters::new());
        events.publish(Kind::Volume, "destroy", "a", StringMap::new());
        assert_eq!(subscription.past.len(), 1);
        assert_eq!(subscription.live.try_recv().unwrap().action, "destroy");
        assert!(subscription.live.try_recv().is_err());
        assert_eq!(events.listeners(), 1);
    }

    #[test]
    fn old_clients_fields_are_those_docker_sends() {
        let container = one(Kind::Container, "start", "c1", &[("image", "busybox:latest"), ("name", "web")]);
        assert_eq!(
            (container.status.as_str(), container.id.as_str(), container.from.as_str()),
            ("start", "c1", "busybox:latest")
        );
        let network = one(Kind::Network, "connect", "n1", &[]);
        assert_eq!((network.status.as_str(), network.id.as_str()), ("", ""));
    }

    #[test]
    fn filters_match_as_docker_s_do() {
        let start = one(
            Kind::Container,
            "start",
            "abcdef",
            &[("image", "reg:5000/busybox:1"), ("name", "web"), ("a", "b")],
        );
        let health = one(Kind::Container, "health_status: healthy", "abcdef", &[]);
        for (json, expected) in [
            (r#"{"type":["container"]}"#, true),
            (r#"{"type":["image"]}"#, false),
            (r#"{"container":["abc"]}"#, true),
            (r#"{"container":["we"]}"#, true),
            (r#"{"container":["bcd"]}"#, false),
            (r#"{"image":["reg:5000/busybox"]}"#, true),
            (r#"{"image":["reg:5000/busybox:1"]}"#, true),
            (r#"{"image":["reg"]}"#, false),
            (r#"{"label":["a=b"]}"#, true),
            (r#"{"label":["a=c"]}"#, false),
            (r#"{"event":["start","die"]}"#, true),
            (r#"{"event":["die"]}"#, false),
            (r#"{"network":["x"]}"#, false),
        ] {
            assert_eq!(matches(&filters(json), &start), expected, "{json}");
        }
        assert!(matches(&filters(r#"{"event":["health_status"]}"#), &health));
        assert!(matches(&filters(r#"{"event":["health_status: healthy"]}"#), &health));
        assert!(!matches(&filters(r#"{"event":["health_status: unhealthy"]}"#), &health));
    }
}
