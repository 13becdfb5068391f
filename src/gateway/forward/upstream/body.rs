//! The body of a provider's answer. It drives its connection while it is read, and gives it back once
//! it has ended; dropped before, it closes the connection, which cancels the call.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::http1::Wire;
use super::origin::Origin;

/// See the module.
pub struct UpstreamBody {
    incoming: Incoming,
    /// The connection that it has for itself, until it has ended.
    wire: Option<(Box<Wire>, Arc<Origin>)>,
}

impl UpstreamBody {
    pub(super) fn of_wire(incoming: Incoming, wire: Box<Wire>, origin: Arc<Origin>) -> Self {
        let mut body = Self {
            incoming,
            wire: Some((wire, origin)),
        };
        body.release_if_ended();
        body
    }

    pub(super) fn of_shared(incoming: Incoming) -> Self {
        Self {
            incoming,
            wire: None,
        }
    }

    fn release_if_ended(&mut self) {
        if self.incoming.is_end_stream() {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some((wire, origin)) = self.wire.take() {
            origin.keep(wire);
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { incoming, wire } = &mut *self;
        let Some((wire, _)) = wire else {
            return Pin::new(incoming).poll_frame(cx);
        };
        let frame = ready!(wire.poll_frame(cx, incoming));
        match &frame {
            Some(Ok(_)) => self.release_if_ended(),
            None => self.release(),
            Some(Err(_)) => self.wire = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
