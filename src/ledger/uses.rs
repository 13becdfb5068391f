//! When keys were last used, for their owners: gathered from what is booked and written at most once a
//! minute a key, so that it costs calls nothing and bookings little. Beside it the usage that lists are
//! sorted by is summed up.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::tenant::KeyId;
use crate::domain::time::Timestamp;
use crate::store::keys::uses;
use crate::store::{Db, StoreError};

/// How exactly the last use of a key is known.
const EVERY: Duration = Duration::from_mins(1);

/// The uses of this process that others may not know yet.
#[derive(Default)]
pub(super) struct Uses(Mutex<HashMap<KeyId, Use>>);

#[derive(Clone, Copy, Default)]
struct Use {
    last: Timestamp,
    /// 1970 if none is.
    written: Timestamp,
}

impl Uses {
    /// A call of `key` that began then was booked.
    pub(super) fn record(&self, calls: impl Iterator<Item = (KeyId, Timestamp)>) {
        let mut uses = self.0.lock();
        for (key, at) in calls {
            let of_key = uses.entry(key).or_default();
            of_key.last = of_key.last.max(at);
        }
    }

    /// Writes the uses of keys of which none was written for a minute; all of them if it is the last
    /// chance.
    pub(super) async fn flush(
        &self,
        db: &Db,
        now: Timestamp,
        is_last: bool,
    ) -> Result<(), StoreError> {
        let waiting = self.waiting(now, is_last);
        uses::note(db, &waiting, now).await?;
        let mut uses = self.0.lock();
        for (key, at) in waiting {
            if let Some(of_key) = uses.get_mut(&key) {
                of_key.written = at;
            }
        }
        // What nobody uses any more is forgotten.
        let before = now.minus(EVERY);
        uses.retain(|_, of_key| of_key.is_waiting() || of_key.last > before);
        Ok(())
    }

    fn waiting(&self, now: Timestamp, is_last: bool) -> Vec<(KeyId, Timestamp)> {
        let uses = self.0.lock();
        let due =
            |of_key: &Use| of_key.is_waiting() && (is_last || of_key.written <= now.minus(EVERY));
        let waiting = uses.iter().filter(|(_, of_key)| due(of_key));
        waiting.map(|(key, of_key)| (*key, of_key.last)).collect()
    }
}

impl Use {
    fn is_waiting(self) -> bool {
        self.written != self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> Timestamp {
        Timestamp(1_700_000_000_000_000)
    }

    /// What is due at `now`, taken for written.
    fn written(uses: &Uses, now: Timestamp) -> Vec<Timestamp> {
        let waiting = uses.waiting(now, false);
        let mut of_keys = uses.0.lock();
        for (key, at) in &waiting {
            of_keys.get_mut(key).unwrap().written = *at;
        }
        waiting.into_iter().map(|(_, at)| at).collect()
    }

    #[test]
    fn a_key_is_written_at_once_and_then_once_a_minute() {
        let (uses, key, now) = (Uses::default(), KeyId::new(), start());
        uses.record([(key, now), (key, now.minus(SECOND))].into_iter());
        assert_eq!(written(&uses, now), [now]);
        let later = now.plus(30 * SECOND);
        uses.record([(key, later)].into_iter());
        assert_eq!(written(&uses, later), []);
        assert_eq!(uses.waiting(later, true), [(key, later)]);
        assert_eq!(written(&uses, now.plus(60 * SECOND)), [later]);
        assert_eq!(written(&uses, now.plus(200 * SECOND)), []);
    }
}
