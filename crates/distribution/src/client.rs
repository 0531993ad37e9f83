//! The handle on registries.

use std::sync::{Arc, PoisonError, RwLock};

use errdefs::{Error, Result};
use oci::manifest::{Descriptor, Document};
use oci::platform::Platform;
use oci::reference::Reference;

use crate::auth::{Auth, TokenCache};
use crate::cancel::Cancel;
use crate::config::{Config, HUB, HUB_HOST};
use crate::endpoint::{self, Endpoint};
use crate::failure::{Failure, status_line};
use crate::limits;
use crate::manifests;
use crate::session::{Access, Session};

/// Speaks to registries. One for the whole daemon: it keeps tokens, and nothing else, between operations.
pub struct Client {
    config: RwLock<Arc<Config>>,
    pub(crate) tokens: TokenCache,
}

/// What a login gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// `Login Succeeded`.
    pub status: String,
    /// A token to use instead of the password, or empty.
    pub identity_token: String,
}

/// What a registry says about a reference (`docker manifest inspect`, `GET /distribution/{name}/json`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// What the reference points at.
    pub descriptor: Descriptor,
    /// What it runs on.
    pub platforms: Vec<Platform>,
}

/// What a session is for.
pub(crate) struct Talk<'a> {
    pub(crate) repository: &'a str,
    pub(crate) auth: &'a Auth,
    pub(crate) access: Access,
    pub(crate) cancel: &'a Cancel,
}

impl Client {
    /// A client with this configuration.
    pub fn new(config: Config) -> Self {
        Self { config: RwLock::new(Arc::new(config)), tokens: TokenCache::default() }
    }

    /// What the client is configured with now.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the configuration: operations that begin later have the new one.
    pub fn reconfigure(&self, change: impl FnOnce(&mut Config)) {
        let mut config = self.config.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut config));
    }

    /// Runs `work` in a session on one of the endpoints. The next one is tried when a mirror fails in any way, and
    /// when no session can be had on another.
    pub(crate) fn on_endpoints<T>(
        &self,
        endpoints: Vec<Endpoint>,
        talk: &Talk<'_>,
        mut work: impl FnMut(&Session<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut last = None;
        for endpoint in endpoints {
            let (https, verify, mirror) = (endpoint.https, endpoint.verify, endpoint.mirror);
            let opened = Session::open(self, endpoint, talk.repository, talk.auth, talk.access, talk.cancel);
            // HTTPS without verification is the first of the two ways to an insecure registry.
            let optional = mirror || (https && !verify && opened.as_ref().is_err_and(unreachable));
            match opened.and_then(|session| work(&session)) {
                Ok(value) => return Ok(value),
                // No other endpoint has more room on this host's disk.
                Err(Failure::Final(error)) if error.is_disk_full() => return Err(Failure::Final(error)),
                Err(failure) if optional => {
                    talk.cancel.check()?;
                    last = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure::Final(errdefs::system("no endpoint for the registry"))))
    }

    /// Checks credentials for a registry (`docker login`). `server` is what the user wrote: a host, or the URL
    /// `https://index.docker.io/v1/` that stands for Docker Hub.
    pub fn login(&self, server: &str, auth: &Auth, cancel: &Cancel) -> Result<Login> {
        let host = login_host(server);
        let endpoints = endpoint::host_endpoints(&self.config(), &host);
        let talk = Talk { repository: "", auth, access: Access::None, cancel };
        let outcome = self.on_endpoints(endpoints, &talk, |session| login_on(session, auth));
        Ok(Login { status: "Login Succeeded".into(), identity_token: outcome.map_err(Error::from)? })
    }

    /// Asks a registry about a reference without fetching its layers.
    pub fn inspect(&self, reference: &Reference, auth: &Auth, cancel: &Cancel) -> Result<Remote> {
        let wanted = reference.tag_or_latest();
        let endpoints = endpoint::endpoints(&self.config(), reference, true);
        let talk = Talk { repository: reference.path(), auth, access: Access::Pull, cancel };
        let remote = self.on_endpoints(endpoints, &talk, |session| {
            let target = target_of(&wanted);
            let fetched = session.get_manifest(&target, wanted.digest())?;
            let platforms = match &fetched.document {
                Document::Index(index) => {
                    index.manifests.iter().filter_map(|entry| entry.platform.clone()).collect()
                }
                Document::Manifest(manifest) => {
                    let config = session.small_blob(&manifest.config, limits::CONFIG_MAX)?;
                    vec![oci::image::ImageConfig::parse(&config)?.platform()]
                }
            };
            let size = fetched.bytes.len() as u64;
            Ok(Remote { descriptor: Descriptor::new(&fetched.media_type, fetched.digest, size), platforms })
        });
        remote.map_err(|failure| manifests::translate(failure, &wanted))
    }
}

/// What a reference is called in a manifest's URL: the digest if it has one (the tag is then only decoration).
pub(crate) fn target_of(reference: &Reference) -> String {
    match reference.digest() {
        Some(digest) => digest.to_string(),
        None => reference.tag().unwrap_or(oci::reference::DEFAULT_TAG).to_owned(),
    }
}

/// Nothing spoke HTTP over TLS there: maybe it speaks plain HTTP.
fn unreachable(failure: &Failure) -> bool {
    match failure {
        Failure::Network(_) => true,
        Failure::Final(error) => error.class() == errdefs::Class::Unavailable,
        Failure::Refused(_) => false,
    }
}

fn login_host(server: &str) -> String {
    let bare = server.trim_start_matches("https://").trim_start_matches("http://");
    let host = bare.split('/').next().unwrap_or_default().to_ascii_lowercase();
    match host.as_str() {
        "" | "index.docker.io" | HUB => HUB_HOST.to_owned(),
        _ => host,
    }
}

/// The identity token, or nothing if the registry has none to give.
fn login_on(session: &Session<'_>, auth: &Auth) -> Result<String, Failure> {
    let (challenge, request) = session.login_request();
    let url = session.endpoint.url("/v2/");
    let (authorization, identity) = match challenge {
        None => return Ok(String::new()),
        Some(challenge) if challenge.scheme == "bearer" => {
            let granted = request
                .fetch(&challenge)
                .map_err(|failure| Failure::Final(Error::from(failure).context(format!("Get \"{url}\""))))?;
            (format!("Bearer {}", granted.0.access), granted.0.refresh.unwrap_or_default())
        }
        Some(_) => {
            let basic = auth.basic().ok_or_else(|| errdefs::unauthorized("no basic auth credentials"))?;
            (basic, String::new())
        }
    };
    match session.probe(&authorization)? {
        200 => Ok(identity),
        401 => Err(errdefs::unauthorized(format!(
            "login attempt to {url} failed with status: {}",
            status_line(401)
        ))
        .into()),
        status => Err(errdefs::system(format!(
            "login attempt to {url} failed with status: {}",
            status_line(status)
        ))
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_to_docker_hub_have_many_names() {
        for (server, host) in [
            ("https://index.docker.io/v1/", "registry-1.docker.io"),
            ("docker.io", "registry-1.docker.io"),
            ("", "registry-1.docker.io"),
            ("https://Reg.test:5000/v2/", "reg.test:5000"),
            ("127.0.0.1:5000", "127.0.0.1:5000"),
        ] {
            assert_eq!(login_host(server), host, "{server}");
        }
    }

    #[test]
    fn a_digest_wins_over_a_tag() {
        let digest = oci::digest::Digest::of(b"x");
        let reference = Reference::parse(&format!("busybox:1@{digest}")).unwrap();
        assert_eq!(target_of(&reference), digest.to_string());
    }
}
