//! Credentials, and the rules about who gets to see them.
//!
//! Invariants (security-relevant, each with a test):
//! - Credentials go to the registry the user named and to the token service that *this* registry named, never to the
//!   target of a redirect and never to a token service named by anyone else.
//! - A token service is spoken to over HTTPS, unless the registry itself is spoken to over HTTP.
//! - A public registry cannot name a token service at a private address (see [`crate::transport::Reach`]).
//! - A token is kept for one (registry, token service, scopes, credential) and used for nothing else.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use errdefs::Result;
use parking_lot::Mutex;
use serde::Deserialize;
use ureq::http::Uri;

use crate::challenge::Challenge;
use crate::config::Config;
use crate::failure::{self, Failure, Refusal};
use crate::limits;
use crate::transport::{Reach, Transport};

/// Credentials for one registry, as in Docker's `X-Registry-Auth`. Prints without its secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Auth {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
    /// A refresh token from an earlier login, used instead of the password.
    pub identity_token: String,
    /// A bearer token to send as it is.
    pub registry_token: String,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("username", &self.username).finish_non_exhaustive()
    }
}

impl Auth {
    /// No credentials.
    pub fn anonymous() -> Self {
        Self::default()
    }

    pub(crate) fn basic(&self) -> Option<String> {
        let empty = self.username.is_empty() && self.password.is_empty();
        (!empty).then(|| format!("Basic {}", STANDARD.encode(format!("{}:{}", self.username, self.password))))
    }

    /// Tells credentials apart without keeping them.
    fn fingerprint(&self) -> [u8; 32] {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for part in [&self.username, &self.password, &self.identity_token] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.finish().as_ref());
        fingerprint
    }
}

/// What a token is for. Two requests share a token only if all of this is equal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct TokenKey {
    registry: String,
    realm: String,
    service: String,
    scopes: Vec<String>,
    credential: [u8; 32],
}

struct Token {
    value: String,
    until: Instant,
}

/// Tokens of a client, by what they are for.
#[derive(Default)]
pub(crate) struct TokenCache {
    tokens: Mutex<HashMap<TokenKey, Token>>,
}

impl TokenCache {
    fn get(&self, key: &TokenKey) -> Option<String> {
        let tokens = self.tokens.lock();
        tokens.get(key).filter(|token| Instant::now() < token.until).map(|token| token.value.clone())
    }

    fn put(&self, key: TokenKey, value: String, life: Duration) {
        let mut tokens = self.tokens.lock();
        if tokens.len() >= limits::TOKENS_MAX {
            tokens.clear();
        }
        tokens.insert(key, Token { value, until: Instant::now() + life.saturating_sub(limits::TOKEN_SLACK) });
    }

    pub(crate) fn forget(&self, key: &TokenKey) {
        self.tokens.lock().remove(key);
    }
}

/// Who asks for a token, and for what.
pub(crate) struct TokenRequest<'a> {
    pub(crate) transport: &'a Transport,
    /// Authority of the registry, as dialled.
    pub(crate) registry: &'a str,
    /// Whether the registry is spoken to over HTTPS.
    pub(crate) registry_https: bool,
    pub(crate) config: &'a Config,
    pub(crate) auth: &'a Auth,
    pub(crate) scopes: &'a [String],
    /// Ask for a refresh token too (a login).
    pub(crate) offline: bool,
}

/// A token service's answer.
pub(crate) struct Granted {
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
}

impl TokenRequest<'_> {
    /// What the token for this challenge would be kept under.
    pub(crate) fn key(&self, challenge: &Challenge) -> TokenKey {
        let parameter = |name| challenge.parameter(name).unwrap_or_default().to_owned();
        TokenKey {
            registry: self.registry.to_owned(),
            realm: parameter("realm"),
            service: parameter("service"),
            scopes: self.scopes.to_vec(),
            credential: self.auth.fingerprint(),
        }
    }

    /// The token for this challenge, from the cache or from its service.
    pub(crate) fn token(&self, cache: &TokenCache, challenge: &Challenge) -> Result<String, Failure> {
        let key = self.key(challenge);
        if let Some(token) = cache.get(&key) {
            return Ok(token);
        }
        let (granted, life) = self.fetch(challenge)?;
        cache.put(key, granted.access.clone(), life);
        Ok(granted.access)
    }

    /// Asks the token service (`docs: distribution token and oauth authentication`).
    pub(crate) fn fetch(&self, challenge: &Challenge) -> Result<(Granted, Duration), Failure> {
        let realm = realm_uri(challenge.parameter("realm").unwrap_or_default(), self.registry_https)?;
        let authority = realm.authority().map_or("", |authority| authority.as_str());
        let same_host = authority.eq_ignore_ascii_case(self.registry);
        let anywhere = same_host || !self.registry_https || self.transport.named_host_is_private();
        let reach = if anywhere { Reach::Any } else { Reach::Public };
        let agent = self.transport.agent(&realm, !Transport::is_insecure(self.config, authority), reach)?;

        let service = challenge.parameter("service").unwrap_or_default();
        let mut query: Vec<(&str, &str)> = Vec::new();
        if !service.is_empty() {
            query.push(("service", service));
        }
        let answer = if self.auth.identity_token.is_empty() {
            query.extend(self.scopes.iter().map(|scope| ("scope", scope.as_str())));
            let basic = self.auth.basic();
            if basic.is_some() {
                query.push(("account", &self.auth.username));
                query.push(("client_id", "docker"));
            }
            if self.offline {
                query.push(("offline_token", "true"));
            }
            let separator = if realm.query().is_some() { '&' } else { '?' };
            let url = format!("{realm}{separator}{}", form(&query));
            let request = agent.get(url);
            match basic {
                Some(basic) => request.header("Authorization", basic).call(),
                None => request.call(),
            }
        } else {
            let scopes = self.scopes.join(" ");
            query.push(("client_id", "docker"));
            query.push(("grant_type", "refresh_token"));
            query.push(("refresh_token", &self.auth.identity_token));
            query.push(("scope", &scopes));
            let request = agent.post(realm.to_string()).content_type("application/x-www-form-urlencoded");
            request.send(form(&query))
        };
        let mut answer = answer.map_err(failure::from_ureq)?;
        let status = answer.status().as_u16();
        if status != 200 {
            let after = answer.headers().get("Retry-After").and_then(|value| value.to_str().ok());
            let after = after.and_then(|value| failure::retry_after(value, jiff::Timestamp::now()));
            let body = answer
                .body_mut()
                .with_config()
                .limit(limits::ERROR_BODY_MAX)
                .read_to_vec()
                .unwrap_or_default();
            return Err(Failure::Refused(Refusal::parse(status, &body, false, after)));
        }
        let body = answer.body_mut().with_config().limit(limits::TOKEN_ANSWER_MAX).read_to_vec();
        parse_grant(&body.map_err(failure::from_ureq)?).map_err(Failure::Final)
    }
}

#[derive(Deserialize)]
struct GrantAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
}

fn parse_grant(body: &[u8]) -> Result<(Granted, Duration)> {
    let answer: GrantAnswer = serde_json::from_slice(body)
        .map_err(|error| errdefs::system(format!("unable to decode token response: {error}")))?;
    let access = answer.token.filter(|token| !token.is_empty()).or(answer.access_token).unwrap_or_default();
    let fit = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !fit(&access) {
        return Err(errdefs::system("authorization server did not include a token in the response"));
    }
    // The token specification's minimum: some services answer 0.
    let life = answer.expires_in.map_or(limits::TOKEN_DEFAULT_LIFE, Duration::from_secs);
    let refresh = answer.refresh_token.filter(|token| fit(token));
    Ok((Granted { access, refresh }, life.max(limits::TOKEN_DEFAULT_LIFE)))
}

/// Checks the URL of a token service.
fn realm_uri(realm: &str, registry_https: bool) -> Result<Uri> {
    let refuse = |why: &str| Err(errdefs::forbidden(format!("refusing token service {realm:?}: {why}")));
    let Ok(uri) = realm.parse::<Uri>() else { return refuse("not a URL") };
    let Some(authority) = uri.authority() else { return refuse("no host") };
    if authority.as_str().contains('@') {
        return refuse("user information in the URL");
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if !registry_https => Ok(uri),
        Some("http") => refuse("it is not HTTPS but the registry is"),
        _ => refuse("neither http nor https"),
    }
}

/// `application/x-www-form-urlencoded`.
fn form(pairs: &[(&str, &str)]) -> String {
    let one = |(key, value): &(&str, &str)| format!("{key}={}", percent_encode(value));
    pairs.iter().map(one).collect::<Vec<_>>().join("&")
}

pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realm_must_be_https_unless_the_registry_is_http() {
        for (realm, registry_https, accepted) in [
            ("https://auth.example.com/token", true, true),
            ("http://auth.example.com/token", true, false),
            ("http://auth.example.com/token", false, true),
            ("https://auth.example.com/token", false, true),
            ("https://user:pw@auth.example.com/token", true, false),
            ("file:///etc/passwd", false, false),
            ("//auth.example.com", true, false),
            ("/token", false, false),
            ("", false, false),
            ("gopher://x/", false, false),
        ] {
            assert_eq!(realm_uri(realm, registry_https).is_ok(), accepted, "{realm} {registry_https}");
        }
    }

    #[test]
    fn tokens_are_kept_per_registry_realm_scope_and_credential() {
        let key = |registry: &str, scope: &str, password: &str| TokenKey {
            registry: registry.into(),
            realm: "https://a/t".into(),
            service: "s".into(),
            scopes: vec![scope.into()],
            credential: Auth { username: "u".into(), password: password.into(), ..Auth::default() }
                .fingerprint(),
        };
        let cache = TokenCache::default();
        let long = Duration::from_secs(600);
        cache.put(key("r", "repository:x:pull", "p"), "T".into(), long);
        assert_eq!(cache.get(&key("r", "repository:x:pull", "p")).as_deref(), Some("T"));
        assert_eq!(cache.get(&key("other", "repository:x:pull", "p")), None);
        assert_eq!(cache.get(&key("r", "repository:y:pull", "p")), None);
        assert_eq!(cache.get(&key("r", "repository:x:pull", "q")), None);
        cache.put(key("r", "short", "p"), "T".into(), limits::TOKEN_SLACK);
        assert_eq!(cache.get(&key("r", "short", "p")), None, "a token about to run out is not used");
        for n in 0..limits::TOKENS_MAX * 2 {
            cache.put(key("r", &n.to_string(), "p"), "T".into(), long);
        }
        assert!(cache.tokens.lock().len() <= limits::TOKENS_MAX);
    }

    #[test]
    fn grants_are_checked() {
        let token = |json: &str| parse_grant(json.as_bytes()).map(|(granted, _)| granted.access).ok();
        assert_eq!(token(r#"{"token":"a"}"#).as_deref(), Some("a"));
        assert_eq!(token(r#"{"access_token":"b","expires_in":1}"#).as_deref(), Some("b"));
        assert_eq!(token(r#"{"token":"","access_token":"b"}"#).as_deref(), Some("b"));
        assert_eq!(token(r#"{"token":"a\r\nX: y"}"#), None);
        assert_eq!(token("{}"), None);
        assert_eq!(token("[]"), None);
    }

    #[test]
    fn credentials_do_not_print() {
        let auth = Auth {
            username: "u".into(),
            password: "s3cret".into(),
            identity_token: "s3cret".into(),
            registry_token: "s3cret".into(),
        };
        assert!(!format!("{auth:?}").contains("s3cret"));
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(
            form(&[("scope", "repository:a/b:pull"), ("x", "é &=")]),
            "scope=repository%3Aa%2Fb%3Apull&x=%C3%A9%20%26%3D"
        );
    }
}
