//! The body of a provider's answer. It drives its connection while it is read, and gives it back once
//! it has ended; dropped before, it closes the connection, which cancels the call.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::Broken;
use super::http1::Wire;
use super::http2::Place;
use super::origin::Origin;

/// See the module.
pub struct UpstreamBody(Source);

enum Source {
    /// A connection that the call has for itself.
    Own(Box<Wire>, Arc<Origin>),
    /// One that it shares.
    Shared { incoming: Incoming, _place: Place },
    /// It has ended.
    Over,
}

impl UpstreamBody {
    pub(super) fn of_wire(wire: Box<Wire>, origin: Arc<Origin>) -> Self {
        let mut body = Self(Source::Own(wire, origin));
        body.release_if_ended();
        body
    }

    pub(super) fn of_shared(incoming: Incoming, place: Place) -> Self {
        Self(Source::Shared {
            incoming,
            _place: place,
        })
    }

    /// Gives back a connection as soon as nothing is to come, which is often with the last piece.
    fn release_if_ended(&mut self) {
        let is_over = matches!(&self.0, Source::Own(wire, _) if wire.length() == Some(0));
        if is_over && let Source::Own(wire, origin) = std::mem::replace(&mut self.0, Source::Over) {
            origin.keep(wire);
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = match &mut self.0 {
            Source::Own(wire, _) => ready!(wire.poll_body(cx)),
            Source::Shared { incoming, .. } => {
                let frame = ready!(Pin::new(incoming).poll_frame(cx));
                return Poll::Ready(frame.map(|frame| frame.map_err(Broken::Shared)));
            }
            Source::Over => None,
        };
        match &polled {
            Some(Err(_)) => self.0 = Source::Over,
            Some(Ok(_)) | None => self.release_if_ended(),
        }
        Poll::Ready(polled.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Own(..) => false,
            Source::Shared { incoming, .. } => incoming.is_end_stream(),
            Source::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Own(wire, _) => wire
                .length()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Source::Shared { incoming, .. } => incoming.size_hint(),
            Source::Over => SizeHint::with_exact(0),
        }
    }
}
