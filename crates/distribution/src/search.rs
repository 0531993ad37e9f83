//! Searching a registry's catalogue by the old index protocol (`GET /v1/search`), which Docker Hub still serves.

use errdefs::{Error, Result, invalid, system};
use serde::Deserialize;
use ureq::http::Method;

use crate::auth::{Auth, percent_encode};
use crate::cancel::Cancel;
use crate::client::Client;
use crate::config::HUB;
use crate::endpoint::{Endpoint, host_endpoints};
use crate::failure::Failure;
use crate::limits;
use crate::session::{Access, Call, Session};

/// The host that searches Docker Hub.
const HUB_INDEX: &str = "index.docker.io";
/// Results asked for if the user gives no number, as in Docker.
const LIMIT_DEFAULT: u32 = 25;
/// The most that an index gives at once.
const LIMIT_MAX: u32 = 100;

/// One repository that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Found {
    /// What to pull.
    pub name: String,
    /// The publisher's words, perhaps several lines.
    pub description: String,
    /// How many users marked it.
    pub star_count: i64,
    /// One of Docker's own.
    pub is_official: bool,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    results: Vec<Found>,
}

impl Client {
    /// Searches the index that `term` names (`host/term`), or Docker Hub's; `limit` results at most (0: as many as
    /// Docker asks for).
    ///
    /// # Errors
    /// InvalidParameter for a term with a scheme, a limit out of range or an index that cannot be reached; what the
    /// index answers otherwise.
    pub fn search(&self, term: &str, limit: u32, auth: &Auth, cancel: &Cancel) -> Result<Vec<Found>> {
        if term.contains("://") {
            return Err(invalid(format!(
                "invalid repository name: repository name ({term}) should not have a scheme"
            )));
        }
        let limit = match limit {
            0 => LIMIT_DEFAULT,
            1..=LIMIT_MAX => limit,
            _ => return Err(invalid(format!("limit {limit} is outside the range of [1, {LIMIT_MAX}]"))),
        };
        let (host, term) = split(term);
        let session = match host {
            None => {
                let hub = host_endpoints(&self.config(), HUB_INDEX).remove(0);
                Session::unopened(self, hub, "", auth, Access::None, cancel)
            }
            Some(host) => self.index(host, auth, cancel)?,
        };
        let path = format!("/v1/search?q={}&n={limit}", percent_encode(term));
        let mut call = Call::new(Method::GET, session.endpoint.url(&path));
        // An index may give a token for what it found; asking for one is part of the protocol.
        call.headers.push(("X-Docker-Token", "true".into()));
        let answer = session.attempt(&call).map_err(|failure| match failure {
            Failure::Refused(refusal) => system(format!("Unexpected status code {}", refusal.status)),
            other => Error::from(other),
        })?;
        let body = answer.bytes(limits::CONFIG_MAX, "the answer to a search").map_err(Error::from)?;
        let page: Page = serde_json::from_slice(&body)
            .map_err(|error| system(format!("error decoding registry search results: {error}")))?;
        Ok(page.results)
    }

    /// A session with the index at `host`: the first way to it on which something answers.
    fn index<'a>(&'a self, host: &str, auth: &'a Auth, cancel: &'a Cancel) -> Result<Session<'a>> {
        let endpoints = host_endpoints(&self.config(), host);
        let mut failed: Vec<(Endpoint, Error)> = Vec::new();
        for endpoint in endpoints {
            let session = Session::unopened(self, endpoint, "", auth, Access::None, cancel);
            let ping = Call::new(Method::GET, session.endpoint.url("/v1/_ping"));
            match session.attempt(&ping) {
                // An index that does not know the ping is still one.
                Ok(_) | Err(Failure::Refused(_)) => return Ok(session),
                Err(failure) => failed.push((session.endpoint.clone(), Error::from(failure))),
            }
        }
        Err(unreachable(host, &failed))
    }
}

/// Docker's words for an index on which nothing answers, by the ways that were tried.
fn unreachable(host: &str, failed: &[(Endpoint, Error)]) -> Error {
    match failed {
        [(_, https), (plain, http)] => invalid(format!(
            "invalid registry endpoint \"{}\". HTTPS attempt: {https}. HTTP attempt: {http}",
            plain.url("/v1/")
        )),
        [(only, error), ..] => invalid(format!(
            "invalid registry endpoint {}: {error}. If this private registry supports only HTTP or HTTPS with an \
             unknown CA certificate, please add `--insecure-registry {host}` to the daemon's arguments. In the case of \
             HTTPS, if you have access to the registry's CA certificate, no need for the flag; simply place the CA \
             certificate at /etc/docker/certs.d/{host}/ca.crt",
            only.url("/v1/")
        )),
        [] => invalid(format!("invalid registry endpoint {host}")),
    }
}

/// The host of an index, if the term starts with one (nothing for Docker Hub), and what to look for there.
fn split(term: &str) -> (Option<&str>, &str) {
    let (host, rest) = match term.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
        _ => ("", term),
    };
    match host {
        // Official repositories have no user in front of them in the index.
        "" | HUB | HUB_INDEX => (None, rest.strip_prefix("library/").unwrap_or(rest)),
        host => (Some(host), rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_may_name_its_index() {
        for (term, host, rest) in [
            ("redis", None, "redis"),
            ("library/redis", None, "redis"),
            ("ann/redis", None, "ann/redis"),
            ("docker.io/library/redis", None, "redis"),
            ("localhost/redis", Some("localhost"), "redis"),
            ("reg.test:5000/a/b", Some("reg.test:5000"), "a/b"),
            ("", None, ""),
        ] {
            assert_eq!(split(term), (host, rest), "{term}");
        }
    }
}
