//! The body of an answer: bytes at hand, or a provider's stream on its way through the meter.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::meter::{LargeBody, MeteredBody};

/// What stages hand outwards. Boxed once, by the outermost.
pub enum Answer {
    /// Bytes at hand.
    Full(Full<Bytes>),
    /// A stream that is metered as it passes.
    Metered(Box<MeteredBody>),
    /// A document that is too large to be at hand.
    Large(Box<LargeBody>),
}

/// A stream that ends before its end: the connection is aborted, never closed cleanly.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut off")]
pub struct Cut;

impl Answer {
    /// An answer of bytes at hand.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::Full(Full::new(bytes.into()))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Full(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|never| match never {}),
            Self::Metered(body) => Pin::new(body.as_mut()).poll_frame(cx),
            Self::Large(body) => Pin::new(body.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(body) => body.is_end_stream(),
            Self::Metered(body) => body.is_end_stream(),
            Self::Large(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(body) => body.size_hint(),
            Self::Metered(body) => body.size_hint(),
            Self::Large(body) => body.size_hint(),
        }
    }
}
