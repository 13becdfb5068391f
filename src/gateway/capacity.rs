//! A place for the call among those that this process takes on, before its body is read
//! ([`crate::limiters::capacity`]). It counts until it has ended, also when it goes on without its client.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use http::Response;
use tower::{Layer, Service};

use super::answer::Answer;
use super::authenticate::Known;
use super::refusal::Refusal;
use crate::limiters::capacity::{Capacity, Place};

/// A known call that has its place.
pub struct Admitted {
    /// The call so far.
    pub known: Known,
    /// Where it is counted.
    pub place: Place,
}

/// See the module.
#[derive(Clone)]
pub struct CapacityLayer(Arc<Capacity>);

/// See the module.
#[derive(Clone)]
pub struct Admission<S> {
    capacity: Arc<Capacity>,
    inner: S,
}

/// Takes on what `capacity` has room for.
pub fn layer(capacity: &Arc<Capacity>) -> CapacityLayer {
    CapacityLayer(Arc::clone(capacity))
}

impl<S> Layer<S> for CapacityLayer {
    type Service = Admission<S>;

    fn layer(&self, inner: S) -> Admission<S> {
        Admission {
            capacity: Arc::clone(&self.0),
            inner,
        }
    }
}

impl<S> Service<Known> for Admission<S>
where
    S: Service<Admitted, Response = Response<Answer>, Error = Refusal>,
{
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Either<S::Future, Ready<Result<Response<Answer>, Refusal>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, known: Known) -> Self::Future {
        match self.capacity.enter(known.caller.portion()) {
            Ok(place) => Either::Left(self.inner.call(Admitted { known, place })),
            Err(overloaded) => Either::Right(ready(Err(overloaded.into()))),
        }
    }
}
