//! Calls in flight, counted per scope whether or not a limit is set, so that a limit set while calls
//! run counts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The calls in flight of one scope.
#[derive(Default)]
pub struct InFlight(AtomicU32);

/// One call's place; left by dropping it.
pub struct Place(Arc<InFlight>);

impl InFlight {
    /// Takes a place if fewer than `limit` are taken.
    pub fn enter(self: &Arc<Self>, limit: u32) -> Option<Place> {
        let more = |taken: u32| (taken < limit).then(|| taken.saturating_add(1));
        let entered = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        entered.ok().map(|_| Place(Arc::clone(self)))
    }

    /// How many places are taken.
    pub fn taken(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_once_it_is_left() {
        let calls = Arc::new(InFlight::default());
        let first = calls.enter(1);
        assert!(first.is_some() && calls.enter(1).is_none());
        drop(first);
        assert!(calls.enter(1).is_some());
        assert!(calls.enter(0).is_none());
    }
}
