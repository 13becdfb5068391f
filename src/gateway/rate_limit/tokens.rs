//! Tokens per minute: a bucket that may go into debt, because a call's real usage is known only at
//! its end. An estimate is taken at admission and corrected later; while the balance is positive
//! the next call is admitted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::gates::RateStanding;

const MICRO: i64 = 1_000_000;
const MINUTE_IN_MICROS: i64 = 60 * MICRO;

/// The bucket of one scope and limit.
pub struct TokenBucket {
    limit: u32,
    level: Mutex<Level>,
}

struct Level {
    /// Micro-tokens; negative in debt.
    balance: i64,
    at: Instant,
}

/// An estimate taken from a bucket; goes back when dropped uncorrected.
pub struct Taken {
    bucket: Arc<TokenBucket>,
    estimate: i64,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(limit: u32, now: Instant) -> Self {
        let balance = i64::from(limit) * MICRO;
        Self {
            limit,
            level: Mutex::new(Level { balance, at: now }),
        }
    }

    /// Takes `estimate` tokens if the balance is positive, or says when it will be.
    pub fn take(self: &Arc<Self>, estimate: i64, now: Instant) -> Result<Taken, Duration> {
        let mut level = self.level.lock();
        level.refill(self.limit, now);
        if level.balance <= 0 {
            return Err(self.time_for(1 - level.balance));
        }
        level.balance = level.balance.saturating_sub(estimate.saturating_mul(MICRO));
        Ok(Taken {
            bucket: Arc::clone(self),
            estimate,
        })
    }

    /// How the limit stands.
    pub fn standing(&self, now: Instant) -> RateStanding {
        let mut level = self.level.lock();
        level.refill(self.limit, now);
        let remaining = (level.balance / MICRO).max(0);
        RateStanding {
            limit: self.limit,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: self.time_for(i64::from(self.limit) * MICRO - level.balance),
        }
    }

    /// Whether nothing would be lost by forgetting it.
    pub fn is_full(&self, now: Instant) -> bool {
        self.standing(now).remaining >= self.limit
    }

    fn give(&self, tokens: i64) {
        let mut level = self.level.lock();
        let most = i64::from(self.limit) * MICRO;
        level.balance = level
            .balance
            .saturating_add(tokens.saturating_mul(MICRO))
            .min(most);
    }

    /// How long `micro` micro-tokens take to flow in, rounded up.
    fn time_for(&self, micro: i64) -> Duration {
        let micros = i128::from(micro.max(0)) * i128::from(MINUTE_IN_MICROS);
        let rate = i128::from(self.limit.max(1)) * i128::from(MICRO);
        Duration::from_micros(u64::try_from((micros + rate - 1) / rate).unwrap_or(u64::MAX))
    }
}

impl Level {
    fn refill(&mut self, limit: u32, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_micros();
        let elapsed = i64::try_from(elapsed)
            .unwrap_or(i64::MAX)
            .min(i64::from(u32::MAX) * 100);
        let inflow = i128::from(elapsed) * i128::from(limit) / 60;
        let most = i64::from(limit) * MICRO;
        let inflow = i64::try_from(inflow).unwrap_or(i64::MAX);
        self.balance = self.balance.saturating_add(inflow).min(most);
        self.at = self.at.max(now);
    }
}

impl Taken {
    /// Replaces the estimate by what was really used.
    pub fn correct(mut self, used: i64) {
        self.bucket.give(self.estimate.saturating_sub(used));
        self.estimate = 0;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.estimate != 0 {
            self.bucket.give(self.estimate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_admitted_while_the_balance_is_positive_and_then_told_when() {
        let now = Instant::now();
        let bucket = Arc::new(TokenBucket::new(600, now));
        bucket.take(1000, now).ok().unwrap().correct(1200);
        let wait = bucket.take(1, now).err().unwrap();
        assert!(wait > Duration::from_mins(1) && wait < Duration::from_millis(60_001));
        assert!(bucket.take(1, now + wait).is_ok());
    }

    #[test]
    fn an_overestimate_comes_back() {
        let now = Instant::now();
        let bucket = Arc::new(TokenBucket::new(600, now));
        bucket.take(500, now).ok().unwrap().correct(100);
        assert_eq!(bucket.standing(now).remaining, 500);
        drop(bucket.take(400, now).ok().unwrap());
        assert_eq!(bucket.standing(now).remaining, 500);
    }

    #[test]
    fn the_bucket_never_holds_more_than_its_limit() {
        let now = Instant::now();
        let bucket = Arc::new(TokenBucket::new(600, now));
        let later = now + Duration::from_hours(1);
        assert_eq!(bucket.standing(later).remaining, 600);
        assert!(bucket.is_full(later));
    }
}
