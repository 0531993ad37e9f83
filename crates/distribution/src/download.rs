//! Fetching a file from the web, for `docker import URL`.
//!
//! The user named the URL, so any address is allowed, also after a redirect; no credentials are known here.

use std::io::{self, Read};

use errdefs::Result;
use ureq::BodyReader;
use ureq::http::{StatusCode, Uri};

use crate::cancel::Cancel;
use crate::client::Client;
use crate::failure::{self, status_line};
use crate::limits;
use crate::session::resolve;
use crate::transport::{Reach, Transport};

/// The bytes of a file on the web. Its connection ends with it.
pub struct Download {
    reader: BodyReader<'static>,
    _transport: Transport,
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl Client {
    /// Opens a URL; one without a scheme means `http`, as in Docker.
    pub fn download(&self, url: &str, cancel: &Cancel) -> Result<Download> {
        let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let bad = || errdefs::invalid(format!("{url} is not a URL of http or https"));
        let mut uri: Uri = whole.parse().map_err(|_| bad())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.authority().is_none() {
            return Err(bad());
        }
        let transport = Transport::new(self.config(), cancel.clone());
        for _ in 0..=limits::REDIRECTS_MAX {
            let agent = transport.agent(&uri, true, Reach::Any)?;
            let answer = agent.get(uri.clone()).call().map_err(|error| {
                errdefs::Error::from(failure::from_ureq(error)).context(format!("Get \"{uri}\""))
            });
            cancel.check()?;
            let answer = answer?;
            let status = answer.status();
            let location = answer.headers().get("Location").and_then(|value| value.to_str().ok());
            if let (true, Some(location)) = (status.is_redirection(), location) {
                uri = resolve(&uri, location)?;
                continue;
            }
            if status != StatusCode::OK {
                return Err(errdefs::unavailable(format!(
                    "Got HTTP status code >= 400: {}",
                    status_line(status.as_u16())
                )));
            }
            let reader = answer.into_body().into_with_config().limit(u64::MAX).reader();
            return Ok(Download { reader, _transport: transport });
        }
        Err(errdefs::unavailable(format!("stopped after {} redirects", limits::REDIRECTS_MAX)))
    }
}
