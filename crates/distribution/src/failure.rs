//! Why a request to a registry failed, in Docker's words, and whether trying again may help.

use std::io;
use std::time::Duration;

use errdefs::{Class, Error};
use serde::Deserialize;

/// A failed request, for those who branch on how it failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No answer: the connection could not be made or broke.
    Network(Error),
    /// The registry answered with a status that is not a success.
    Refused(Refusal),
    /// Anything that no other attempt will change.
    Final(Error),
}

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// The specification's error code (`MANIFEST_UNKNOWN`), or one made from the status.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Network(error) | Failure::Final(error) => error,
            Failure::Refused(refusal) => refusal.into_error(),
        }
    }
}

impl Failure {
    /// Whether another attempt may succeed.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Network(_) => true,
            Self::Refused(refusal) => matches!(refusal.status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Final(_) => false,
        }
    }

    /// How long the other side asked us to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// Puts `what` in front, as Go's HTTP client puts `Get "URL"`.
    pub(crate) fn context(self, what: &str) -> Self {
        match self {
            Self::Network(error) => Self::Network(error.context(what)),
            Self::Final(error) => Self::Final(error.context(what)),
            refused @ Self::Refused(_) => refused,
        }
    }
}

impl Refusal {
    /// The class that this answer means for the caller.
    fn class(&self) -> Class {
        match (self.status, self.code.as_str()) {
            (_, "UNAUTHORIZED") | (401, _) => Class::Unauthorized,
            (_, "DENIED") | (403, _) => Class::Forbidden,
            (_, "MANIFEST_UNKNOWN" | "NAME_UNKNOWN" | "BLOB_UNKNOWN") | (404, _) => Class::NotFound,
            (429 | 500..=599, _) => Class::Unavailable,
            _ => Class::System,
        }
    }

    /// `manifest unknown: manifest unknown`.
    pub(crate) fn text(&self) -> String {
        if self.code == "UNKNOWN" {
            return self.message.clone();
        }
        format!("{}: {}", self.code.to_ascii_lowercase().replace('_', " "), self.message)
    }

    pub(crate) fn into_error(self) -> Error {
        Error::new(self.class(), self.text())
    }

    /// Reads an error answer. `scope_denied` says that the challenge of a 401 named `insufficient_scope`: that is how
    /// a registry says "denied" to someone who has a token.
    pub(crate) fn parse(status: u16, body: &[u8], scope_denied: bool, retry_after: Option<Duration>) -> Self {
        let made = |code: &str, message: String| Self { status, code: code.to_owned(), message, retry_after };
        if scope_denied {
            return made("DENIED", "requested access to the resource is denied".to_owned());
        }
        let answer: ErrorAnswer = serde_json::from_slice(body).unwrap_or_default();
        if let Some(first) = answer.errors.into_iter().flatten().next() {
            let code = if first.code.is_empty() { "UNKNOWN".to_owned() } else { first.code };
            let message =
                if first.message.is_empty() { default_message(&code).to_owned() } else { first.message };
            return made(&printable(&code), printable(&message));
        }
        let said =
            answer.details.or(answer.message).map(|text| printable(&text)).filter(|text| !text.is_empty());
        match status {
            401 => made("UNAUTHORIZED", said.unwrap_or_else(|| default_message("UNAUTHORIZED").to_owned())),
            403 => made("DENIED", said.unwrap_or_else(|| default_message("DENIED").to_owned())),
            429 => made("TOOMANYREQUESTS", said.unwrap_or_else(|| "too many requests".to_owned())),
            _ => made("UNKNOWN", format!("received unexpected HTTP status: {}", status_line(status))),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorAnswer {
    errors: Option<Vec<ErrorItem>>,
    details: Option<String>,
    message: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorItem {
    code: String,
    message: String,
}

fn default_message(code: &str) -> &'static str {
    match code {
        "UNAUTHORIZED" => "authentication required",
        "DENIED" => "requested access to the resource is denied",
        "MANIFEST_UNKNOWN" => "manifest unknown",
        "NAME_UNKNOWN" => "repository name not known to registry",
        "BLOB_UNKNOWN" => "blob unknown to registry",
        "TOOMANYREQUESTS" => "too many requests",
        _ => "unknown error",
    }
}

/// `404 Not Found`.
pub(crate) fn status_line(status: u16) -> String {
    match ureq::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()) {
        Some(reason) => format!("{status} {reason}"),
        None => status.to_string(),
    }
}

/// A registry's text on one line: it goes to a terminal, so nothing in it may steer one.
fn printable(text: &str) -> String {
    let kept: String = text.chars().take(1024).map(|c| if c.is_control() { ' ' } else { c }).collect();
    kept.trim().to_owned()
}

/// What an I/O error says without Rust's ` (os error N)`, in lower case as Go prints errnos.
pub(crate) fn errno_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if error.raw_os_error().is_some() => first.to_lowercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}

/// What a failed request means. Everything that is not a mistake of ours may pass.
pub(crate) fn from_ureq(error: ureq::Error) -> Failure {
    match error {
        ureq::Error::Other(other) => match other.downcast::<Error>() {
            Ok(ours) if ours.class() == Class::Unavailable => Failure::Network(*ours),
            Ok(ours) => Failure::Final(*ours),
            Err(other) => Failure::Network(errdefs::unavailable(other.to_string())),
        },
        ureq::Error::Io(io) => from_io(io),
        ureq::Error::Timeout(_) => Failure::Network(errdefs::unavailable(
            "net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
        )),
        ureq::Error::Protocol(_) => {
            Failure::Network(errdefs::unavailable("net/http: malformed HTTP response"))
        }
        ureq::Error::BadUri(uri) => Failure::Final(errdefs::invalid(format!("invalid URL: {uri}"))),
        ureq::Error::Http(http) => Failure::Final(errdefs::invalid(http.to_string())),
        other => Failure::Network(errdefs::unavailable(other.to_string())),
    }
}

fn from_io(error: io::Error) -> Failure {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return from_tls(tls);
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Failure::Network(errdefs::unavailable("EOF"));
    }
    let text = errno_text(&error);
    match error.into_inner() {
        Some(inner) if inner.is::<Error>() => from_ureq(ureq::Error::Other(inner)),
        _ => Failure::Network(errdefs::unavailable(text)),
    }
}

fn from_tls(error: &rustls::Error) -> Failure {
    use rustls::CertificateError as Bad;
    let text = match error {
        rustls::Error::InvalidCertificate(Bad::UnknownIssuer) => {
            "tls: failed to verify certificate: x509: certificate signed by unknown authority".to_owned()
        }
        rustls::Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "tls: failed to verify certificate: x509: certificate has expired or is not yet valid".to_owned()
        }
        rustls::Error::InvalidCertificate(bad) => format!("tls: failed to verify certificate: x509: {bad}"),
        rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
            "http: server gave HTTP response to HTTPS client".to_owned()
        }
        other => format!("tls: {other}"),
    };
    // Another attempt meets the same certificate.
    Failure::Final(errdefs::unavailable(text))
}

/// Reads a `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
pub(crate) fn retry_after(value: &str, now: jiff::Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(value.trim()).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_answers_read_as_docker_prints_them() {
        for (status, body, denied, expected) in [
            (
                404,
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{}}]}"#,
                false,
                "manifest unknown: manifest unknown",
            ),
            (
                401,
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
                false,
                "unauthorized: authentication required",
            ),
            (
                401,
                r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#,
                true,
                "denied: requested access to the resource is denied",
            ),
            (
                401,
                r#"{"details":"incorrect username or password"}"#,
                false,
                "unauthorized: incorrect username or password",
            ),
            (403, "", false, "denied: requested access to the resource is denied"),
            (404, "<html>", false, "received unexpected HTTP status: 404 Not Found"),
            (500, "", false, "received unexpected HTTP status: 500 Internal Server Error"),
            (429, "{}", false, "toomanyrequests: too many requests"),
            (400, r#"{"errors":[{"code":"X_Y","message":"a\u001b[31mb\nc"}]}"#, false, "x y: a [31mb c"),
            (400, r#"{"errors":[]}"#, false, "received unexpected HTTP status: 400 Bad Request"),
            (400, r#"{"errors":null}"#, false, "received unexpected HTTP status: 400 Bad Request"),
        ] {
            assert_eq!(Refusal::parse(status, body.as_bytes(), denied, None).text(), expected, "{body}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (value, seconds) in [
            ("7", Some(7)),
            ("Thu, 01 Jan 2026 00:01:00 GMT", Some(60)),
            ("Wed, 31 Dec 2025 23:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(retry_after(value, now).map(|pause| pause.as_secs()), seconds, "{value}");
        }
    }

    #[test]
    fn errnos_print_as_in_go() {
        assert_eq!(errno_text(&io::Error::from_raw_os_error(111)), "connection refused");
        assert_eq!(errno_text(&io::Error::other("Some text")), "Some text");
    }
}
