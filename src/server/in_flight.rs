//! Counts the calls of one connection from their head to the end of their answer's body, so that
//! deadlines for silence apply only in between. Of HTTP/2 answers it also knows since when their
//! reader takes nothing: there a reader stalls by a window, and the socket does not tell.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tower::Service;

use super::Peer;
use crate::lifecycle::Lifecycle;

/// The calls of one connection.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<Calls>);

#[derive(Default)]
struct Calls {
    /// How many have begun above [`OPEN`]'s bits, how many are open in them.
    count: AtomicU64,
    /// Whether they are HTTP/2's.
    is_h2: AtomicBool,
    /// HTTP/2 answers that wait for their reader, by their call's place in the count.
    unread: Mutex<BTreeMap<u64, Instant>>,
}

/// HTTP/2's own largest frame, unless its peer takes larger ones.
const PIECE: usize = 16 * 1024;
const OPEN: u64 = 0xffff_ffff;

/// What [`InFlight`] said at one moment.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen(u64);

/// One call; over when it is dropped.
struct InFlightCall {
    calls: InFlight,
    place: u64,
    is_h2: bool,
}

/// The routes, counting. When the end is near, answers of HTTP/1.1 say that no call may follow.
#[derive(Clone)]
pub(super) struct Counted {
    router: Router,
    in_flight: InFlight,
    peer: Peer,
    lifecycle: Arc<Lifecycle>,
}

/// A body that keeps its call counted. HTTP/2 gets it in pieces: it queues what it is given, and a
/// call is over only when its reader has taken all but the last piece.
pub(super) struct CountedBody {
    inner: Body,
    rest: Bytes,
    call: InFlightCall,
}

pub(super) fn counted(
    router: Router,
    in_flight: InFlight,
    peer: Peer,
    lifecycle: Arc<Lifecycle>,
) -> Counted {
    Counted {
        router,
        in_flight,
        peer,
        lifecycle,
    }
}

impl InFlight {
    pub(super) fn look(&self) -> Seen {
        Seen(self.0.count.load(Ordering::Acquire))
    }

    /// Whether calls of HTTP/2 were made.
    pub(super) fn is_h2(&self) -> bool {
        self.0.is_h2.load(Ordering::Relaxed)
    }

    /// Since when an answer waits for its reader.
    pub(super) fn unread_since(&self) -> Option<Instant> {
        self.0.unread.lock().values().min().copied()
    }

    fn enter(&self, version: Version) -> InFlightCall {
        let is_h2 = version == Version::HTTP_2;
        if is_h2 {
            self.0.is_h2.store(true, Ordering::Relaxed);
        }
        let before = self.0.count.fetch_add(OPEN + 2, Ordering::AcqRel);
        InFlightCall {
            calls: self.clone(),
            place: before & !OPEN,
            is_h2,
        }
    }
}

impl Seen {
    /// Whether a call is open.
    pub(super) fn is_any(self) -> bool {
        self.0 & OPEN > 0
    }
}

impl InFlightCall {
    fn waits_for_reader(&self, waits: bool) {
        if !self.is_h2 {
            return;
        }
        let mut unread = self.calls.0.unread.lock();
        if waits {
            unread.insert(self.place, Instant::now());
        } else {
            unread.remove(&self.place);
        }
    }
}

impl Drop for InFlightCall {
    fn drop(&mut self) {
        self.waits_for_reader(false);
        self.calls.0.count.fetch_sub(1, Ordering::AcqRel);
    }
}

impl hyper::service::Service<Request<Incoming>> for Counted {
    type Response = Response<CountedBody>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let call = self.in_flight.enter(request.version());
        if !request.uri().path().starts_with("/v1/") {
            request.extensions_mut().insert(self.peer);
        }
        // A router is always ready: each of its routes is cloned for a call.
        let answering = self.router.clone().call(request);
        let lifecycle = Arc::clone(&self.lifecycle);
        Box::pin(async move {
            let mut response = answering.await?;
            // Answers that came together leave together: a client that sleeps is woken once for all
            // of its own.
            tokio::task::yield_now().await;
            if lifecycle.is_leaving() && !call.is_h2 {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            call.waits_for_reader(true);
            Ok(response.map(|inner| CountedBody {
                inner,
                rest: Bytes::new(),
                call,
            }))
        })
    }
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.call.is_h2 {
            return Pin::new(&mut self.inner).poll_frame(cx);
        }
        let frame = self.poll_piece(cx);
        self.call.waits_for_reader(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, mut hint) = (self.rest.len() as u64, self.inner.size_hint());
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

impl CountedBody {
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx)?);
            match frame.map(Frame::into_data) {
                Some(Ok(bytes)) => self.rest = bytes,
                other => return Poll::Ready(other.and_then(Result::err).map(Ok)),
            }
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}
