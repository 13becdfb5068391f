//! Time as the store and the ledger count it, and the one clock that reads it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The only reader of the wall clock. It is read once, and time runs evenly from there on: somebody
/// who sets the machine's clock begins no new period. Clones share one correction; tests fix the time.
#[derive(Clone, Debug)]
pub struct Clock {
    offset: Arc<AtomicI64>,
    hand: Hand,
}

/// What moves a clock.
#[derive(Clone, Debug)]
enum Hand {
    /// Time itself, since it was then.
    Running(Timestamp, Instant),
    /// A test.
    Fixed(Arc<AtomicI64>),
}

impl Timestamp {
    /// The same instant as a calendar date, or the end of time if chrono cannot hold it.
    pub fn datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Reads an RFC 3339 time.
    pub fn parse(text: &str) -> Option<Self> {
        let parsed = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self(parsed.timestamp_micros()))
    }

    /// Whether it lies further ahead than anything is set to: beyond the year 9998. After one year
    /// more RFC 3339 has no words for it.
    pub fn is_too_far(self) -> bool {
        const END: Timestamp = Timestamp(253_370_764_800_000_000);
        self > END
    }

    /// This instant `span` later, at most the end of time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }

    /// This instant `span` earlier, at least the beginning of time.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }

    /// The span since `earlier`, zero if that lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.datetime().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom("a time is written as 2026-12-31T00:00:00Z (RFC 3339)");
        Self::parse(&text).ok_or_else(wrong)
    }
}

impl Default for Clock {
    /// This machine's.
    fn default() -> Self {
        Self::running(wall_clock())
    }
}

impl Clock {
    /// A clock that shows `at` now.
    pub fn running(at: Timestamp) -> Self {
        Self::moved_by(Hand::Running(at, Instant::now()))
    }

    /// A clock that stands still until [`Clock::advance`] moves it.
    pub fn fixed(at: Timestamp) -> Self {
        Self::moved_by(Hand::Fixed(Arc::new(AtomicI64::new(at.0))))
    }

    fn moved_by(hand: Hand) -> Self {
        let offset = Arc::default();
        Self { offset, hand }
    }

    /// Now, corrected by the database's time.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.uncorrected().0 + self.offset.load(Ordering::Relaxed))
    }

    /// Its own time, for measuring how far it is off.
    pub fn uncorrected(&self) -> Timestamp {
        match &self.hand {
            Hand::Running(at, since) => at.plus(since.elapsed()),
            Hand::Fixed(at) => Timestamp(at.load(Ordering::Relaxed)),
        }
    }

    /// How far it is off the machine's, in microseconds.
    pub fn lag(&self) -> i64 {
        match &self.hand {
            Hand::Running(..) => wall_clock().0.saturating_sub(self.uncorrected().0),
            Hand::Fixed(_) => 0,
        }
    }

    /// Applies a correction in microseconds to every clone.
    pub fn correct(&self, offset: i64) {
        self.offset.store(offset, Ordering::Relaxed);
    }

    /// Moves a fixed clock; a running one stays as it is.
    pub fn advance(&self, span: Duration) {
        if let Hand::Fixed(at) = &self.hand {
            at.fetch_add(micros(span), Ordering::Relaxed);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
fn wall_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(micros(since.unwrap_or_default()))
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_goes_in_and_out() {
        let time = Timestamp::parse("2026-12-01T01:00:00+01:00").unwrap();
        assert_eq!(time.to_string(), "2026-12-01T00:00:00Z");
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn a_running_clock_goes_on_from_where_it_was_set() {
        let clock = Clock::running(Timestamp(0));
        let first = clock.now();
        let second = clock.now();
        assert!(first <= second && second < Timestamp(60_000_000));
        assert!(clock.lag() > 1_700_000_000_000_000);
    }

    #[test]
    fn clones_of_a_clock_share_time_and_correction() {
        let clock = Clock::fixed(Timestamp(5));
        let clone = clock.clone();
        clock.advance(Duration::from_micros(3));
        clock.correct(100);
        assert_eq!(clone.now(), Timestamp(108));
    }
}
