//! Requests per minute: GCRA with a burst of the whole limit, so that any span of time T admits at
//! most `limit + limit × T` calls.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::gates::RateStanding;

/// The limiter of one scope and limit.
pub struct RequestGate<C: Clock = MonotonicClock> {
    limiter: RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>,
    limit: NonZeroU32,
    clock: C,
    began: C::Instant,
    /// When the whole burst is back, in nanoseconds after `began`: what a peek is computed from.
    full_at: AtomicU64,
}

impl<C: Clock + Clone> RequestGate<C> {
    /// A limiter with its whole burst at hand.
    pub fn new(limit: NonZeroU32, clock: C) -> Self {
        let limiter = RateLimiter::direct_with_clock(Quota::per_minute(limit), clock.clone());
        Self {
            limiter: limiter.with_middleware(),
            limit,
            began: clock.now(),
            clock,
            full_at: AtomicU64::new(0),
        }
    }

    /// Admits one call, or says how long to wait for the next.
    pub fn admit(&self) -> Result<(), Duration> {
        match self.limiter.check() {
            Ok(state) => {
                let gone =
                    self.limit.get() - state.remaining_burst_capacity().min(self.limit.get());
                let full_in = self.interval().saturating_mul(u64::from(gone));
                self.full_at
                    .fetch_max(self.now() + full_in, Ordering::Relaxed);
                Ok(())
            }
            Err(refused) => Err(refused.wait_time_from(self.clock.now())),
        }
    }

    /// How the limit stands, without taking from it.
    pub fn standing(&self) -> RateStanding {
        let full_in = self
            .full_at
            .load(Ordering::Relaxed)
            .saturating_sub(self.now());
        let gone = full_in.div_ceil(self.interval());
        let limit = self.limit.get();
        RateStanding {
            limit,
            remaining: limit.saturating_sub(u32::try_from(gone).unwrap_or(limit)),
            reset: Duration::from_nanos(full_in),
        }
    }

    fn interval(&self) -> u64 {
        60_000_000_000 / u64::from(self.limit.get())
    }

    fn now(&self) -> u64 {
        self.clock.now().duration_since(self.began).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    fn gate(limit: u32) -> (RequestGate<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (
            RequestGate::new(NonZeroU32::new(limit).unwrap(), clock.clone()),
            clock,
        )
    }

    fn admitted(gate: &RequestGate<FakeRelativeClock>, tries: u32) -> u32 {
        (0..tries).map(|_| u32::from(gate.admit().is_ok())).sum()
    }

    #[test]
    fn a_burst_of_the_whole_limit_passes_and_no_more() {
        let (gate, _) = gate(10);
        assert_eq!(admitted(&gate, 40), 10);
        assert_eq!(gate.standing().remaining, 0);
    }

    #[test]
    fn waiting_as_told_works() {
        let (gate, clock) = gate(10);
        admitted(&gate, 10);
        let wait = gate.admit().unwrap_err();
        assert_eq!(wait, Duration::from_secs(6));
        clock.advance(wait);
        assert_eq!(admitted(&gate, 5), 1);
    }

    #[test]
    fn a_window_edge_gives_no_second_burst() {
        let (gate, clock) = gate(60);
        clock.advance(Duration::from_millis(59_900));
        assert_eq!(admitted(&gate, 100), 60);
        clock.advance(Duration::from_millis(200));
        assert_eq!(admitted(&gate, 100), 0);
        clock.advance(Duration::from_millis(800));
        assert_eq!(admitted(&gate, 100), 1);
    }

    #[test]
    fn the_standing_recovers_with_time() {
        let (gate, clock) = gate(10);
        admitted(&gate, 4);
        let standing = gate.standing();
        assert_eq!(
            (standing.remaining, standing.reset),
            (6, Duration::from_secs(24))
        );
        clock.advance(Duration::from_secs(12));
        assert_eq!(gate.standing().remaining, 8);
    }
}
