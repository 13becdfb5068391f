//! Keeps an eye on the store: waits for it at the start, follows its clock, and says when it is away.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::time::Clock;
use crate::lifecycle::Lifecycle;
use crate::store::instance::{InstanceError, InstanceLock};
use crate::store::{Db, StoreError, clock as store_clock};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const CLOCK_EVERY: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Migrates as soon as the store can be reached, however long that takes.
pub(super) async fn until_migrated(db: &Db) -> Result<(), StoreError> {
    let mut pause = FIRST_PAUSE;
    loop {
        match db.migrate().await {
            Err(error @ StoreError::Unavailable { .. }) => {
                tracing::warn!(%error, "waiting for the store");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            ended => return ended,
        }
    }
}

/// Corrects `clock` by the store's time, which all processes share.
pub(super) async fn clock(db: Db, clock: Clock) {
    loop {
        if let Ok(offset) = store_clock::offset(&db, &clock).await {
            clock.correct(offset);
        }
        tokio::time::sleep(CLOCK_EVERY).await;
    }
}

/// Not ready while the store is away; stops if another process took over this one's database.
pub(super) async fn store(db: Db, mut lock: InstanceLock, lifecycle: Arc<Lifecycle>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Err(error @ InstanceError::Database) = lock.keep().await {
            tracing::error!(%error, "stopping");
            lifecycle.stop();
            return;
        }
        lifecycle.set_ready(db.ping().await.is_ok());
    }
}
