//! Keeps an eye on the store: waits for it at the start, follows its clock, and says when calls
//! cannot be served or written down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::lag::Lag;
use crate::domain::time::Clock;
use crate::ledger::journal::Predecessor;
use crate::ledger::{Ledger, RecoverError};
use crate::lifecycle::Lifecycle;
use crate::store::keys::uses;
use crate::store::{Db, StoreError, clock as store_clock};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const CLOCK_EVERY: Duration = Duration::from_secs(10);
const SUM_EVERY: Duration = Duration::from_secs(20);
const SUMS: usize = 5;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Migrates; whether the store is there, which may take time.
pub(super) async fn migrate(db: &Db) -> Result<bool, StoreError> {
    match db.migrate().await {
        Ok(standing) => {
            if let Some(migration) = standing.newer {
                tracing::warn!(
                    migration,
                    "a later release migrated the store; it works with this one too"
                );
            }
            Ok(true)
        }
        Err(error @ StoreError::Unavailable { .. }) => {
            tracing::warn!(%error, cause = error.cause(), "waiting for the store");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Migrates as soon as the store is there, however long that takes, then books what earlier
/// processes left.
pub(super) async fn open(
    db: Db,
    clock: Clock,
    ledger: Arc<Ledger>,
    predecessors: Vec<Predecessor>,
) -> Result<(), RecoverError> {
    let mut pause = FIRST_PAUSE;
    while !migrate(&db).await? {
        tokio::time::sleep(pause + jitter()).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    correct(&db, &clock).await;
    ledger.open(predecessors).await
}

/// Keeps processes that wait for the same store from asking all at once.
fn jitter() -> Duration {
    // Without randomness they just ask together.
    let random = getrandom::u32().unwrap_or_default();
    Duration::from_millis(u64::from(random % 256))
}

/// Corrects `clock` by the store's time, which all processes share.
pub(super) async fn clock(db: Db, clock: Clock) {
    loop {
        tokio::time::sleep(CLOCK_EVERY).await;
        correct(&db, &clock).await;
    }
}

async fn correct(db: &Db, clock: &Clock) {
    if let Ok(offset) = store_clock::offset(db, clock).await {
        clock.correct(offset);
    }
}

/// Sums up what keys used of late, by which lists of them are sorted; never many at once.
pub(super) async fn key_uses(db: Db, clock: Clock) {
    loop {
        tokio::time::sleep(SUM_EVERY + jitter()).await;
        for _ in 0..SUMS {
            match uses::sum_due(&db, clock.now()).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, cause = error.cause(), "usage of keys could not be summed up");
                    break;
                }
            }
        }
    }
}

/// Notes how calls come on their way to the store.
pub(super) async fn lag(lag: Lag, ledger: Arc<Ledger>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        lag.look(Instant::now(), ledger.progress());
    }
}

/// Not ready while the store is away or calls cannot be written down.
pub(super) async fn readiness(db: Db, ledger: Arc<Ledger>, lifecycle: Arc<Lifecycle>) {
    let mut was_healthy = true;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let health = ledger.health();
        match &health {
            Err(error) if was_healthy => {
                tracing::error!(%error, "no calls are admitted");
            }
            Ok(()) if !was_healthy => tracing::info!("calls are admitted again"),
            _ => {}
        }
        was_healthy = health.is_ok();
        lifecycle.set_ready(was_healthy && db.ping().await.is_ok());
    }
}
