//! How often keys are refused, by the hour and code: statistics for the owners of keys, not money.
//! Counted in memory and added to the store each second; bounded, and a crash may lose a second.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::domain::tenant::{KeyId, OrganisationId};
use crate::domain::time::Timestamp;
use crate::store::{Db, StoreError, refusals};

/// More names than this are not counted while the store is away.
const MOST: usize = 100_000;
const HOUR: i64 = 3_600_000_000;

/// Counts that are not written yet.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<Name, i64>>);

type Name = (OrganisationId, KeyId, Timestamp, &'static str);

impl Refusals {
    /// Counts a call that came at `at` and was refused before it drew from any budget.
    pub fn count(
        &self,
        organisation: OrganisationId,
        key: KeyId,
        at: Timestamp,
        code: &'static str,
    ) {
        let hour = Timestamp(at.0 - at.0.rem_euclid(HOUR));
        self.add((organisation, key, hour, code), 1);
    }

    fn add(&self, name: Name, count: i64) {
        let mut counts = self.0.lock();
        if counts.len() < MOST || counts.contains_key(&name) {
            let sum = counts.entry(name).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// Adds the counts to the store. They stay if it fails; if it hangs they are lost, because
    /// adding them twice would be worse.
    pub(super) async fn flush(&self, db: &Db) -> Result<(), StoreError> {
        let counts = std::mem::take(&mut *self.0.lock());
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
