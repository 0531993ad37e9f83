//! A request's body, which is read off the connection even if its handler does not want it.
//!
//! An error is often found before the body has come: no such container, a wrong content type. A connection that is closed
//! with unread bytes on it breaks the client's next write, and many a client then never looks for the answer. So what is
//! left over is read and thrown away, as Go's server does, up to a limit.

use bytes::Bytes;
use errdefs::Result;
use hyper::body::{Body as _, Incoming};

use crate::lenient::Line;
use crate::request::next_piece;

/// Most bytes that are thrown away, Go's number; after more the connection is closed.
const THROWN_AWAY: usize = 256 << 10;

/// The body of a request.
pub(crate) struct Inflow {
    body: Option<Incoming>,
    line: Line,
}

impl Inflow {
    /// The body of a request on the connection with this line.
    pub(crate) fn new(body: Incoming, line: Line) -> Self {
        Self { body: Some(body), line }
    }

    /// True if nothing follows the headers.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    /// The next bytes, `None` at the end.
    ///
    /// # Errors
    /// InvalidParameter if the client breaks off.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>> {
        match &mut self.body {
            Some(body) => next_piece(body).await,
            None => Ok(None),
        }
    }

    /// The body itself, for whom it becomes the connection.
    pub(crate) fn into_inner(mut self) -> Option<Incoming> {
        self.body.take()
    }
}

impl Drop for Inflow {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take() else { return };
        let line = self.line.clone();
        if body.is_end_stream() {
            return line.due();
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let mut left = THROWN_AWAY;
            while let Ok(piece) = next_piece(&mut body).await {
                let Some(piece) = piece else { return line.due() };
                let Some(rest) = left.checked_sub(piece.len()) else { return };
                left = rest;
            }
        });
    }
}
