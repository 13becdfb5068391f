//! What is used and held of a scope's budgets now, for people to look at.

use sqlx::FromRow;

use crate::domain::quota::{Period, Unit};
use crate::domain::tenant::ScopeId;
use crate::domain::time::Timestamp;
use crate::store::{Db, StoreError};

pub(in crate::store) const USES: &str = "SELECT b.unit, b.period, b.used, CAST(COALESCE(
        (SELECT SUM(l.held) FROM leases l WHERE l.budget_id = b.id AND l.state <> 'closed'), 0)
        AS BIGINT) AS held
    FROM budgets b WHERE b.scope_id = $1 AND (b.period = 'none' AND b.period_start = $2
        OR b.period = 'day' AND b.period_start = $3
        OR b.period = 'week' AND b.period_start = $4
        OR b.period = 'month' AND b.period_start = $5)";

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

/// The budgets of `scope` that calls have opened.
pub async fn uses(db: &Db, scope: ScopeId, now: Timestamp) -> Result<Vec<BudgetUse>, StoreError> {
    let start = |period: Period| period.start(now);
    Ok(with_pool!(db, |pool| {
        let uses = sqlx::query_as(USES).bind(scope.uuid());
        let uses = uses.bind(start(Period::None)).bind(start(Period::Day));
        let uses = uses.bind(start(Period::Week)).bind(start(Period::Month));
        uses.fetch_all(pool).await
    })?)
}
