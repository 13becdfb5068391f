//! Counts the calls of one connection from their head to the end of their answer's body, so that
//! deadlines for silence apply only in between.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tower::Service;

/// The calls of one connection: how many have begun above [`OPEN`]'s bits, how many are open in them.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<AtomicU64>);

const OPEN: u64 = 0xffff_ffff;

/// What [`InFlight`] said at one moment.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen(u64);

/// One call; over when it is dropped.
struct InFlightCall(InFlight);

/// The routes, counting.
#[derive(Clone)]
pub(super) struct Counted {
    router: Router,
    in_flight: InFlight,
}

/// A body that keeps its call counted.
pub(super) struct CountedBody {
    inner: Body,
    _call: InFlightCall,
}

pub(super) fn counted(router: Router, in_flight: InFlight) -> Counted {
    Counted { router, in_flight }
}

impl InFlight {
    pub(super) fn look(&self) -> Seen {
        Seen(self.0.load(Ordering::Acquire))
    }

    fn enter(&self) -> InFlightCall {
        self.0.fetch_add(OPEN + 2, Ordering::AcqRel);
        InFlightCall(self.clone())
    }
}

impl Seen {
    /// Whether a call is open.
    pub(super) fn is_any(self) -> bool {
        self.0 & OPEN > 0
    }
}

impl Drop for InFlightCall {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl hyper::service::Service<Request<Incoming>> for Counted {
    type Response = Response<CountedBody>;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let call = self.in_flight.enter();
        // A router is always ready: each of its routes is cloned for a call.
        let answering = self.router.clone().call(request);
        Box::pin(async move {
            let response = answering.await?;
            Ok(response.map(|inner| CountedBody { inner, _call: call }))
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
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
