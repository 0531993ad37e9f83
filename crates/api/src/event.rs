//! Events: what happened to which object, and when.
#![expect(missing_docs, reason = "the fields are the swagger's, each documented there under its wire name")]

use crate::StringMap;
use crate::wire::{empty, wire};

wire! { "PascalCase";
    /// One line of `GET /events`; `status`, `id` and `from` repeat a container's or image's event for old clients.
    Message {
        #[serde(rename = "status", skip_serializing_if = "empty")] status: String,
        #[serde(rename = "id", skip_serializing_if = "empty")] id: String,
        #[serde(rename = "from", skip_serializing_if = "empty")] from: String,
        r#type: String,
        action: String,
        actor: Actor,
        #[serde(rename = "scope", skip_serializing_if = "empty")] scope: String,
        #[serde(rename = "time", skip_serializing_if = "empty")] time: i64,
        #[serde(rename = "timeNano", skip_serializing_if = "empty")] time_nano: i64,
    }
    /// The object and what is worth knowing of it.
    Actor {
        #[serde(rename = "ID")] id: String,
        attributes: StringMap,
    }
}
