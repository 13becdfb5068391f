//! How long calls that ended have waited to be booked: found by noting now and then how many had ended,
//! so that no call has to note its own time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::ledger::Progress;

/// An hour of looks, and the first one of an outage.
const MOST: usize = 3600;

/// See the module.
#[derive(Clone, Default)]
pub(super) struct Lag(Arc<Mutex<VecDeque<(Instant, u64)>>>);

impl Lag {
    /// Notes how things stand; to be asked every second.
    pub(super) fn look(&self, now: Instant, seen: Progress) {
        let mut looks = self.0.lock();
        while looks
            .front()
            .is_some_and(|(_, settled)| *settled <= seen.booked)
        {
            looks.pop_front();
        }
        if seen.settled > seen.booked && looks.len() < MOST {
            looks.push_back((now, seen.settled));
        }
    }

    /// For how long the oldest call waits, to a second; zero if none was waiting at the last look.
    pub(super) fn span(&self, now: Instant, seen: Progress) -> Duration {
        let looks = self.0.lock();
        let oldest = looks.iter().find(|(_, settled)| *settled > seen.booked);
        oldest.map_or(Duration::ZERO, |(at, _)| now.duration_since(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_call_that_waits_tells_the_lag() {
        let (lag, began) = (Lag::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        let seen = |settled, booked| Progress { settled, booked };
        let look = |seconds, progress| {
            lag.look(at(seconds), progress);
            lag.span(at(seconds), progress).as_secs()
        };
        assert_eq!(look(0, seen(10, 10)), 0);
        assert_eq!(look(1, seen(15, 12)), 0, "just begun to wait");
        assert_eq!(look(2, seen(20, 14)), 1);
        assert_eq!(
            look(3, seen(25, 15)),
            1,
            "what was seen at 1 is booked, not what came by 2"
        );
        assert_eq!(look(60, seen(25, 15)), 58);
        assert_eq!(lag.span(at(61), seen(25, 25)), Duration::ZERO);
        assert_eq!(look(62, seen(25, 25)), 0);
    }
}
