//! How often keys were refused, by the hour and code, and the last refusals of each key. Refusals
//! never enter the ledger.

use std::collections::BTreeMap;

use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use super::batch::{self, Listing};
use super::{Db, StoreError, rollups};
use crate::domain::refused::Refused;
use crate::domain::tenant::{CallId, KeyId, OrganisationId};
use crate::domain::time::Timestamp;

static ADD: Listing = Listing::insert(
    "INSERT INTO refusals_hourly (organisation_id, key_id, hour, code, count)",
    5,
    " ON CONFLICT (organisation_id, key_id, hour, code)
    DO UPDATE SET count = refusals_hourly.count + excluded.count",
);

const REMEMBER: &str = "INSERT INTO last_refusals
    (key_id, id, organisation_id, at, code, scope, rule, amount, frees_at) ";
const UNLESS_THERE: &str = " ON CONFLICT (key_id, id) DO NOTHING";
const TRIM: &str = "DELETE FROM last_refusals WHERE key_id = $1 AND id <
    (SELECT id FROM last_refusals WHERE key_id = $1 ORDER BY id DESC LIMIT 1 OFFSET 99)";
const LAST: &str = "SELECT id, at, code, scope, rule, amount, frees_at FROM last_refusals
    WHERE organisation_id = $1 AND key_id = $2 ORDER BY id DESC";

macro_rules! latest {
    ($own:literal) => {
        concat!(
            "SELECT r.key_id, k.name AS key_name, r.id, r.at, r.code, r.scope, r.rule, r.amount,
                 r.frees_at
             FROM last_refusals r JOIN keys k ON k.id = r.key_id
             WHERE r.organisation_id = $1 AND k.deleted_at IS NULL",
            $own,
            " ORDER BY r.at DESC LIMIT $2"
        )
    };
}

const LATEST: &str = latest!("");
const LATEST_OWN: &str = latest!(" AND k.owner_id = $3");

const COUNTS: &str = "SELECT hour, code, count FROM refusals_hourly
    WHERE organisation_id = $1 AND key_id = $2 AND hour >= $3 ORDER BY hour DESC, code";

pub(super) const STATEMENTS: &[&str] = &[TRIM, LAST, LATEST, LATEST_OWN, COUNTS];

/// How many refusals of a key are kept.
pub const KEPT: usize = 100;

/// A call that was refused.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct RefusalRow {
    /// The call.
    pub id: CallId,
    /// When it was refused.
    pub at: Timestamp,
    /// The code that the client saw.
    pub code: String,
    /// Whose limit it was, if it was a limit.
    pub scope: Option<String>,
    /// Its name among the limits.
    pub rule: Option<String>,
    /// What it allows; nano-USD for a `budget`.
    pub amount: Option<i64>,
    /// When there is room again, if that is known.
    pub frees_at: Option<Timestamp>,
}

/// A refused call with the key that made it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct KeyRefusal {
    /// The key.
    pub key_id: KeyId,
    /// Its name.
    pub key_name: String,
    /// The call.
    #[sqlx(flatten)]
    pub row: RefusalRow,
}

/// How many calls of an hour were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct RefusalCount {
    /// When the hour began.
    pub hour: Timestamp,
    /// The code that clients saw.
    pub code: String,
    /// How many.
    pub count: i64,
}

/// How often a key was refused in the hours since `from`, the latest first.
pub async fn counts(
    db: &Db,
    organisation: OrganisationId,
    key: KeyId,
    from: Timestamp,
) -> Result<Vec<RefusalCount>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let counts = sqlx::query_as(COUNTS).bind(organisation).bind(key);
        counts.bind(rollups::hour(from)).fetch_all(pool).await
    })?)
}

/// The last refusals of a key, newest first.
pub async fn last(
    db: &Db,
    organisation: OrganisationId,
    key: KeyId,
) -> Result<Vec<RefusalRow>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let last = sqlx::query_as(LAST).bind(organisation).bind(key);
        last.fetch_all(pool).await
    })?)
}

/// The latest refusals of an organisation's keys, or of `owner`'s only, newest first.
pub async fn latest(
    db: &Db,
    organisation: OrganisationId,
    owner: Option<Uuid>,
    limit: i64,
) -> Result<Vec<KeyRefusal>, StoreError> {
    let sql = if owner.is_some() { LATEST_OWN } else { LATEST };
    Ok(with_pool!(db, |pool| {
        let latest = sqlx::query_as(sql).bind(organisation).bind(limit);
        match owner {
            Some(owner) => latest.bind(owner).fetch_all(pool).await,
            None => latest.fetch_all(pool).await,
        }
    })?)
}

/// Adds refusals, sorted by key, and forgets what is older than the last of each key.
pub async fn remember(db: &Db, refusals: &[Refused]) -> Result<(), StoreError> {
    if refusals.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    for rows in batch::chunks(&tx, refusals) {
        with_tx!(&mut tx, |c| {
            let mut remember = QueryBuilder::new(REMEMBER);
            remember.push_values(rows, |mut values, row| {
                values.push_bind(row.key_id).push_bind(row.id);
                values.push_bind(row.organisation_id).push_bind(row.at);
                values.push_bind(row.code);
                let tripped = row.tripped;
                values.push_bind(tripped.map(|tripped| tripped.scope));
                values.push_bind(tripped.map(|tripped| tripped.rule));
                values.push_bind(tripped.map(|tripped| tripped.amount));
                values.push_bind(tripped.and_then(|tripped| tripped.frees_at));
            });
            let remember = remember.push(UNLESS_THERE).build().execute(c);
            remember.await.map(|_| ())
        })?;
    }
    for of_key in refusals.chunk_by(|one, next| one.key_id == next.key_id) {
        let Some(refused) = of_key.first() else {
            continue;
        };
        with_tx!(&mut tx, |c| {
            let trim = sqlx::query(TRIM).bind(refused.key_id).execute(c);
            trim.await.map(|_| ())
        })?;
    }
    tx.commit().await
}

/// Adds counts to their hours.
pub async fn book(
    db: &Db,
    counts: &[(OrganisationId, KeyId, Timestamp, String, i64)],
) -> Result<(), StoreError> {
    let mut rows: BTreeMap<_, i64> = BTreeMap::new();
    for (organisation, key, hour, code, count) in counts {
        let name = (*organisation, *key, *hour, batch::text(code));
        let sum = rows.entry(name).or_default();
        *sum = sum.saturating_add(*count);
    }
    let rows: Vec<_> = rows.into_iter().collect();
    let mut tx = db.begin().await?;
    write_rows!(&mut tx, ADD, &rows, |add,
                                      (
        (organisation, key, hour, code),
        count,
    )| {
        add.bind(*organisation).bind(*key).bind(*hour);
        add.bind(code.as_ref()).bind(*count)
    });
    tx.commit().await
}
