//! Recomputes the books now and then, so that a difference is noticed without anybody asking for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::store::Db;
use crate::store::ledger_check::verify;

/// After the start, when there is least to read.
const FIRST: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_hours(1);
/// A snapshot that is read for longer is in the way of others.
const PATIENCE: Duration = Duration::from_secs(30);
const UNKNOWN: i64 = -1;

/// How many counters of budgets are not what they must be, as last seen.
#[derive(Clone)]
pub(super) struct Audit(Arc<AtomicI64>);

impl Default for Audit {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(UNKNOWN)))
    }
}

impl Audit {
    /// What was found; -1 before anything was.
    pub(super) fn differences(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Looks for ever.
    pub(super) async fn run(self, db: Db) {
        tokio::time::sleep(FIRST).await;
        loop {
            self.look(&db).await;
            tokio::time::sleep(EVERY).await;
        }
    }

    async fn look(&self, db: &Db) {
        let Ok(Ok(found)) = tokio::time::timeout(PATIENCE, verify(db)).await else {
            tracing::debug!("the books could not be recomputed now");
            return;
        };
        for difference in &found {
            tracing::error!(
                budget.id = %difference.budget,
                counter = ?difference.counter,
                stored = difference.stored,
                recomputed = difference.recomputed,
                "the books do not add up"
            );
        }
        let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
        self.0.store(count, Ordering::Relaxed);
    }
}
