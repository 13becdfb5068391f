//! Which failed sign-ins are written into the audit log: enough to see that somebody guesses, and never
//! so many that guessing fills it.

use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::time::Timestamp;

/// Rows that may be written at once, and how long it takes until there is room for one more.
const MOST: u64 = 60;
const EVERY: Duration = Duration::from_secs(10);

/// Room for rows. Of an account's failures in a row the first, second, fourth, eighth and so on are
/// written, as long as there is any.
#[derive(Debug)]
pub(super) struct Noted(Mutex<Room>);

#[derive(Debug)]
struct Room {
    rows: u64,
    since: Timestamp,
    left_out: u64,
}

impl Default for Noted {
    fn default() -> Self {
        Self(Mutex::new(Room {
            rows: MOST,
            since: Timestamp(0),
            left_out: 0,
        }))
    }
}

impl Noted {
    /// Whether an account's `count`th failure is written down, and how many were left out before.
    pub(super) fn admit(&self, count: u32, now: Timestamp) -> Option<u64> {
        if !count.is_power_of_two() {
            return None;
        }
        let mut room = self.0.lock();
        room.grow(now);
        let Some(rows) = room.rows.checked_sub(1) else {
            room.left_out = room.left_out.saturating_add(1);
            return None;
        };
        room.rows = rows;
        Some(std::mem::take(&mut room.left_out))
    }
}

impl Room {
    fn grow(&mut self, now: Timestamp) {
        let earned = now.since(self.since).as_secs() / EVERY.as_secs();
        if earned > 0 {
            self.rows = self.rows.saturating_add(earned).min(MOST);
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_700_000_000_000_000);

    #[test]
    fn failures_of_one_account_are_written_ever_more_seldom() {
        let noted = Noted::default();
        let written = (1..=100).filter(|count| noted.admit(*count, START).is_some());
        assert_eq!(written.collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 64]);
    }

    #[test]
    fn guesses_at_everybody_are_written_a_few_at_a_time_and_the_rest_is_counted() {
        let noted = Noted::default();
        let written = (0..1000).filter(|_| noted.admit(1, START).is_some());
        assert_eq!(u64::try_from(written.count()).unwrap(), MOST);
        let later = START.plus(EVERY);
        assert_eq!(noted.admit(1, later), Some(1000 - MOST));
        assert_eq!(noted.admit(1, later), None);
    }
}
