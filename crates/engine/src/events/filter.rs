//! Which events a subscriber of `GET /events` sees.

use std::sync::Arc;

use api::event::Message;
use api::filters::Filters;
use errdefs::Result;
use jiff::Timestamp;

/// The keys that name an object.
const OBJECTS: [&str; 10] =
    ["builder", "config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume"];

/// A subscriber's wishes, checked.
#[derive(Debug, Clone)]
pub struct Selection {
    since: Option<i64>,
    until: Option<i64>,
    filters: Filters,
}

impl Selection {
    /// Times bound the events; filters choose among them.
    ///
    /// # Errors
    /// InvalidParameter for an unknown filter key or for `since` after `until`.
    pub fn new(since: Option<Timestamp>, until: Option<Timestamp>, filters: Filters) -> Result<Self> {
        let known: Vec<&str> =
            OBJECTS.into_iter().chain(["event", "image", "label", "scope", "type"]).collect();
        filters.validate(&known)?;
        if let (Some(since), Some(until)) = (since, until)
            && until < since
        {
            return Err(errdefs::invalid(format!(
                "`since` time ({since}) cannot be after `until` time ({until})"
            )));
        }
        let nanoseconds = |t: Timestamp| i64::try_from(t.as_nanosecond()).unwrap_or(i64::MAX);
        Ok(Self { since: since.map(nanoseconds), until: until.map(nanoseconds), filters })
    }

    /// The kept events to begin with: none, unless a time was given.
    pub fn replay(&self, kept: Vec<Arc<Message>>) -> Vec<Arc<Message>> {
        if self.since.is_none() && self.until.is_none() {
            return Vec::new();
        }
        let in_time = |m: &Arc<Message>| {
            self.since.is_none_or(|since| m.time_nano >= since)
                && self.until.is_none_or(|until| m.time_nano <= until)
        };
        kept.into_iter().filter(in_time).filter(|message| self.matches(message)).collect()
    }

    /// Whether a live event is wanted. Objects match by the start of their ID or name.
    pub fn matches(&self, message: &Message) -> bool {
        let name = message.actor.attributes.get("name").map_or("", String::as_str);
        let object =
            |key: &str| self.filters.prefix(key, &message.actor.id) || self.filters.prefix(key, name);
        self.filters.exact("type", &message.r#type)
            && self.filters.exact("scope", &message.scope)
            && self.matches_action(&message.action)
            && self.filters.labels("label", &message.actor.attributes)
            && self.matches_image(message)
            && OBJECTS.into_iter().all(object)
    }

    /// Health and exec actions carry their detail behind a colon; the bare action matches them as well.
    fn matches_action(&self, action: &str) -> bool {
        self.filters.exact("event", action)
            || action.split_once(':').is_some_and(|(bare, _)| {
                matches!(bare, "exec_create" | "exec_start" | "health_status")
                    && self.filters.exact("event", bare)
            })
    }

    /// An image is named by its ID or by its name, with the tag or without.
    fn matches_image(&self, message: &Message) -> bool {
        let key = if message.r#type == "image" { "name" } else { "image" };
        let name = message.actor.attributes.get(key).map_or("", String::as_str);
        [message.actor.id.as_str(), name]
            .into_iter()
            .any(|name| self.filters.exact("image", name) || self.filters.exact("image", without_tag(name)))
    }
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
    use crate::Events;
    use api::StringMap;

    fn one(kind: &str, action: &str, id: &str, pairs: &[(&str, &str)]) -> Arc<Message> {
        let events = Events::new();
        let attributes: StringMap = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        events.publish(kind, action, id, attributes);
        events.subscribe().0.remove(0)
    }

    fn selection(json: &str) -> Selection {
        Selection::new(None, None, Filters::from_json(json).unwrap()).unwrap()
    }

    #[test]
    fn the_past_is_replayed_only_when_a_time_is_given() {
        let message = one("volume", "create", "v", &[]);
        let at = |nanoseconds: i64| Some(Timestamp::from_nanosecond(nanoseconds.into()).unwrap());
        let time = message.time_nano;
        for (since, until, expected) in [
            (None, None, 0),
            (at(0), None, 1),
            (at(time), at(time), 1),
            (at(time + 1), None, 0),
            (None, at(time - 1), 0),
        ] {
            let selection = Selection::new(since, until, Filters::new()).unwrap();
            assert_eq!(selection.replay(vec![message.clone()]).len(), expected, "{since:?} {until:?}");
        }
        assert!(Selection::new(at(2), at(1), Filters::new()).is_err());
    }

    #[test]
    fn filters_match_as_docker_s_do() {
        let attributes = [("image", "reg:5000/busybox:1"), ("name", "web"), ("a", "b")];
        let start = one("container", "start", "abcdef", &attributes);
        for (json, expected) in [
            ("{}", true),
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
            assert_eq!(selection(json).matches(&start), expected, "{json}");
        }
        let health = one("container", "health_status: healthy", "abcdef", &[]);
        assert!(selection(r#"{"event":["health_status"]}"#).matches(&health));
        assert!(selection(r#"{"event":["health_status: healthy"]}"#).matches(&health));
        assert!(!selection(r#"{"event":["health_status: unhealthy"]}"#).matches(&health));
        assert!(Selection::new(None, None, Filters::from_json(r#"{"x":["y"]}"#).unwrap()).is_err());
    }
}
