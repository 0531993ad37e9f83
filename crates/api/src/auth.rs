//! Registry credentials as clients send them: in a header, and to `POST /auth`.
#![expect(missing_docs, reason = "the fields are the swagger's, each documented there under its wire name")]

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::wire::{empty, wire};

/// The header that carries a [`Config`].
pub const HEADER: &str = "X-Registry-Auth";

/// Clients are not of one mind on padding, so either is read; we write it padded as Go's client does.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

wire! { "lowercase";
    /// Credentials for one registry.
    Config {
        #[serde(skip_serializing_if = "empty")] username: String,
        #[serde(skip_serializing_if = "empty")] password: String,
        #[serde(skip_serializing_if = "empty")] auth: String,
        #[serde(skip_serializing_if = "empty")] email: String,
        #[serde(skip_serializing_if = "empty")] serveraddress: String,
        #[serde(skip_serializing_if = "empty")] identitytoken: String,
        #[serde(skip_serializing_if = "empty")] registrytoken: String,
    }
}

wire! { "PascalCase";
    /// Answer of `POST /auth`.
    LoginResponse {
        status: String,
        identity_token: String,
    }
}

impl Config {
    /// The header's value.
    pub fn encode(&self) -> String {
        // Serialising strings into a vector cannot fail.
        URL_SAFE.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads the header's value; `None` if it is neither empty nor base64url of a JSON object.
    pub fn decode(value: &str) -> Option<Self> {
        if value.is_empty() {
            return Some(Self::default());
        }
        serde_json::from_slice(&URL_SAFE.decode(value).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trips_and_reads_unpadded() {
        let config = Config { username: "me".into(), password: "ü?>".into(), ..Config::default() };
        let value = config.encode();
        assert_eq!(Config::decode(&value), Some(config.clone()));
        assert_eq!(Config::decode(value.trim_end_matches('=')), Some(config));
        assert_eq!(Config::decode("e30="), Some(Config::default()));
        assert_eq!(Config::decode("%%"), None);
        assert_eq!(Config::decode("AAAA"), None);
    }
}
