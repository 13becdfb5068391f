//! Keys that have used most of what they may, whatever else is in use beside them. What is used of a
//! budget stands in its row, so that nothing is summed up.

use std::collections::HashSet;

use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use super::Key;
use super::row::{self, KeyRow};
use crate::domain::quota::Period;
use crate::domain::tenant::OrganisationId;
use crate::domain::time::Timestamp;
use crate::store::{Db, StoreError};

const SELECT: &str = select!(
    "",
    "JOIN budgets b ON b.scope_id = k.id AND b.amount IS NOT NULL
        AND b.unit IN ('tokens', 'nano_usd')",
    "AND k.status = 'active' AND k.organisation_id = "
);

/// Most of it used first; a budget of nothing is used up by the first that is booked on it.
const ORDER: &str = " ORDER BY CASE WHEN b.amount > 0
        THEN CAST(b.used AS DOUBLE PRECISION) / b.amount
        WHEN b.used > 0 THEN 1.0 ELSE 0.0 END DESC, k.id LIMIT ";

/// The keys of `organisation`, or those of one `owner` in it, that have used the largest part of a
/// quota or a budget of the present period: `limit` of them at most. Only keys that work, and of which
/// a call has drawn since the limit was set.
pub async fn near_quota(
    db: &Db,
    organisation: OrganisationId,
    owner: Option<Uuid>,
    now: Timestamp,
    limit: u16,
) -> Result<Vec<Key>, StoreError> {
    let rows: Vec<Result<KeyRow, sqlx::Error>> = with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(SELECT);
        sql.push_bind(organisation);
        if let Some(owner) = owner {
            sql.push(" AND k.owner_id = ").push_bind(owner);
        }
        sql.push(" AND (k.expires_at IS NULL OR k.expires_at > ");
        sql.push_bind(now);
        sql.push(") AND (b.period = 'none' AND b.period_start = ");
        sql.push_bind(Period::None.start(now));
        sql.push(" OR b.period = 'day' AND b.period_start = ");
        sql.push_bind(Period::Day.start(now));
        sql.push(" OR b.period = 'week' AND b.period_start = ");
        sql.push_bind(Period::Week.start(now));
        sql.push(" OR b.period = 'month' AND b.period_start = ");
        sql.push_bind(Period::Month.start(now)).push(")");
        // A key may have a quota and a budget.
        sql.push(ORDER).push_bind(i64::from(limit) * 2);
        let rows = sql.build().fetch_all(pool).await?;
        rows.iter().map(KeyRow::from_row).collect()
    });
    let mut seen = HashSet::new();
    let keys = rows.into_iter().filter_map(row::readable).map(Key::from);
    let keys = keys.filter(|key| seen.insert(key.id));
    Ok(keys.take(usize::from(limit)).collect())
}
