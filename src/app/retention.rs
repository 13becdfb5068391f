//! Lets go of what is older than it is kept, slowly: calls and reports come first.

use std::time::Duration;

use crate::config;
use crate::domain::time::Clock;
use crate::store::{Db, StoreError, retention};

/// After the start there is more to do.
const FIRST: Duration = Duration::from_mins(1);
const EVERY: Duration = Duration::from_mins(10);
/// Between two transactions.
const PAUSE: Duration = Duration::from_millis(100);
/// A transaction that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Prunes for ever.
pub(super) async fn run(db: Db, clock: Clock, kept: config::Retention) {
    tokio::time::sleep(FIRST).await;
    loop {
        loop {
            let step = tokio::time::timeout(PATIENCE, step(&db, &clock, &kept)).await;
            match step {
                Ok(Ok(0)) | Err(_) => break,
                Ok(Ok(_)) => tokio::time::sleep(PAUSE).await,
                Ok(Err(error)) => {
                    tracing::warn!(%error, cause = error.cause(), "old records stay for now");
                    break;
                }
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn step(db: &Db, clock: &Clock, kept: &config::Retention) -> Result<u64, StoreError> {
    let now = clock.now();
    let calls = retention::prune_calls(db, now.minus(kept.calls)).await?;
    let records = retention::prune_records(db, now.minus(kept.audit), now).await?;
    Ok(calls + records)
}
