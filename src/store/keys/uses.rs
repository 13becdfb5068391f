//! When keys were last used, and how much, as lists are sorted by it. Both live in rows beside the
//! keys: a call never writes its key, and no list sums up usage to be sorted.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::QueryBuilder;

use super::standing::LATELY;
use crate::domain::tenant::{KeyId, OrganisationId};
use crate::domain::time::Timestamp;
use crate::store::batch::{self, Listing};
use crate::store::transaction::{Tx, retried};
use crate::store::{Db, StoreError, rollups};

/// Sums of keys in use are as old as this at most.
const OFTEN: Duration = Duration::from_mins(10);

/// Sums of other keys are: their hours grow older than 30 days.
const DAILY: Duration = Duration::from_hours(24);

/// No key is summed up that used nothing for 30 days: the year 9999.
const NEVER: Timestamp = Timestamp(253_370_764_800_000_000);

/// Keys summed up in one go.
const MOST: i64 = 200;

pub(super) const INSERT: &str = "INSERT INTO key_uses
    (key_id, organisation_id, last_used_at, due_at) VALUES ($1, $2, $3, $4)";
pub(super) const DUE: &str =
    "SELECT key_id FROM key_uses WHERE due_at <= $1 ORDER BY due_at LIMIT $2";

const SUMS: &str = "SELECT key_id, CAST(SUM(total_tokens) AS BIGINT)
    FROM rollups_hourly WHERE hour >= ";

static LOCK: Listing = Listing::locking(
    "SELECT key_id FROM key_uses WHERE key_id IN (",
    ") ORDER BY key_id",
);
static USED: Listing = Listing::new(
    "UPDATE key_uses SET last_used_at = d.column2,
        due_at = CASE WHEN due_at < d.column3 THEN due_at ELSE d.column3 END
    FROM (VALUES ",
    3,
    ") AS d WHERE key_id = d.column1 AND last_used_at < d.column2",
);
static SUMMED: Listing = Listing::new(
    "UPDATE key_uses SET tokens_30d = d.column2, due_at = d.column3 FROM (VALUES ",
    3,
    ") AS d WHERE key_id = d.column1",
);

/// The row of a new key.
pub(super) async fn insert(
    tx: &mut Tx,
    organisation: OrganisationId,
    key: KeyId,
) -> Result<(), StoreError> {
    with_tx!(tx, |c| {
        let insert = sqlx::query(INSERT).bind(key).bind(organisation);
        let insert = insert.bind(Timestamp(0)).bind(NEVER);
        insert.execute(c).await.map(|_| ())
    })?;
    Ok(())
}

/// Writes rows that begin with their keys, in the order of these, so that two processes never wait for
/// each other.
macro_rules! write {
    ($db:expr, $listing:expr, $rows:expr) => {{
        let rows = &mut $rows;
        rows.sort_unstable_by_key(|row| row.0);
        let keys: Vec<KeyId> = rows.iter().map(|row| row.0).collect();
        retried(|| async {
            let mut tx = $db.begin().await?;
            batch::lock(&mut tx, &LOCK, &keys).await?;
            write_rows!(&mut tx, $listing, rows, |write, (key, value, due)| {
                write.bind(*key).bind(*value).bind(*due)
            });
            tx.commit().await
        })
        .await
    }};
}

/// Notes when keys were last used, each key once.
pub async fn note(db: &Db, uses: &[(KeyId, Timestamp)], now: Timestamp) -> Result<(), StoreError> {
    if uses.is_empty() {
        return Ok(());
    }
    let due = now.plus(OFTEN);
    let mut rows: Vec<_> = uses.iter().map(|(key, at)| (*key, *at, due)).collect();
    write!(db, USED, rows)
}

/// Sums up what is due, a few keys at once; whether there is more.
pub async fn sum_due(db: &Db, now: Timestamp) -> Result<bool, StoreError> {
    let due: Vec<(KeyId,)> = with_pool!(db, |pool| {
        let due = sqlx::query_as(DUE).bind(now).bind(MOST);
        due.fetch_all(pool).await
    })?;
    if due.is_empty() {
        return Ok(false);
    }
    let due: Vec<KeyId> = due.into_iter().map(|(key,)| key).collect();
    let sums = tokens(db, &due, now).await?;
    let row = |key: &KeyId| match sums.get(key) {
        Some(tokens) if *tokens > 0 => (*key, *tokens, now.plus(DAILY)),
        _ => (*key, 0, NEVER),
    };
    let mut rows: Vec<_> = due.iter().map(row).collect();
    write!(db, SUMMED, rows)?;
    Ok(i64::try_from(due.len()) == Ok(MOST))
}

async fn tokens(
    db: &Db,
    keys: &[KeyId],
    now: Timestamp,
) -> Result<HashMap<KeyId, i64>, StoreError> {
    let sums: Vec<(KeyId, i64)> = with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(SUMS);
        sql.push_bind(rollups::hour(now.minus(LATELY)));
        sql.push(" AND key_id IN (");
        let mut list = sql.separated(", ");
        for key in keys {
            list.push_bind(*key);
        }
        list.push_unseparated(") GROUP BY key_id");
        sql.build_query_as().fetch_all(pool).await
    })?;
    Ok(sums.into_iter().collect())
}
