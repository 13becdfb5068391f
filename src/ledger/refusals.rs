//! How often keys are refused, by the hour and code, and the last refusals of each: statistics for
//! the owners of keys, not money. Gathered in memory and added to the store each second; bounded,
//! and a crash may lose a second.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::domain::refused::Refused;
use crate::domain::tenant::{KeyId, OrganisationId};
use crate::domain::time::Timestamp;
use crate::store::{Db, StoreError, refusals};

mod last;

use last::Last;

/// More names than this are not counted while the store is away.
const MOST: usize = 100_000;
const HOUR: i64 = 3_600_000_000;

/// What is not written yet.
#[derive(Default)]
pub struct Refusals {
    counts: Mutex<HashMap<Name, i64>>,
    last: Mutex<Last>,
}

type Name = (OrganisationId, KeyId, Timestamp, &'static str);

impl Refusals {
    /// Counts and remembers a call that was refused before it drew from any budget.
    pub fn record(&self, refused: Refused) {
        let at = refused.at;
        let hour = Timestamp(at.0 - at.0.rem_euclid(HOUR));
        let name = (refused.organisation_id, refused.key_id, hour, refused.code);
        self.add(name, 1);
        self.last.lock().push(refused);
    }

    fn add(&self, name: Name, count: i64) {
        let mut counts = self.counts.lock();
        if counts.len() < MOST || counts.contains_key(&name) {
            let sum = counts.entry(name).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// Adds all to the store. It stays if that fails; if it hangs it is lost, because adding counts
    /// twice would be worse.
    pub(super) async fn flush(&self, db: &Db) -> Result<(), StoreError> {
        self.flush_counts(db).await?;
        let last = self.last.lock().take();
        let written = refusals::remember(db, &last).await;
        if written.is_err() {
            self.last.lock().put_back(last);
        }
        written
    }

    async fn flush_counts(&self, db: &Db) -> Result<(), StoreError> {
        let counts = std::mem::take(&mut *self.counts.lock());
        if counts.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = counts
            .iter()
            .map(|((organisation, key, hour, code), count)| {
                (*organisation, *key, *hour, (*code).to_owned(), *count)
            })
            .collect();
        let booked = refusals::book(db, &rows).await;
        if booked.is_err() {
            for (name, count) in counts {
                self.add(name, count);
            }
        }
        booked
    }
}
