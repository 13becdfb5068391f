//! How keys were used day by day, and how many there are. Read of many keys at once, from hourly sums.

use std::collections::HashMap;

use sqlx::QueryBuilder;

use crate::domain::quota::Period;
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::store::{Db, StoreError, rollups};

pub(in crate::store) const COUNTS: &str = "SELECT project_id, COUNT(*) FROM keys
    WHERE organisation_id = $1 AND deleted_at IS NULL GROUP BY project_id";

/// The requests of each of `keys` by the day since `from`. That they were found is the proof that they
/// may be asked for.
pub async fn requests_by_day(
    db: &Db,
    keys: &[KeyId],
    from: Timestamp,
) -> Result<HashMap<(KeyId, Timestamp), i64>, StoreError> {
    let mut days = HashMap::new();
    if keys.is_empty() {
        return Ok(days);
    }
    let rows: Vec<(KeyId, Timestamp, i64)> = with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(
            "SELECT key_id, hour, CAST(SUM(requests) AS BIGINT) FROM rollups_hourly WHERE hour >= ",
        );
        sql.push_bind(rollups::hour(from)).push(" AND key_id IN (");
        let mut list = sql.separated(", ");
        for id in keys {
            list.push_bind(*id);
        }
        sql.push(") GROUP BY key_id, hour");
        sql.build_query_as().fetch_all(pool).await
    })?;
    for (key, hour, requests) in rows {
        let sum: &mut i64 = days.entry((key, Period::Day.start(hour))).or_default();
        *sum = sum.saturating_add(requests);
    }
    Ok(days)
}

/// How many keys each project of `organisation` has; those without any are left out.
pub async fn counts(
    db: &Db,
    organisation: OrganisationId,
) -> Result<HashMap<ProjectId, i64>, StoreError> {
    let counts: Vec<(ProjectId, i64)> = with_pool!(db, |pool| {
        let counts = sqlx::query_as(COUNTS).bind(organisation);
        counts.fetch_all(pool).await
    })?;
    Ok(counts.into_iter().collect())
}
