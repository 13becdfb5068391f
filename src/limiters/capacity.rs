//! How much this process takes on at once: calls, and bytes of their bodies. A call beyond that is
//! refused before its body is read, so that memory stays bounded and what is taken on is served. It
//! counts until it has ended, also when it goes on without its client.
//!
//! An organisation may have up to eight times what is free (`GREED`). Alone it comes to eight ninths; one
//! that floods leaves room for those that come later, and as they take it the flood loses as much:
//! those that want most end with the same. No share is set aside for those who are not there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// See the module.
const GREED: usize = 8;

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

/// What the calls of one organisation have taken.
#[derive(Default)]
pub struct Portion {
    calls: AtomicUsize,
    body_bytes: AtomicUsize,
}

/// One call's place; left by dropping it.
pub struct Place {
    capacity: Arc<Capacity>,
    portion: Arc<Portion>,
}

/// The bytes of one call's body; given back by dropping it.
pub struct Weight {
    capacity: Arc<Capacity>,
    portion: Arc<Portion>,
    bytes: usize,
}

/// The process has no room for it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded;

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

    /// A place for a call of the organisation that has `portion`.
    pub fn enter(self: &Arc<Self>, portion: &Arc<Portion>) -> Result<Place, Overloaded> {
        self.calls.take(1, &portion.calls)?;
        Ok(Place {
            capacity: Arc::clone(self),
            portion: Arc::clone(portion),
        })
    }
}

impl Share {
    fn of(most: usize) -> Self {
        Self {
            most,
            taken: AtomicUsize::new(0),
        }
    }

    /// Takes `count` for whoever has `own` already.
    fn take(&self, count: usize, own: &AtomicUsize) -> Result<(), Overloaded> {
        let has = own.load(Ordering::Acquire);
        let more = |taken: usize| {
            let free = self.most.saturating_sub(taken);
            (count <= free && has < free.saturating_mul(GREED)).then(|| taken + count)
        };
        let taken = self
            .taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.map_err(|_| Overloaded)?;
        own.fetch_add(count, Ordering::AcqRel);
        Ok(())
    }

    fn give_back(&self, count: usize, own: &AtomicUsize) {
        self.taken.fetch_sub(count, Ordering::AcqRel);
        own.fetch_sub(count, Ordering::AcqRel);
    }
}

impl Place {
    /// What the call's body weighs: nothing yet.
    pub fn weight(&self) -> Weight {
        Weight {
            capacity: Arc::clone(&self.capacity),
            portion: Arc::clone(&self.portion),
            bytes: 0,
        }
    }
}

impl Weight {
    /// Makes room for that many more bytes.
    pub fn add(&mut self, bytes: usize) -> Result<(), Overloaded> {
        let own = &self.portion.body_bytes;
        self.capacity.body_bytes.take(bytes, own)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.capacity.calls.give_back(1, &self.portion.calls);
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        let own = &self.portion.body_bytes;
        self.capacity.body_bytes.give_back(self.bytes, own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_once_it_is_left() {
        let (capacity, portion) = (Capacity::new(1, 0), Arc::default());
        let place = capacity.enter(&portion).ok();
        assert_eq!(capacity.enter(&portion).err(), Some(Overloaded));
        drop(place);
        assert!(capacity.enter(&portion).is_ok());
        assert_eq!(capacity.calls(), 0);
    }

    /// Takes as many places as it gets.
    fn flood(capacity: &Arc<Capacity>, portion: &Arc<Portion>) -> Vec<Place> {
        std::iter::from_fn(|| capacity.enter(portion).ok()).collect()
    }

    #[test]
    fn one_that_floods_leaves_a_ninth_for_others_and_then_shares_with_them() {
        let (capacity, flooding, other) = (Capacity::new(900, 0), Arc::default(), Arc::default());
        let mut flooded = flood(&capacity, &flooding);
        assert_eq!(flooded.len(), 800);
        let mut taken = flood(&capacity, &other);
        assert!(taken.len() > 80, "{}", taken.len());
        // Calls end, first those of the flood, and both take what they get.
        for _ in 0..2000 {
            flooded.remove(0);
            taken.extend(capacity.enter(&other));
            flooded.extend(capacity.enter(&flooding));
        }
        let (one, two) = (flooded.len(), taken.len());
        assert!(one.abs_diff(two) < 20 && one + two > 840, "{one} and {two}");
    }

    #[test]
    fn bodies_share_their_bytes_and_give_back_what_they_took() {
        let capacity = Capacity::new(2, 10);
        let place = || capacity.enter(&Arc::default()).unwrap();
        let (one, other) = (place(), place());
        let (mut light, mut heavy) = (one.weight(), other.weight());
        light.add(4).unwrap();
        heavy.add(6).unwrap();
        assert_eq!(heavy.add(1), Err(Overloaded));
        assert_eq!(light.add(usize::MAX), Err(Overloaded));
        drop(light);
        assert_eq!(heavy.add(4), Ok(()));
    }
}
