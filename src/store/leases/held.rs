//! What running calls hold, as far as their processes said.

use uuid::Uuid;

use crate::store::{Db, StoreError};

pub(super) const HELD: &str = "SELECT CAST(COALESCE(SUM(held), 0) AS BIGINT) FROM leases
    WHERE budget_id = $1 AND state <> 'closed'";

/// What running calls held of `budget` when the processes last booked or renewed.
pub async fn held(db: &Db, budget: Uuid) -> Result<i64, StoreError> {
    let held = with_pool!(db, |pool| sqlx::query_scalar(HELD)
        .bind(budget)
        .fetch_one(pool)
        .await)?;
    Ok(held)
}
