//! Budget rows: how much of a limit is used. Only booking and adjustments write `used`; an edit of a
//! limit writes `amount`. Rows are never deleted: a removed limit has no amount and counting goes on.

use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use super::transaction::Tx;
use super::{Db, StoreError, rollups};
use crate::domain::limits::Limits;
use crate::domain::quota::{BudgetKey, Period, Unit};
use crate::domain::tenant::ScopeId;
use crate::domain::time::Timestamp;

mod uses;

pub use uses::{BudgetUse, uses, uses_of};

const FIND: &str = "SELECT id, used, amount FROM budgets
    WHERE scope_id = $1 AND unit = $2 AND period = $3 AND period_start = $4";
const CURRENT: &str = "SELECT id, used, amount, unit, period, period_start FROM budgets
    WHERE scope_id = $1 AND (period = 'none' AND period_start = $2
        OR period = 'day' AND period_start = $3
        OR period = 'week' AND period_start = $4
        OR period = 'month' AND period_start = $5)
    ORDER BY id";
const OPEN: &str = "INSERT INTO budgets
    (id, scope_kind, scope_id, unit, period, period_start, amount, used, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (scope_id, unit, period, period_start) DO NOTHING";
const ADJUST: &str = "INSERT INTO adjustments (id, budget_id, amount, reason, created_at)
    VALUES ($1, $2, $3, $4, $5)";
const SET_AMOUNT: &str =
    "UPDATE budgets SET amount = $2 WHERE id = $1 AND amount IS DISTINCT FROM $2";
const OPENED: &str = "opened with the usage of its period so far";

pub(super) const STATEMENTS: &[&str] = &[
    FIND,
    CURRENT,
    OPEN,
    ADJUST,
    SET_AMOUNT,
    rollups::OF_ORGANISATION,
    rollups::OF_PROJECT,
    rollups::OF_KEY,
];

/// What a limit has seen so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct BudgetRow {
    /// What events name.
    pub id: Uuid,
    /// Tokens or calls booked.
    pub used: i64,
}

#[derive(FromRow)]
struct Found {
    #[sqlx(flatten)]
    row: BudgetRow,
    amount: Option<i64>,
}

#[derive(FromRow)]
struct Current {
    #[sqlx(flatten)]
    found: Found,
    unit: Unit,
    period: Period,
    period_start: Timestamp,
}

/// The row named `key`, created if it is missing. It allows what the scope's limits say, which may
/// have been edited since `amount` was read of them. A new row of a calendar period opens with what
/// its scope used of the period already.
pub async fn open(
    db: &Db,
    key: &BudgetKey,
    amount: Option<i64>,
    now: Timestamp,
) -> Result<BudgetRow, StoreError> {
    let found: Option<Found> = with_pool!(db, |pool| {
        let find = sqlx::query_as(FIND).bind(key.scope.uuid()).bind(key.unit);
        find.bind(key.period)
            .bind(key.start)
            .fetch_optional(pool)
            .await
    })?;
    if let Some(found) = found.filter(|found| found.amount == amount) {
        return Ok(found.row);
    }
    let mut tx = db.begin().await?;
    let amount = in_force(&mut tx, key, now).await?.unwrap_or(amount);
    insert(&mut tx, key, amount, now).await?;
    let found = find(&mut tx, key).await?;
    set_amount(&mut tx, found.row.id, amount).await?;
    tx.commit().await?;
    Ok(found.row)
}

/// The rows of the periods that `now` lies in, with their amounts.
pub async fn current(
    db: &Db,
    scope: ScopeId,
    now: Timestamp,
) -> Result<Vec<(BudgetKey, BudgetRow, Option<i64>)>, StoreError> {
    let rows: Vec<Current> = with_pool!(db, |pool| {
        let current = sqlx::query_as(CURRENT).bind(scope.uuid());
        let current = current
            .bind(Period::None.start(now))
            .bind(Period::Day.start(now));
        let current = current
            .bind(Period::Week.start(now))
            .bind(Period::Month.start(now));
        current.fetch_all(pool).await
    })?;
    let named = |row: Current| (row.key(scope), row.found.row, row.found.amount);
    Ok(rows.into_iter().map(named).collect())
}

/// Lets the rows of the current periods allow what `limits` say; rows of no limit allow anything.
pub(super) async fn set_amounts(
    tx: &mut Tx,
    scope: ScopeId,
    limits: &Limits,
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows: Vec<Current> = with_tx!(&mut *tx, |c| {
        let current = sqlx::query_as(CURRENT).bind(scope.uuid());
        let current = current
            .bind(Period::None.start(now))
            .bind(Period::Day.start(now));
        let current = current
            .bind(Period::Week.start(now))
            .bind(Period::Month.start(now));
        current.fetch_all(c).await
    })?;
    for row in rows {
        let mut wanted = limits.budgets();
        let limit = wanted.find(|limit| (limit.unit, limit.period) == (row.unit, row.period));
        set_amount(tx, row.found.row.id, limit.map(|limit| limit.amount)).await?;
    }
    Ok(())
}

impl Current {
    fn key(&self, scope: ScopeId) -> BudgetKey {
        BudgetKey {
            scope,
            unit: self.unit,
            period: self.period,
            start: self.period_start,
        }
    }
}

async fn find(tx: &mut Tx, key: &BudgetKey) -> Result<Found, StoreError> {
    Ok(with_tx!(tx, |c| {
        let find = sqlx::query_as(FIND).bind(key.scope.uuid()).bind(key.unit);
        find.bind(key.period).bind(key.start).fetch_one(c).await
    })?)
}

async fn set_amount(tx: &mut Tx, id: Uuid, amount: Option<i64>) -> Result<(), StoreError> {
    with_tx!(tx, |c| {
        sqlx::query(SET_AMOUNT)
            .bind(id)
            .bind(amount)
            .execute(c)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

/// What the limits of `key`'s scope allow; no edit passes until the transaction ends. `None` if there
/// is no such scope, or it is another period's row.
async fn in_force(
    tx: &mut Tx,
    key: &BudgetKey,
    now: Timestamp,
) -> Result<Option<Option<i64>>, StoreError> {
    if key.start != key.period.start(now) {
        return Ok(None);
    }
    let limits: Option<Json<Limits>> = match (&mut *tx, key.scope) {
        (Tx::Postgres(tx), scope) => {
            let limits = sqlx::query_scalar(limits_for_share(scope)).bind(scope.uuid());
            limits.fetch_optional(&mut **tx).await?
        }
        (Tx::Sqlite(tx), scope) => {
            let limits = sqlx::query_scalar(limits_of(scope)).bind(scope.uuid());
            limits.fetch_optional(&mut **tx).await?
        }
    };
    Ok(limits.map(|Json(limits)| {
        let mut limits = limits.budgets();
        let limit = limits.find(|limit| (limit.unit, limit.period) == (key.unit, key.period));
        limit.map(|limit| limit.amount)
    }))
}

fn limits_of(scope: ScopeId) -> &'static str {
    match scope {
        ScopeId::Organisation(_) => "SELECT limits FROM organisations WHERE id = $1",
        ScopeId::Project(_) => "SELECT limits FROM projects WHERE id = $1",
        ScopeId::Key(_) => "SELECT limits FROM keys WHERE id = $1",
    }
}

fn limits_for_share(scope: ScopeId) -> &'static str {
    match scope {
        ScopeId::Organisation(_) => "SELECT limits FROM organisations WHERE id = $1 FOR SHARE",
        ScopeId::Project(_) => "SELECT limits FROM projects WHERE id = $1 FOR SHARE",
        ScopeId::Key(_) => "SELECT limits FROM keys WHERE id = $1 FOR SHARE",
    }
}

/// Inserts the row unless another was faster.
async fn insert(
    tx: &mut Tx,
    key: &BudgetKey,
    amount: Option<i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = Uuid::now_v7();
    let used = rollups::used(tx, key).await?;
    let inserted = with_tx!(&mut *tx, |c| {
        let open = sqlx::query(OPEN)
            .bind(id)
            .bind(key.scope.kind())
            .bind(key.scope.uuid());
        let open = open.bind(key.unit).bind(key.period).bind(key.start);
        let open = open.bind(amount).bind(used).bind(now);
        open.execute(c).await.map(|done| done.rows_affected())
    })?;
    if inserted == 1 && used != 0 {
        with_tx!(tx, |c| {
            let adjust = sqlx::query(ADJUST).bind(Uuid::now_v7()).bind(id).bind(used);
            adjust.bind(OPENED).bind(now).execute(c).await.map(|_| ())
        })?;
    }
    Ok(())
}
