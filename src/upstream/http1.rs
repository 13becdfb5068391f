//! A connection of HTTP/1.1: one call at a time, driven by that call's own task. Heads and sizes of
//! chunks are parsed by httparse, as hyper does it. hyper's own client is not used: it hands each chunk
//! of an answer through a channel, which cost a stream more than all else that is done to it.
//!
//! What could be read in two ways is refused, and what is not plain ends the connection, so that no
//! answer is ever taken for another call's.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::buf::Chain;
use bytes::{Buf, Bytes, BytesMut};
use http::Response;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite;
use tokio::task::coop::unconstrained;
use tokio_util::io::{poll_read_buf, poll_write_buf};

use super::body::UpstreamBody;
use super::connect::Io;
use super::origin::Origin;
use super::{Broken, Outgoing, Unanswered};

mod framing;
mod head;

use framing::Framing;
use head::Head;

/// What is read at once: at first, and at most. That much is also read ahead of a client that does not
/// read.
const ROOM: usize = 8 * 1024;
const MOST_ROOM: usize = 32 * 1024;
/// Less room than this is not worth a system call.
const LEAST_ROOM: usize = 4 * 1024;

/// See the module.
pub(super) struct Wire {
    io: TokioIo<Io>,
    /// What is not written yet of a request.
    unsent: Chain<Bytes, Bytes>,
    /// Nothing of it is held back on the way either, as TLS does.
    is_flushed: bool,
    /// What came and is not taken yet.
    read: BytesMut,
    room: usize,
    framing: Framing,
    /// Whether the provider takes another call after this one.
    is_kept: bool,
}

impl Wire {
    pub(super) fn new(io: Io) -> Box<Self> {
        Box::new(Self {
            io: TokioIo::new(io),
            unsent: nothing(),
            is_flushed: true,
            read: BytesMut::new(),
            room: ROOM,
            framing: Framing::NONE,
            is_kept: true,
        })
    }

    /// Sends `request`; the answer's body keeps the connection until it has ended.
    pub(super) async fn send(
        mut self: Box<Self>,
        request: Outgoing,
        origin: Arc<Origin>,
    ) -> Result<Response<UpstreamBody>, Unanswered> {
        let head = head::of_request(&request, origin.host_field());
        self.unsent = head.chain(request.body().clone());
        self.is_flushed = false;
        let whole = self.unsent.remaining();
        match poll_fn(|cx| self.poll_answer(cx)).await {
            Ok(answer) => {
                self.framing = answer.framing;
                self.is_kept = answer.is_kept;
                let body = |()| UpstreamBody::of_wire(self, origin);
                Ok(answer.response.map(body))
            }
            Err(_) if self.unsent.remaining() == whole => {
                Err(Unanswered::Unsent(Box::new(request)))
            }
            Err(broken) => Err(Unanswered::Failed(broken)),
        }
    }

    /// Writes the request and reads the head of its answer, which may come before all is written: then
    /// it counts, even if the rest can no longer be written.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Head, Broken>> {
        let written = self.poll_write(cx);
        loop {
            if let Some(head) = head::of_answer(&mut self.read)? {
                return Poll::Ready(Ok(head));
            }
            match self.poll_read(cx)? {
                Poll::Ready(0) => return Poll::Ready(Err(Broken::Early)),
                Poll::Ready(_) => {}
                Poll::Pending => break,
            }
        }
        ready!(written)?;
        Poll::Pending
    }

    /// Takes what came of an answer's body since the last time, in one piece; `None` at its end.
    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        if matches!(self.poll_write(cx), Poll::Ready(Err(_))) {
            self.unsent = nothing();
            self.is_flushed = true;
            self.is_kept = false;
        }
        loop {
            let content = self.framing.take(&mut self.read)?;
            if !content.is_empty() {
                return Poll::Ready(Some(Ok(content)));
            }
            if self.framing.is_over() {
                return Poll::Ready(None);
            }
            if ready!(self.poll_read(cx))? == 0 {
                self.framing.close()?;
            }
        }
    }

    /// How much content is to come, if that is known.
    pub(super) fn length(&self) -> Option<u64> {
        self.framing.length()
    }

    /// Whether it can take the next call: the last one is over, and the provider keeps it open and has
    /// said nothing since.
    pub(super) fn is_ready(&mut self) -> bool {
        let is_idle = self.framing.is_over() && self.read.is_empty();
        self.is_kept && is_idle && self.is_flushed && self.is_silent()
    }

    /// Whether nothing has come, neither bytes nor an end. A task that has done its share of work sees
    /// every socket as silent until it has rested; this look counts for nothing, or the answer to another
    /// call could lie here unseen.
    fn is_silent(&mut self) -> bool {
        let look = unconstrained(poll_fn(|cx| self.poll_read(cx)));
        let mut cx = Context::from_waker(Waker::noop());
        pin!(look).poll(&mut cx).is_pending()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_flushed {
            return Poll::Ready(Ok(()));
        }
        while self.unsent.has_remaining() {
            let writing = poll_write_buf(Pin::new(&mut self.io), cx, &mut self.unsent);
            if ready!(writing)? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.is_flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.read.capacity() - self.read.len() < LEAST_ROOM {
            self.read.reserve(self.room);
        }
        let room = self.read.capacity() - self.read.len();
        let count = ready!(poll_read_buf(Pin::new(&mut self.io), cx, &mut self.read))?;
        if count == room {
            self.room = (self.room * 2).min(MOST_ROOM);
        }
        Poll::Ready(Ok(count))
    }
}

fn nothing() -> Chain<Bytes, Bytes> {
    Bytes::new().chain(Bytes::new())
}

#[cfg(test)]
mod tests;
