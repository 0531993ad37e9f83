//! Sending a request and reading its answer: paths, versions, bodies, error answers.

use std::io::{self, Read, Write};
use std::sync::PoisonError;

use errdefs::{Class, Context, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Client;
use crate::connection_failure::{broken, describe};
use crate::hijack::Session;
use crate::http::{Body, Connection, Head};
use crate::query::Query;
use crate::transport::Stream;

/// The largest answer that is read whole into memory: an `inspect` or a list of thousands of objects is far below.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The largest error answer that is read.
const ERROR_BYTES_MAX: u64 = 1024 * 1024;

/// The status of the answer to a request in a version that the engine does not speak, among others.
const TOO_NEW: u16 = 400;

/// The body of a request.
pub(crate) enum Payload<'a> {
    None,
    Json(Vec<u8>),
    /// A stream and its media type; sent in chunks.
    Stream(&'a mut dyn Read, &'static str),
}

/// A request before it is sent.
pub(crate) struct Request<'a> {
    method: &'static str,
    path: String,
    query: Query,
    headers: Vec<(&'static str, String)>,
    payload: Payload<'a>,
    upgrade: bool,
    versioned: bool,
}

impl<'a> Request<'a> {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Query::new(),
            headers: Vec::new(),
            payload: Payload::None,
            upgrade: false,
            versioned: true,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new("POST", path)
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new("DELETE", path)
    }

    pub(crate) fn query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds the credentials for a registry, if there are any.
    pub(crate) fn registry_auth(self, auth: Option<&str>) -> Self {
        match auth {
            Some(auth) => self.header("X-Registry-Auth", auth),
            None => self,
        }
    }

    pub(crate) fn json(mut self, body: &impl Serialize) -> Result<Self> {
        self.payload = Payload::Json(serde_json::to_vec(body).context(|| "encode request")?);
        Ok(self)
    }

    pub(crate) fn stream(mut self, source: &'a mut dyn Read, media_type: &'static str) -> Self {
        self.payload = Payload::Stream(source, media_type);
        self
    }

    pub(crate) fn unversioned(mut self) -> Self {
        self.versioned = false;
        self
    }

    /// Refuses a path that lacks the name of its object: the engine would answer for another path.
    fn check_name(&self) -> Result<()> {
        let mut segments = self.path.split('/').skip(1);
        let (collection, name) = (segments.next().unwrap_or_default(), segments.next());
        if !name.is_some_and(|name| name.replace("%20", "").is_empty()) {
            return Ok(());
        }
        match collection {
            "containers" => Err(nameless("container")),
            "networks" => Err(nameless("network")),
            "volumes" => Err(nameless("volume")),
            "exec" => Err(nameless("exec")),
            "images" if self.method == "GET" && self.path.ends_with("/json") => {
                Err(errdefs::not_found("Error: No such image: "))
            }
            _ => Err(no_page()),
        }
    }

    /// What was tried, as Go's client names it in errors: `Get "http://HOST/v1.51/info"`.
    fn action(&self, client: &Client, version: Option<crate::ApiVersion>) -> String {
        let (first, rest) = self.method.split_at(1);
        let version = version.map(|version| format!("/v{version}")).unwrap_or_default();
        format!(
            "{first}{} \"{}{version}{}{}\"",
            rest.to_ascii_lowercase(),
            client.options.endpoint.base_url(),
            self.path,
            self.query.as_str()
        )
    }

    fn head(&self, client: &Client, version: Option<crate::ApiVersion>) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(512);
        let _ = write!(text, "{} ", self.method);
        if let Some(version) = version {
            let _ = write!(text, "/v{version}");
        }
        let _ = write!(
            text,
            "{}{} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\n",
            self.path,
            self.query.as_str(),
            client.options.endpoint.host_header(),
            client.options.user_agent
        );
        let configured = client.options.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let own = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in configured.chain(own) {
            // A line end inside a value would be a second field of somebody's choice.
            if !name.contains(['\r', '\n']) && !value.contains(['\r', '\n']) {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        if self.upgrade {
            text.push_str("Connection: Upgrade\r\nUpgrade: tcp\r\n");
        }
        match &self.payload {
            Payload::None if self.method == "POST" || self.method == "PUT" => {
                text.push_str("Content-Length: 0\r\n")
            }
            Payload::None => {}
            Payload::Json(bytes) => {
                let _ = write!(text, "Content-Type: application/json\r\nContent-Length: {}\r\n", bytes.len());
            }
            Payload::Stream(_, media_type) => {
                let _ = write!(text, "Content-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n");
            }
        }
        text.push_str("\r\n");
        text
    }
}

/// A path that the engine does not answer.
fn no_page() -> Error {
    errdefs::not_found("Error response from daemon: page not found")
}

/// An object's name or ID that is empty.
pub(crate) fn nameless(noun: &str) -> Error {
    errdefs::invalid(format!("invalid {noun} name or ID: value is empty"))
}

impl Client {
    /// Sends `request`; an error answer is an error.
    pub(crate) fn send(&self, request: Request<'_>) -> Result<(Head, Body)> {
        let (head, mut body) = self.send_any_status(request)?;
        match head.status {
            // The engine sends nobody elsewhere but for a path with dots or slashes too many, which no object has.
            301..=303 | 307 | 308 => return Err(no_page()),
            status if status < 400 => return Ok((head, body)),
            _ => {}
        }
        let bytes = body.read_all(ERROR_BYTES_MAX).unwrap_or_default();
        Err(error_answer(head.status, &bytes))
    }

    /// Sends `request` and gives whatever comes back.
    pub(crate) fn send_any_status(&self, request: Request<'_>) -> Result<(Head, Body)> {
        let to_head_request = request.method == "HEAD";
        let (head, connection) = self.exchange(request)?;
        let body = Body::new(connection, &head, to_head_request, self.pool.clone())
            .map_err(|error| broken(&self.options.endpoint.to_string(), &error))?;
        Ok((head, body))
    }

    /// Sends `request` in the newest version until the engine is known to speak an older one: every answer says which it
    /// speaks, and a request that is too new is refused before anything is done.
    fn exchange(&self, mut request: Request<'_>) -> Result<(Head, Connection)> {
        request.check_name()?;
        let version = match request.payload {
            _ if !request.versioned => None,
            // It can be sent only once.
            Payload::Stream(..) => Some(self.api_version()?),
            _ => Some(self.presumed_version()),
        };
        let (head, connection) = self.attempt(&mut request, version)?;
        self.learn_version(&head);
        let Some(version) = version.filter(|_| head.status == TOO_NEW) else { return Ok((head, connection)) };
        let spoken = self.api_version()?;
        if spoken >= version {
            return Ok((head, connection));
        }
        drop(connection);
        self.attempt(&mut request, Some(spoken))
    }

    fn attempt(
        &self,
        request: &mut Request<'_>,
        version: Option<crate::ApiVersion>,
    ) -> Result<(Head, Connection)> {
        let text = request.head(self, version);
        let pooled = self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // An idle connection may have been closed by the engine meanwhile; only a body that can be sent again may
        // try it. A stream takes a fresh one.
        if let Some(mut connection) = pooled
            && !matches!(request.payload, Payload::Stream(..))
            && write_request(&mut connection, &text, &mut request.payload).is_ok()
            && let Ok(Some(head)) = connection.read_head()
        {
            return Ok((head, connection));
        }
        let endpoint = &self.options.endpoint;
        let action = || request.action(self, version);
        let stream = Stream::connect(endpoint).map_err(|error| describe(endpoint, &action(), &error))?;
        let mut connection = Connection::new(stream);
        let sent = write_request(&mut connection, &text, &mut request.payload);
        let head = connection.read_head();
        match (sent, head) {
            (_, Ok(Some(head))) => Ok((head, connection)),
            // Why reading failed says more than why writing did.
            (_, Err(error)) | (Err(error), _) => Err(broken(&request.action(self, version), &error)),
            (Ok(()), Ok(None)) => {
                Err(broken(&request.action(self, version), &io::ErrorKind::UnexpectedEof.into()))
            }
        }
    }

    /// Sends `request` with an upgrade and takes over the connection.
    pub(crate) fn hijack(&self, mut request: Request<'_>) -> Result<Session> {
        request.upgrade = true;
        let (head, connection) = self.exchange(request)?;
        if head.status >= 400 {
            let mut body = Body::new(connection, &head, false, self.pool.clone())?;
            return Err(error_answer(head.status, &body.read_all(ERROR_BYTES_MAX).unwrap_or_default()));
        }
        let multiplexed = head.field("content-type") == Some("application/vnd.docker.multiplexed-stream");
        if head.status == 101 {
            return Session::new(connection, multiplexed).context(|| "take over connection");
        }
        Err(errdefs::system(format!("unable to upgrade to tcp, received {}", head.status)))
    }

    /// Sends `request` and decodes the JSON answer.
    pub(crate) fn fetch<T: DeserializeOwned>(&self, request: Request<'_>) -> Result<T> {
        serde_json::from_slice(&self.fetch_bytes(request)?).context(|| "decode answer")
    }

    /// Sends `request` and reads the whole answer.
    pub(crate) fn fetch_bytes(&self, request: Request<'_>) -> Result<Vec<u8>> {
        let (_, mut body) = self.send(request)?;
        body.read_all(ANSWER_BYTES_MAX).map_err(|error| broken(&self.options.endpoint.to_string(), &error))
    }

    /// Sends `request` and throws the answer away, keeping the connection.
    pub(crate) fn run(&self, request: Request<'_>) -> Result<()> {
        self.fetch_bytes(request).map(drop)
    }
}

fn write_request(connection: &mut Connection, head: &str, payload: &mut Payload<'_>) -> io::Result<()> {
    match payload {
        Payload::None => connection.stream.write_all(head.as_bytes()),
        Payload::Json(bytes) => connection.stream.write_all(&[head.as_bytes(), bytes].concat()),
        Payload::Stream(source, _) => {
            connection.stream.write_all(head.as_bytes())?;
            connection.write_chunked(*source)
        }
    }?;
    connection.stream.flush()
}

/// The error that an answer of `status` with `body` stands for, in the words of Docker's client.
fn error_answer(status: u16, body: &[u8]) -> Error {
    let class = match status {
        304 => Class::NotModified,
        400 => Class::InvalidParameter,
        401 => Class::Unauthorized,
        403 => Class::Forbidden,
        404 => Class::NotFound,
        409 => Class::Conflict,
        501 => Class::NotImplemented,
        503 => Class::Unavailable,
        _ => Class::System,
    };
    let text = match serde_json::from_slice::<api::error::ErrorResponse>(body) {
        Ok(answer) if !answer.message.is_empty() => answer.message,
        _ if body.trim_ascii().is_empty() => format!(
            "request returned status {status}; check if the server supports the requested API version"
        ),
        _ => String::from_utf8_lossy(body).trim().to_owned(),
    };
    Error::new(class, format!("Error response from daemon: {}", text.trim()))
}
