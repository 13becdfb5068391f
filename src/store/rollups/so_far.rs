//! What scopes used of their periods so far, many in one statement: what a budget row that no call has
//! opened yet will begin with.

use std::collections::{BTreeMap, HashMap};

use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use crate::domain::quota::{BudgetKey, Unit};
use crate::domain::tenant::ScopeId;
use crate::domain::time::Timestamp;
use crate::store::{Db, StoreError};

/// Scopes of one statement.
const MOST: usize = 200;

const SUMS: &str = " AS scope_id, CAST(SUM(total_tokens) AS BIGINT) AS tokens,
    CAST(SUM(requests) AS BIGINT) AS requests, CAST(SUM(cost_nano) AS BIGINT) AS cost_nano FROM ";

/// A kind of scope, and the first and the last instant of a period.
type Part = (&'static str, Timestamp, Timestamp);

#[derive(FromRow)]
struct Sums {
    scope_id: Uuid,
    tokens: i64,
    requests: i64,
    cost_nano: i64,
}

/// What each of `keys` would open with; none of those that would open with nothing.
pub(in crate::store) async fn so_far(
    db: &Db,
    keys: Vec<BudgetKey>,
) -> Result<Vec<(BudgetKey, i64)>, StoreError> {
    let mut parts: BTreeMap<Part, Vec<BudgetKey>> = BTreeMap::new();
    for key in keys {
        if let Some(end) = key.period.end(key.start) {
            let part = (key.scope.kind(), key.start, end);
            parts.entry(part).or_default().push(key);
        }
    }
    let mut found = Vec::new();
    for (part, keys) in parts {
        for keys in keys.chunks(MOST) {
            let sums = sums(db, part, keys).await?;
            let used = |key: &BudgetKey| Some((*key, sums.get(&key.scope.uuid())?.of(key.unit)));
            found.extend(keys.iter().filter_map(used));
        }
    }
    Ok(found)
}

async fn sums(
    db: &Db,
    (_, start, end): Part,
    keys: &[BudgetKey],
) -> Result<HashMap<Uuid, Sums>, StoreError> {
    let Some(first) = keys.first() else {
        return Ok(HashMap::new());
    };
    let (table, column) = place(first.scope);
    let rows: Vec<Sums> = with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new("SELECT ");
        sql.push(column).push(SUMS).push(table);
        sql.push(" WHERE hour >= ").push_bind(start);
        sql.push(" AND hour < ").push_bind(end);
        sql.push(" AND ").push(column).push(" IN (");
        let mut list = sql.separated(", ");
        for key in keys {
            list.push_bind(key.scope.uuid());
        }
        list.push_unseparated(") GROUP BY ")
            .push_unseparated(column);
        sql.build_query_as().fetch_all(pool).await
    })?;
    Ok(rows.into_iter().map(|row| (row.scope_id, row)).collect())
}

/// Where the usage of such a scope is summed, and what names it there.
fn place(scope: ScopeId) -> (&'static str, &'static str) {
    match scope {
        ScopeId::Organisation(_) => ("rollups_of_projects", "organisation_id"),
        ScopeId::Project(_) => ("rollups_of_projects", "project_id"),
        ScopeId::Key(_) => ("rollups_hourly", "key_id"),
    }
}

impl Sums {
    fn of(&self, unit: Unit) -> i64 {
        match unit {
            Unit::Tokens => self.tokens,
            Unit::Requests => self.requests,
            Unit::NanoUsd => self.cost_nano,
        }
    }
}
