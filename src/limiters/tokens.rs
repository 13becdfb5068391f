//! Tokens per minute: a bucket that may go into debt, because a call's real usage is known only at
//! its end. An estimate is taken at admission and corrected later; while the balance is positive
//! the next call is admitted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::gates::RateStanding;

/// What one token is in parts: so many flow in a nanosecond as the limit allows tokens a minute, and
/// nothing is lost to rounding, however often the level is looked at.
const TOKEN: i128 = 60_000_000_000;

/// The bucket of one scope and limit.
pub struct TokenBucket {
    limit: u32,
    level: Mutex<Level>,
}

struct Level {
    /// Parts of tokens; negative in debt.
    balance: i128,
    at: Instant,
}

/// An estimate taken from a bucket. Dropped uncorrected it goes back, unless the call was sent.
pub struct Taken {
    bucket: Arc<TokenBucket>,
    estimate: i64,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(limit: u32, now: Instant) -> Self {
        let balance = i128::from(limit) * TOKEN;
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
        level.balance -= i128::from(estimate) * TOKEN;
        Ok(Taken {
            bucket: Arc::clone(self),
            estimate,
        })
    }

    /// How the limit stands.
    pub fn standing(&self, now: Instant) -> RateStanding {
        let mut level = self.level.lock();
        level.refill(self.limit, now);
        let remaining = (level.balance / TOKEN).max(0);
        RateStanding {
            limit: self.limit,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: self.time_for(self.most() - level.balance),
        }
    }

    /// Whether nothing would be lost by forgetting it.
    pub fn is_full(&self, now: Instant) -> bool {
        self.standing(now).remaining >= self.limit
    }

    fn give(&self, tokens: i64) {
        let mut level = self.level.lock();
        let given = level.balance + i128::from(tokens) * TOKEN;
        level.balance = given.min(self.most());
    }

    fn most(&self) -> i128 {
        i128::from(self.limit) * TOKEN
    }

    /// How long so many parts take to flow in, rounded up.
    fn time_for(&self, parts: i128) -> Duration {
        let rate = i128::from(self.limit.max(1));
        let nanos = (parts.max(0) + rate - 1) / rate;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Level {
    fn refill(&mut self, limit: u32, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_nanos();
        let inflow = i128::from(u64::try_from(elapsed).unwrap_or(u64::MAX)) * i128::from(limit);
        self.balance = (self.balance + inflow).min(i128::from(limit) * TOKEN);
        self.at = self.at.max(now);
    }
}

impl Taken {
    /// Replaces the estimate by what was really used.
    pub fn correct(mut self, used: i64) {
        self.bucket.give(self.estimate.saturating_sub(used));
        self.estimate = 0;
    }

    /// The call is sent: if nobody tells what it used, the estimate was.
    pub fn keep(mut self) {
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
    #[test]
    fn looking_often_loses_nothing() {
        let now = Instant::now();
        let bucket = Arc::new(TokenBucket::new(1, now));
        bucket.take(1, now).ok().unwrap().keep();
        let wait = bucket.take(1, now).err().unwrap();
        for step in 1..1000 {
            bucket.standing(now + wait * step / 1000);
        }
        assert!(bucket.take(1, now + wait).is_ok());
    }

    #[test]
    fn no_debt_is_too_deep() {
        let now = Instant::now();
        let bucket = Arc::new(TokenBucket::new(u32::MAX, now));
        for _ in 0..3 {
            let later = now + Duration::from_hours(24 * 365 * 100);
            let taken = bucket.take(i64::MAX, later);
            if let Ok(taken) = taken {
                taken.correct(i64::MAX);
            }
            assert_eq!(bucket.standing(now).remaining, 0);
        }
    }
}
