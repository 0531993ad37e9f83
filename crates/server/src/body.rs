//! Answer bodies: a block of bytes, or pieces that come through a channel while the work goes on.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::mpsc;

/// What is sent after the headers.
pub(crate) enum Body {
    /// All of it, known now; empty for none.
    Full(Bytes),
    /// A first piece, and what comes through the channel until its senders are gone.
    Stream(Bytes, mpsc::Receiver<Bytes>),
}

impl Body {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::Full(Bytes::new())
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (first, channel) = match self.get_mut() {
            Self::Full(bytes) => (bytes, None),
            Self::Stream(first, channel) => (first, Some(channel)),
        };
        if !first.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(first)))));
        }
        match channel {
            None => Poll::Ready(None),
            Some(channel) => channel.poll_recv(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(..) => SizeHint::default(),
        }
    }
}
