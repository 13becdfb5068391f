//! How keys were used day by day, and how many there are. Read of many keys at once, from hourly sums.

use std::collections::HashMap;

use sqlx::QueryBuilder;

use crate::domain::quota::Period;
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::store::{Db, StoreError, rollups};

pub(in crate::store) const COUNTS: &str = "SELECT project_id, COUNT(*) FROM keys
    WHERE organisation_id = $1 AND deleted_at IS NULL GROUP BY project_id";

pub(in crate::store) const IDS: &str =
    "SELECT id FROM keys WHERE organisation_id = $1 AND id > $2 ORDER BY id LIMIT $3";
const COUNTS_OF: &str = "SELECT organisation_id, COUNT(*) FROM keys
    WHERE deleted_at IS NULL AND organisation_id IN (";

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

/// The keys of `organisation` behind `after` in the order of their ids, also those that were deleted; at
/// most `limit`.
pub async fn ids_behind(
    db: &Db,
    organisation: OrganisationId,
    after: KeyId,
    limit: i64,
) -> Result<Vec<KeyId>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let ids = sqlx::query_scalar(IDS).bind(organisation).bind(after);
        ids.bind(limit).fetch_all(pool).await
    })?)
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

/// How many keys each of `organisations` has; those without any are left out.
pub async fn counts_of(
    db: &Db,
    organisations: &[OrganisationId],
) -> Result<Vec<(OrganisationId, i64)>, StoreError> {
    if organisations.is_empty() {
        return Ok(Vec::new());
    }
    Ok(with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(COUNTS_OF);
        let mut list = sql.separated(", ");
        for id in organisations {
            list.push_bind(*id);
        }
        list.push_unseparated(") GROUP BY organisation_id");
        sql.build_query_as().fetch_all(pool).await
    })?)
}
