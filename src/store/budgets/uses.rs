//! What is used and held of scopes' budgets now, for people to look at. Many scopes are one statement.

use std::collections::HashMap;

use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use crate::domain::limits::Limits;
use crate::domain::quota::{BudgetKey, BudgetLimit, Period, Unit};
use crate::domain::tenant::ScopeId;
use crate::domain::time::Timestamp;
use crate::store::{Db, StoreError, rollups};

/// Scopes of one statement.
const MOST: usize = 200;

const USES: &str = "SELECT b.scope_id, b.unit, b.period, b.used, CAST(COALESCE(
        (SELECT SUM(l.held) FROM leases l WHERE l.budget_id = b.id AND l.state <> 'closed'), 0)
        AS BIGINT) AS held
    FROM budgets b WHERE (b.period = 'none' AND b.period_start = ";

/// A budget of the present period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct BudgetUse {
    /// What it counts.
    pub unit: Unit,
    /// How often it starts anew.
    pub period: Period,
    /// Spent for good.
    pub used: i64,
    /// Held by calls in flight, as last heard.
    pub held: i64,
}

#[derive(FromRow)]
struct OfScope {
    scope_id: Uuid,
    #[sqlx(flatten)]
    budget: BudgetUse,
}

/// The budgets that `scopes` are limited by. Of one that no call has opened since it was set, what it
/// will open with is used.
pub async fn uses_of(
    db: &Db,
    scopes: &[(ScopeId, &Limits)],
    now: Timestamp,
) -> Result<HashMap<Uuid, Vec<BudgetUse>>, StoreError> {
    let ids: Vec<Uuid> = scopes.iter().map(|(scope, _)| scope.uuid()).collect();
    let mut uses = uses(db, &ids, now).await?;
    let unopened = unopened(scopes, &uses, now);
    for (key, used) in rollups::so_far(db, unopened).await? {
        uses.entry(key.scope.uuid()).or_default().push(BudgetUse {
            unit: key.unit,
            period: key.period,
            used,
            held: 0,
        });
    }
    Ok(uses)
}

fn unopened(
    scopes: &[(ScopeId, &Limits)],
    uses: &HashMap<Uuid, Vec<BudgetUse>>,
    now: Timestamp,
) -> Vec<BudgetKey> {
    let of_scope = |(scope, limits): &(ScopeId, &Limits)| {
        let scope = *scope;
        let opened = uses.get(&scope.uuid()).map_or(&[][..], Vec::as_slice);
        let is_open = |limit: &BudgetLimit| opened.iter().any(|row| row.is_of(limit));
        let limits: Vec<_> = limits.budgets().filter(|limit| !is_open(limit)).collect();
        limits.into_iter().map(move |limit| BudgetKey {
            scope,
            unit: limit.unit,
            period: limit.period,
            start: limit.period.start(now),
        })
    };
    scopes.iter().flat_map(of_scope).collect()
}

impl BudgetUse {
    /// It is what `limit` limits.
    pub fn is_of(&self, limit: &BudgetLimit) -> bool {
        (self.unit, self.period) == (limit.unit, limit.period)
    }
}

/// The budgets of each of `scopes` that calls have opened.
pub async fn uses(
    db: &Db,
    scopes: &[Uuid],
    now: Timestamp,
) -> Result<HashMap<Uuid, Vec<BudgetUse>>, StoreError> {
    let mut uses: HashMap<Uuid, Vec<BudgetUse>> = HashMap::new();
    for scopes in scopes.chunks(MOST) {
        for row in of_scopes(db, scopes, now).await? {
            uses.entry(row.scope_id).or_default().push(row.budget);
        }
    }
    Ok(uses)
}

async fn of_scopes(db: &Db, scopes: &[Uuid], now: Timestamp) -> Result<Vec<OfScope>, StoreError> {
    let start = |period: Period| period.start(now);
    Ok(with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(USES);
        sql.push_bind(start(Period::None));
        sql.push(" OR b.period = 'day' AND b.period_start = ");
        sql.push_bind(start(Period::Day));
        sql.push(" OR b.period = 'week' AND b.period_start = ");
        sql.push_bind(start(Period::Week));
        sql.push(" OR b.period = 'month' AND b.period_start = ");
        sql.push_bind(start(Period::Month));
        sql.push(") AND b.scope_id IN (");
        let mut list = sql.separated(", ");
        for scope in scopes {
            list.push_bind(*scope);
        }
        list.push_unseparated(")");
        sql.build_query_as().fetch_all(pool).await
    })?)
}
