//! How much this process takes on at once: calls, and bytes of their bodies. A call beyond that is
//! refused before its body is read, so that memory stays bounded and what is taken on is served. It
//! counts until it has ended, also when it goes on without its client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use http::Response;
use tower::{Layer, Service};

use super::answer::Answer;
use super::authenticate::Known;
use super::refusal::Refusal;

/// See the module.
pub struct Capacity {
    calls: Share,
    body_bytes: Share,
}

/// What is taken of something that there is only so much of.
struct Share {
    most: usize,
    taken: AtomicUsize,
}

/// One call's place; left by dropping it.
pub struct Place(Arc<Capacity>);

/// The bytes of one call's body; given back by dropping it.
pub struct Weight {
    capacity: Arc<Capacity>,
    bytes: usize,
}

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

impl Capacity {
    /// Room for that many calls, and that many bytes of bodies that are not sent on yet.
    pub fn new(calls: usize, body_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            calls: Share::of(calls),
            body_bytes: Share::of(body_bytes),
        })
    }

    /// The calls that are counted now.
    pub fn calls(&self) -> usize {
        self.calls.taken.load(Ordering::Relaxed)
    }

    fn enter(self: &Arc<Self>) -> Result<Place, Refusal> {
        self.calls.take(1)?;
        Ok(Place(Arc::clone(self)))
    }
}

impl Share {
    fn of(most: usize) -> Self {
        Self {
            most,
            taken: AtomicUsize::new(0),
        }
    }

    fn take(&self, count: usize) -> Result<(), Refusal> {
        let more = |taken: usize| taken.checked_add(count).filter(|all| *all <= self.most);
        let taken = self
            .taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.map(drop).map_err(|_| Refusal::Overloaded)
    }

    fn give_back(&self, count: usize) {
        self.taken.fetch_sub(count, Ordering::AcqRel);
    }
}

impl Place {
    /// What the call's body weighs: nothing yet.
    pub fn weight(&self) -> Weight {
        Weight {
            capacity: Arc::clone(&self.0),
            bytes: 0,
        }
    }
}

impl Weight {
    /// Makes room for that many more bytes.
    pub fn add(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.capacity.body_bytes.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.calls.give_back(1);
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.capacity.body_bytes.give_back(self.bytes);
    }
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
        match self.capacity.enter() {
            Ok(place) => Either::Left(self.inner.call(Admitted { known, place })),
            Err(refusal) => Either::Right(ready(Err(refusal))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_once_it_is_left() {
        let capacity = Capacity::new(1, 0);
        let place = capacity.enter().ok();
        assert_eq!(capacity.enter().err(), Some(Refusal::Overloaded));
        drop(place);
        assert!(capacity.enter().is_ok());
        assert_eq!(capacity.calls(), 0);
    }

    #[test]
    fn bodies_share_their_bytes_and_give_back_what_they_took() {
        let capacity = Capacity::new(2, 10);
        let (one, other) = (capacity.enter().unwrap(), capacity.enter().unwrap());
        let (mut light, mut heavy) = (one.weight(), other.weight());
        light.add(4).unwrap();
        heavy.add(6).unwrap();
        assert_eq!(heavy.add(1), Err(Refusal::Overloaded));
        assert_eq!(light.add(usize::MAX), Err(Refusal::Overloaded));
        drop(light);
        assert_eq!(heavy.add(4), Ok(()));
    }
}
