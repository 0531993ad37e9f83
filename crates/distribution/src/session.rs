//! Requests to one repository of one registry: authentication, redirects, trying again.
//!
//! Invariants (security-relevant, each with a test in `tests/`):
//! - The `Authorization` header goes to the registry's own origin and nowhere else; a request that was once redirected
//!   away does not carry it again even if it comes back.
//! - Only the registry's own origin can ask for credentials.
//! - What is redirected is a read. An upload that is answered with a redirect fails.

use std::io::Read;

use errdefs::{Error, Result};
use parking_lot::Mutex;
use ureq::http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use ureq::{Body, SendBody};

use crate::auth::{Auth, TokenRequest};
use crate::cancel::Cancel;
use crate::challenge::{self, Challenge};
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::failure::{self, Failure, Refusal};
use crate::limits;
use crate::transport::{Reach, Transport};

/// What a request sends.
pub(crate) enum Payload<'a> {
    None,
    Bytes(&'a [u8]),
    /// Opened anew for each attempt; so many bytes.
    Stream(&'a (dyn Fn() -> Result<Box<dyn Read + 'a>> + 'a), u64),
    /// A stream of unknown length that cannot be had twice; gone after the first attempt.
    Once(Mutex<Option<Box<dyn Read + Send + 'a>>>),
}

/// One request.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) payload: Payload<'a>,
}

impl Call<'_> {
    pub(crate) fn new(method: Method, url: String) -> Self {
        Self { method, url, headers: Vec::new(), payload: Payload::None }
    }

    /// `Get "https://host/v2/"`, as Go's HTTP client names a request in its errors.
    fn shown(&self) -> String {
        let name = self.method.as_str().to_ascii_lowercase();
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        format!("{}{} \"{}\"", first.unwrap_or_default(), letters.as_str(), self.url)
    }
}

/// A successful answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The whole body, at most `most` bytes.
    pub(crate) fn bytes(mut self, most: u64, what: &str) -> Result<Vec<u8>, Failure> {
        let too_large = || Failure::Final(errdefs::invalid(format!("{what} is larger than {most} bytes")));
        if self.body.content_length().is_some_and(|length| length > most) {
            return Err(too_large());
        }
        self.body.with_config().limit(most).read_to_vec().map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => too_large(),
            other => failure::from_ureq(other),
        })
    }
}

/// What an operation may do; becomes the scope of its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Pull,
    Push,
    /// A login: no repository.
    None,
}

/// A conversation with one repository.
pub(crate) struct Session<'a> {
    client: &'a Client,
    transport: Transport,
    pub(crate) endpoint: Endpoint,
    repository: String,
    auth: &'a Auth,
    scopes: Mutex<Vec<String>>,
    challenge: Mutex<Option<Challenge>>,
    pub(crate) cancel: &'a Cancel,
}

impl<'a> Session<'a> {
    /// Greets the registry (`GET /v2/`) and learns how it wants to authenticate.
    pub(crate) fn open(
        client: &'a Client,
        endpoint: Endpoint,
        repository: &str,
        auth: &'a Auth,
        access: Access,
        cancel: &'a Cancel,
    ) -> Result<Self, Failure> {
        let session = Self::unopened(client, endpoint, repository, auth, access, cancel);
        session.greet()?;
        Ok(session)
    }

    /// A session that has sent nothing yet: for what is older than the greeting.
    pub(crate) fn unopened(
        client: &'a Client,
        endpoint: Endpoint,
        repository: &str,
        auth: &'a Auth,
        access: Access,
        cancel: &'a Cancel,
    ) -> Self {
        let scopes = match access {
            Access::Pull => vec![format!("repository:{repository}:pull")],
            Access::Push => vec![format!("repository:{repository}:pull,push")],
            Access::None => Vec::new(),
        };
        Self {
            client,
            transport: Transport::new(client.config(), cancel.clone()),
            endpoint,
            repository: repository.to_owned(),
            auth,
            scopes: Mutex::new(scopes),
            challenge: Mutex::default(),
            cancel,
        }
    }

    fn greet(&self) -> Result<(), Failure> {
        let call = Call::new(Method::GET, self.endpoint.url("/v2/"));
        let once = || {
            let (answer, _) = self.exchange(&call, None)?;
            match answer.status().as_u16() {
                429 | 500.. => Err(Failure::Refused(refusal(answer))),
                _ => Ok(answer),
            }
        };
        // No address to connect to is told at once: there may be another endpoint, and the user is waiting.
        let answer = self.retry(|_| once(), |failure| matches!(failure, Failure::Refused(_)));
        self.adopt_challenge(&answer.map_err(|failure| failure.context(&call.shown()))?);
        Ok(())
    }

    /// Asks also for reading another repository, to mount its blobs.
    pub(crate) fn add_pull_scope(&self, repository: &str) {
        let scope = format!("repository:{repository}:pull");
        let mut scopes = self.scopes.lock();
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }

    /// The URL of `/v2/REPOSITORY/rest`.
    pub(crate) fn url(&self, rest: &str) -> String {
        self.endpoint.url(&format!("/v2/{}/{rest}", self.repository))
    }

    /// Sends a request until it succeeds, fails for good or has been tried often enough.
    pub(crate) fn call(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        self.retry(|_| self.attempt(call), Failure::may_pass)
    }

    /// Runs `work` up to the configured number of times, pausing between, while `passing` says it may help.
    pub(crate) fn retry<T>(
        &self,
        mut work: impl FnMut(u32) -> Result<T, Failure>,
        passing: impl Fn(&Failure) -> bool,
    ) -> Result<T, Failure> {
        let mut attempt = 1;
        loop {
            self.cancel.check()?;
            let failure = match work(attempt) {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            self.cancel.check()?;
            if !passing(&failure) || attempt >= self.client.config().retry.attempts {
                return Err(failure);
            }
            let Some(pause) = self.pause_before(attempt, &failure) else { return Err(failure) };
            self.cancel.pause(pause)?;
            attempt += 1;
        }
    }

    /// How long to wait after failed attempt number `attempt`; `None` if the registry asks for longer than we obey.
    pub(crate) fn pause_before(&self, attempt: u32, failure: &Failure) -> Option<std::time::Duration> {
        let retry = self.client.config().retry;
        let mut random = [0];
        // Without randomness the pause is merely the longest.
        let _ = getrandom::fill(&mut random);
        match failure.retry_after() {
            Some(asked) if asked > retry.longest_asked => None,
            Some(asked) => Some(asked.max(retry.pause(attempt, random[0]))),
            None => Some(retry.pause(attempt, random[0])),
        }
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.client.config().retry.attempts
    }

    /// Sends a request once, answering a challenge if there is one.
    pub(crate) fn attempt(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let shown = call.shown();
        let mut authorization = self.authorization().map_err(|failure| failure_in(&shown, failure))?;
        let (mut answer, mut own) =
            self.exchange(call, authorization.as_deref()).map_err(|failure| failure.context(&shown))?;
        if own && answer.status() == StatusCode::UNAUTHORIZED && !insufficient_scope(&answer) {
            let sent_token = authorization.as_deref().is_some_and(|sent| sent.starts_with("Bearer "));
            if authorization.is_none() || sent_token {
                self.adopt_challenge(&answer);
                self.forget_token();
                authorization = self.authorization().map_err(|failure| failure_in(&shown, failure))?;
                if authorization.is_some() {
                    (answer, own) = self
                        .exchange(call, authorization.as_deref())
                        .map_err(|failure| failure.context(&shown))?;
                }
            }
        }
        let _ = own;
        if answer.status().is_success() {
            let (parts, body) = answer.into_parts();
            return Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body });
        }
        Err(Failure::Refused(refusal(answer)))
    }

    /// One request and its redirects. Also says whether the answer is from the registry itself.
    fn exchange(
        &self,
        call: &Call<'_>,
        authorization: Option<&str>,
    ) -> Result<(Response<Body>, bool), Failure> {
        let invalid =
            |error: &dyn std::fmt::Display| Failure::Final(errdefs::invalid(format!("invalid URL: {error}")));
        let mut uri: Uri = call.url.parse().map_err(|error| invalid(&error))?;
        let mut own = self.is_own(&uri);
        for _ in 0..=limits::REDIRECTS_MAX {
            let answer = self.send(call, &uri, authorization.filter(|_| own))?;
            let reads = matches!(call.method, Method::GET | Method::HEAD);
            let location = answer.headers().get("Location").and_then(|value| value.to_str().ok());
            let (true, 301 | 302 | 303 | 307 | 308, Some(location)) =
                (reads, answer.status().as_u16(), location)
            else {
                return Ok((answer, own));
            };
            uri = resolve(&uri, location).map_err(Failure::Final)?;
            own = own && self.is_own(&uri);
        }
        Err(Failure::Final(errdefs::unavailable(format!(
            "stopped after {} redirects",
            limits::REDIRECTS_MAX
        ))))
    }

    fn send(
        &self,
        call: &Call<'_>,
        uri: &Uri,
        authorization: Option<&str>,
    ) -> Result<Response<Body>, Failure> {
        let named_by_user = self.is_own(uri);
        let anywhere = named_by_user || !self.endpoint.https || self.transport.named_host_is_private();
        let reach = if anywhere { Reach::Any } else { Reach::Public };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let verify = if named_by_user {
            self.endpoint.verify
        } else {
            !Transport::is_insecure(&self.client.config(), authority)
        };
        let agent = self.transport.agent(uri, verify, reach)?;
        let mut request = Request::builder().method(call.method.clone()).uri(uri.clone());
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        let wrong = |error: ureq::http::Error| Failure::Final(errdefs::invalid(error.to_string()));
        let sent = match &call.payload {
            Payload::None if matches!(call.method, Method::GET | Method::HEAD | Method::DELETE) => {
                agent.run(request.body(()).map_err(wrong)?)
            }
            Payload::None => agent.run(request.body(&[] as &[u8]).map_err(wrong)?),
            Payload::Bytes(bytes) => agent.run(request.body(*bytes).map_err(wrong)?),
            Payload::Stream(open, length) => {
                let mut reader = open()?;
                let request = request.header("Content-Length", length.to_string());
                agent.run(request.body(SendBody::from_reader(&mut reader)).map_err(wrong)?)
            }
            Payload::Once(stream) => {
                let taken = stream.lock().take();
                let mut reader = taken.ok_or_else(|| errdefs::unavailable("the stream is used up"))?;
                agent.run(request.body(SendBody::from_reader(&mut reader)).map_err(wrong)?)
            }
        };
        sent.map_err(failure::from_ureq)
    }

    /// Whether a URL is on the registry the user named.
    pub(crate) fn is_own(&self, uri: &Uri) -> bool {
        let https = uri.scheme_str() == Some("https");
        https == self.endpoint.https
            && uri
                .authority()
                .is_some_and(|authority| authority.as_str().eq_ignore_ascii_case(&self.endpoint.authority))
    }

    fn adopt_challenge(&self, answer: &Response<Body>) {
        if answer.status() != StatusCode::UNAUTHORIZED {
            return;
        }
        let offered: Vec<Challenge> = answer
            .headers()
            .get_all("WWW-Authenticate")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(challenge::parse)
            .collect();
        let of = |scheme: &str| offered.iter().find(|challenge| challenge.scheme == scheme).cloned();
        if let Some(chosen) = of("bearer").or_else(|| of("basic")) {
            *self.challenge.lock() = Some(chosen);
        }
    }

    fn forget_token(&self) {
        if let Some(challenge) = self.challenge.lock().clone() {
            self.client.tokens.forget(&self.token_request(&self.scopes.lock().clone()).key(&challenge));
        }
    }

    /// The `Authorization` header that the registry wants, or `None` if it wants none.
    fn authorization(&self) -> Result<Option<String>, Failure> {
        let Some(challenge) = self.challenge.lock().clone() else { return Ok(None) };
        if challenge.scheme == "basic" {
            // Not `Unauthorized`, as Docker: its client would ask for a password in the middle of a script.
            let basic = self.auth.basic();
            return basic.map(Some).ok_or_else(|| errdefs::system("no basic auth credentials").into());
        }
        if !self.auth.registry_token.is_empty() {
            return Ok(Some(format!("Bearer {}", self.auth.registry_token)));
        }
        let scopes = self.scopes.lock().clone();
        // Several threads may find no token; one asks, the others find it.
        let token = self.retry(
            |_| self.token_request(&scopes).token(&self.client.tokens, &challenge),
            |failure| matches!(failure, Failure::Refused(_)) && failure.may_pass(),
        )?;
        Ok(Some(format!("Bearer {token}")))
    }

    fn token_request<'s>(&'s self, scopes: &'s [String]) -> TokenRequest<'s> {
        TokenRequest {
            transport: &self.transport,
            registry: &self.endpoint.authority,
            registry_https: self.endpoint.https,
            config: &self.transport.config,
            auth: self.auth,
            scopes,
            offline: false,
        }
    }

    /// For a login: the challenge, if any, and a token request that also asks for a refresh token.
    pub(crate) fn login_request(&self) -> (Option<Challenge>, TokenRequest<'_>) {
        (self.challenge.lock().clone(), TokenRequest { offline: true, ..self.token_request(&[]) })
    }

    /// `GET /v2/` with this header: the status.
    pub(crate) fn probe(&self, authorization: &str) -> Result<u16, Failure> {
        let call = Call::new(Method::GET, self.endpoint.url("/v2/"));
        let (answer, _) =
            self.exchange(&call, Some(authorization)).map_err(|failure| failure.context(&call.shown()))?;
        Ok(answer.status().as_u16())
    }
}

/// A failed token request is told as part of the request that needed the token, as Docker does.
fn failure_in(shown: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Refused(refusal) if refusal.status == 401 || refusal.status == 403 => {
            Failure::Final(Error::from(Failure::Refused(refusal)).context(shown))
        }
        other => other.context(shown),
    }
}

fn insufficient_scope(answer: &Response<Body>) -> bool {
    let values = answer.headers().get_all("WWW-Authenticate").iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(challenge::parse)
        .any(|challenge| challenge.parameter("error") == Some("insufficient_scope"))
}

fn refusal(mut answer: Response<Body>) -> Refusal {
    let denied = answer.status() == StatusCode::UNAUTHORIZED && insufficient_scope(&answer);
    let after = answer.headers().get("Retry-After").and_then(|value| value.to_str().ok());
    let after = after.and_then(|value| failure::retry_after(value, jiff::Timestamp::now()));
    let mut body = Vec::new();
    // Only quoted: what cannot be read of it is left out.
    let reader = answer.body_mut().with_config().limit(u64::MAX).reader();
    let _ = reader.take(limits::ERROR_BODY_MAX).read_to_end(&mut body);
    Refusal::parse(answer.status().as_u16(), &body, denied, after)
}

/// A `Location` against the URL that answered with it.
pub(crate) fn resolve(base: &Uri, location: &str) -> Result<Uri> {
    let bad = || errdefs::unavailable("the registry redirects to an invalid location");
    let scheme = base.scheme_str().unwrap_or("https");
    let authority = base.authority().map_or("", |authority| authority.as_str());
    let absolute = if location.contains("://") {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let directory = base.path().rsplit_once('/').map_or("", |(directory, _)| directory);
        format!("{scheme}://{authority}{directory}/{location}")
    };
    let uri: Uri = absolute.split('#').next().unwrap_or_default().parse().map_err(|_| bad())?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if web && plain { Ok(uri) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_resolve_and_hostile_ones_are_refused() {
        let base: Uri = "https://reg.test/v2/a/blobs/x?y=1".parse().unwrap();
        for (location, expected) in [
            ("https://cdn.test/b?c=d", Some("https://cdn.test/b?c=d")),
            ("//cdn.test/b", Some("https://cdn.test/b")),
            ("/b#frag", Some("https://reg.test/b")),
            ("z", Some("https://reg.test/v2/a/blobs/z")),
            ("file:///etc/passwd", None),
            ("https://user:pw@cdn.test/", None),
            ("gopher://x/", None),
            ("http://", None),
        ] {
            assert_eq!(
                resolve(&base, location).ok().map(|uri| uri.to_string()).as_deref(),
                expected,
                "{location}"
            );
        }
    }

    #[test]
    fn calls_are_named_as_in_go() {
        let call = Call::new(Method::HEAD, "http://h/v2/".into());
        assert_eq!(call.shown(), "Head \"http://h/v2/\"");
    }
}
