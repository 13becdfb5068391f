//! Keeps an eye on the store: waits for it at the start, follows its clock, and says when it is away.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::time::Clock;
use crate::lifecycle::Lifecycle;
use crate::store::instance::{InstanceError, InstanceLock};
use crate::store::{Db, StoreError, clock as store_clock};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const CLOCK_EVERY: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Migrates and takes the right to serve; `None` if the store is away, which may pass.
pub(super) async fn open(db: &Db, data_dir: &Path) -> Result<Option<InstanceLock>, InstanceError> {
    let opened = async {
        db.migrate().await?;
        InstanceLock::acquire(db, data_dir).await
    };
    match opened.await {
        Ok(lock) => Ok(Some(lock)),
        Err(InstanceError::Store(error @ StoreError::Unavailable { .. })) => {
            tracing::warn!(%error, "waiting for the store");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The same as soon as the store is there, however long that takes.
pub(super) async fn until_open(db: &Db, data_dir: &Path) -> Result<InstanceLock, InstanceError> {
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::time::sleep(pause + jitter()).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        if let Some(lock) = open(db, data_dir).await? {
            return Ok(lock);
        }
    }
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
