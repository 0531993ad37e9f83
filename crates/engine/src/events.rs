//! What happens, told to those who asked: a ring of the last events and a channel for new ones.
//!
//! Invariants: publishing never blocks; a subscriber that does not keep up loses the oldest events and nobody else any; an
//! event is in the ring before any subscriber can see it, so that replay and subscription together miss nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use api::StringMap;
use api::event::{Actor, Message};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::broadcast;

/// How many past events are kept for `since`, as Docker keeps.
const KEPT: usize = 256;
/// How many events a slow subscriber may be behind before it loses some.
const BACKLOG: usize = 4096;

/// The handle; clones share the ring.
#[derive(Clone)]
pub struct Events {
    shared: Arc<Shared>,
}

struct Shared {
    ring: Mutex<VecDeque<Arc<Message>>>,
    sender: broadcast::Sender<Arc<Message>>,
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl Events {
    /// An empty ring.
    pub fn new() -> Self {
        let sender = broadcast::Sender::new(BACKLOG);
        Self { shared: Arc::new(Shared { ring: Mutex::new(VecDeque::with_capacity(KEPT)), sender }) }
    }

    /// Tells that `action` happened to the object `id` of type `kind` (`container`, `image`, `volume`...).
    pub fn publish(&self, kind: &str, action: &str, id: &str, attributes: StringMap) {
        let now = Timestamp::now();
        let legacy = matches!(kind, "container" | "image");
        let own = |text: &str| if legacy { text.to_owned() } else { String::new() };
        let from = match kind {
            "container" => attributes.get("image").cloned().unwrap_or_default(),
            _ => String::new(),
        };
        let message = Arc::new(Message {
            status: own(action),
            id: own(id),
            from,
            r#type: kind.to_owned(),
            action: action.to_owned(),
            actor: Actor { id: id.to_owned(), attributes },
            scope: "local".to_owned(),
            time: now.as_second(),
            time_nano: i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX),
        });
        let mut ring = self.shared.ring.lock();
        if ring.len() == KEPT {
            ring.pop_front();
        }
        ring.push_back(Arc::clone(&message));
        // Nobody listening is not a failure.
        let _ = self.shared.sender.send(message);
    }

    /// The kept events, oldest first, and a channel with all that follow them.
    pub fn subscribe(&self) -> (Vec<Arc<Message>>, broadcast::Receiver<Arc<Message>>) {
        let ring = self.shared.ring.lock();
        (ring.iter().cloned().collect(), self.shared.sender.subscribe())
    }

    /// How many subscribers there are.
    pub fn listeners(&self) -> usize {
        self.shared.sender.receiver_count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_last_and_the_channel_has_the_rest() {
        let events = Events::new();
        for number in 0..300 {
            events.publish("network", &number.to_string(), "n", StringMap::new());
        }
        let (kept, mut receiver) = events.subscribe();
        assert_eq!(kept.len(), KEPT);
        assert_eq!((kept[0].action.as_str(), kept[255].action.as_str()), ("44", "299"));
        let attributes = StringMap::from([("image".to_owned(), "busybox".to_owned())]);
        events.publish("container", "start", "c", attributes);
        let message = receiver.try_recv().unwrap();
        assert_eq!(
            (message.status.as_str(), message.id.as_str(), message.from.as_str()),
            ("start", "c", "busybox")
        );
        assert!(receiver.try_recv().is_err());
    }
}
