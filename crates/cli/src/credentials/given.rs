//! Credentials in `DOCKER_AUTH_CONFIG`: `{"auths": {"SERVER": {"auth": "..."}}}` and nothing else.

use std::collections::BTreeMap;

use api::auth::Config as Login;
use serde::Deserialize;

use super::decode;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    auth: String,
}

/// The credentials for `server` in `text`, if there are any. The error is what is wrong with the text as a whole.
pub(super) fn of(text: &str, server: &str) -> Result<Option<Login>, String> {
    let given: Given = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if let Some((host, _)) = given.auths.iter().find(|(_, entry)| entry.auth.is_empty()) {
        return Err(format!("DOCKER_AUTH_CONFIG environment variable is missing key `auth` for {host}"));
    }
    let entry = given.auths.iter().find(|(host, _)| *host == server || super::server(host) == server);
    Ok(entry.map(|(_, entry)| {
        let (username, password) = decode(&entry.auth);
        Login { username, password, ..Login::default() }
    }))
}

/// The servers that `text` has credentials for; none if it is wrong, which [`of`] tells.
pub(super) fn servers(text: &str) -> Vec<String> {
    serde_json::from_str::<Given>(text).map_or_else(|_| Vec::new(), |given| given.auths.into_keys().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_one_server() {
        let text = r#"{"auths": {"reg.example:5000": {"auth": "bWU6cHc="}}}"#;
        let login = of(text, "reg.example:5000").unwrap().unwrap();
        assert_eq!((login.username.as_str(), login.password.as_str()), ("me", "pw"));
        assert_eq!(of(text, "other").unwrap(), None);
        for bad in [r#"{"auths": {"x": {}}}"#, r#"{"auths": {"x": {"password": "p"}}}"#, "{} {}", "x"] {
            assert!(of(bad, "x").is_err(), "{bad}");
        }
    }
}
