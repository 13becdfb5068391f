//! Carries the log line to the end of the body and notes how that end came.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::record::{Line, Outcome};
use crate::gateway::answer::{Answer, Cut};

/// An answer with its log line.
pub struct LoggedBody {
    inner: Answer,
    line: Line,
}

impl LoggedBody {
    pub(super) fn new(inner: Answer, line: Line) -> Self {
        if inner.is_end_stream() {
            line.record().ended(Outcome::Complete);
        }
        Self { inner, line }
    }
}

impl Body for LoggedBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Err(_)) => self.line.record().ended(Outcome::Cut),
            None => self.line.record().ended(Outcome::Complete),
            // With a known length nobody may ask again after the last frame.
            Some(Ok(_)) if self.inner.is_end_stream() => {
                self.line.record().ended(Outcome::Complete);
            }
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
