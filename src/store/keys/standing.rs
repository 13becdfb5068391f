//! How keys stand: what they used lately, and what is used and held of their budgets. Read of many keys
//! at once, from what is summed already: never from their calls.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use super::Key;
use crate::domain::quota::{BudgetLimit, Period, Unit};
use crate::domain::tenant::KeyId;
use crate::domain::time::Timestamp;
use crate::store::budgets::{self, BudgetUse};
use crate::store::{Db, StoreError, rollups};

/// Lately.
pub(super) const LATELY: Duration = Duration::from_hours(24 * 30);

/// Keys of one statement.
const MOST: usize = 200;

const USES: &str = "SELECT key_id, last_used_at FROM key_uses WHERE key_id IN (";

/// How a key stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyStanding {
    /// When it last called, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Its calls of the last 30 days that were handed to a provider.
    pub requests_30d: i64,
    /// Their tokens.
    pub tokens_30d: i64,
    so_far: Vec<(Period, i64, i64)>,
    budgets: Vec<BudgetUse>,
}

#[derive(FromRow)]
struct Sums {
    key_id: KeyId,
    requests_30d: i64,
    tokens_30d: i64,
    tokens_day: i64,
    cost_day: i64,
    tokens_week: i64,
    cost_week: i64,
    tokens_month: i64,
    cost_month: i64,
}

impl KeyStanding {
    /// What is used of `limit`, and what calls in flight hold of it, as last heard.
    pub fn of(&self, limit: &BudgetLimit) -> (i64, i64) {
        if let Some(row) = self.budgets.iter().find(|row| row.is_of(limit)) {
            return (row.used, row.held);
        }
        // A row that no call has opened yet will begin with what was used of its period already.
        let mut sums = self.so_far.iter();
        let sums = sums.find(|(period, ..)| *period == limit.period);
        let used = sums.map_or(0, |(_, tokens, cost)| match limit.unit {
            Unit::Tokens => *tokens,
            Unit::NanoUsd => *cost,
            Unit::Requests => 0,
        });
        (used, 0)
    }
}

/// How each of `keys` stands, in their order. That they were found is the proof that they may be
/// asked for.
pub async fn standings(
    db: &Db,
    keys: &[Key],
    now: Timestamp,
) -> Result<Vec<KeyStanding>, StoreError> {
    let mut found: HashMap<KeyId, KeyStanding> = HashMap::with_capacity(keys.len());
    for keys in keys.chunks(MOST) {
        let ids: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
        for (id, at) in last_uses(db, &ids).await? {
            found.entry(id).or_default().last_used_at = Some(at).filter(|at| at.0 > 0);
        }
        for sums in sums(db, &ids, now).await? {
            sums.add_to(found.entry(sums.key_id).or_default());
        }
        let scopes: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        for (scope, uses) in budgets::uses(db, &scopes, now).await? {
            found.entry(KeyId(scope)).or_default().budgets = uses;
        }
    }
    let standing = |key: &Key| found.remove(&key.id).unwrap_or_default();
    Ok(keys.iter().map(standing).collect())
}

impl Sums {
    fn add_to(&self, standing: &mut KeyStanding) {
        standing.requests_30d = self.requests_30d;
        standing.tokens_30d = self.tokens_30d;
        standing.so_far = vec![
            (Period::Day, self.tokens_day, self.cost_day),
            (Period::Week, self.tokens_week, self.cost_week),
            (Period::Month, self.tokens_month, self.cost_month),
        ];
    }
}

/// Lists `$ids` behind `$sql`.
macro_rules! among {
    ($sql:expr, $ids:expr) => {{
        let mut list = $sql.separated(", ");
        for id in $ids {
            list.push_bind(*id);
        }
        list.push_unseparated(")");
    }};
}

async fn last_uses(db: &Db, ids: &[KeyId]) -> Result<Vec<(KeyId, Timestamp)>, StoreError> {
    Ok(with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(USES);
        among!(sql, ids);
        sql.build_query_as().fetch_all(pool).await
    })?)
}

/// Sums of the hours since each beginning that is asked for, in one pass over them.
async fn sums(db: &Db, ids: &[KeyId], now: Timestamp) -> Result<Vec<Sums>, StoreError> {
    let lately = rollups::hour(now.minus(LATELY));
    let since = |period: Period| period.start(now);
    let columns = [
        ("requests", lately, "requests_30d"),
        ("total_tokens", lately, "tokens_30d"),
        ("total_tokens", since(Period::Day), "tokens_day"),
        ("cost_nano", since(Period::Day), "cost_day"),
        ("total_tokens", since(Period::Week), "tokens_week"),
        ("cost_nano", since(Period::Week), "cost_week"),
        ("total_tokens", since(Period::Month), "tokens_month"),
        ("cost_nano", since(Period::Month), "cost_month"),
    ];
    Ok(with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new("SELECT key_id");
        for (column, since, name) in columns {
            sql.push(", CAST(COALESCE(SUM(CASE WHEN hour >= ")
                .push_bind(since);
            sql.push(format_args!(
                " THEN {column} ELSE 0 END), 0) AS BIGINT) AS {name}"
            ));
        }
        sql.push(" FROM rollups_hourly WHERE hour >= ");
        sql.push_bind(lately.min(since(Period::Month)));
        sql.push(" AND key_id IN (");
        among!(sql, ids);
        sql.push(" GROUP BY key_id");
        sql.build_query_as().fetch_all(pool).await
    })?)
}
