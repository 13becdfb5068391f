//! Who holds leases: processes, each in one of its lives. A life is proven before it is given
//! anything, and that proof locks: while one transaction gives, no later life begins.

use super::{Holder, LIFE};
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::transaction::Tx;

pub(super) const ENTER: &str = "INSERT INTO instances (id, epoch, seen_at) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, seen_at = excluded.seen_at
    WHERE instances.epoch <= excluded.epoch";
pub(super) const LIVE: &str = "SELECT COUNT(*) FROM instances WHERE seen_at > $1";

/// Enters `holder` as alive, unless a later life of it is known.
pub(super) async fn prove(tx: &mut Tx, holder: &Holder, now: Timestamp) -> Result<(), StoreError> {
    let entered = with_tx!(tx, |c| {
        let enter = sqlx::query(ENTER).bind(holder.instance);
        let enter = enter.bind(holder.epoch).bind(now);
        enter.execute(c).await.map(|done| done.rows_affected())
    })?;
    if entered == 0 {
        return Err(StoreError::Fenced);
    }
    Ok(())
}

/// How many processes are alive, the one that asks included.
pub(super) async fn live(tx: &mut Tx, now: Timestamp) -> Result<i64, StoreError> {
    let since = now.minus(LIFE);
    let live: i64 = with_tx!(tx, |c| sqlx::query_scalar(LIVE)
        .bind(since)
        .fetch_one(c)
        .await)?;
    Ok(live.max(1))
}
