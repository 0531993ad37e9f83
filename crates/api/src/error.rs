//! The body of every answer that is a failure.

use serde::{Deserialize, Serialize};

/// `{"message": "..."}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorResponse {
    /// The text for the user, in Docker's words.
    pub message: String,
}
