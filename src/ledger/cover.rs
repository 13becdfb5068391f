//! Which budgets cover a scope's calls: read when its key is looked up and when a period has ended.

use std::sync::Arc;
use std::time::Duration;

use super::Ledger;
use super::budget::Budget;
use crate::domain::limits::Limits;
use crate::domain::quota::{BudgetKey, Period, Standing, Unit};
use crate::domain::tenant::ScopeId;
use crate::domain::time::Timestamp;
use crate::store::{StoreError, budgets};

/// How long budgets may take to be read: a store that hangs counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// How late a call may come to its budgets, most of all for want of its body.
const LATE: Duration = Duration::from_mins(10);

/// The budgets that cover a scope's calls until the first of them starts anew.
pub struct Cover {
    from: Timestamp,
    until: Timestamp,
    budgets: Box<[Arc<Budget>]>,
}

/// A budget row as the store has it.
struct Opened {
    key: BudgetKey,
    row: budgets::BudgetRow,
    amount: Option<i64>,
}

impl Cover {
    /// One that is over before it begins, so that the first call reads the budgets.
    pub fn unread() -> Arc<Self> {
        Arc::new(Self {
            from: Timestamp(i64::MIN),
            until: Timestamp(i64::MIN),
            budgets: Box::default(),
        })
    }

    /// Whether a period has ended, so that the scope needs a new cover; or has not begun, because the
    /// clock had run ahead and was set right. A call from shortly before a period may still draw from it.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.until || now.plus(LATE) < self.from
    }

    /// How its limited budgets stand.
    pub fn standings(&self) -> impl Iterator<Item = Standing> {
        self.budgets.iter().filter_map(|budget| budget.standing())
    }

    /// Its budgets.
    pub fn budgets(&self) -> &[Arc<Budget>] {
        &self.budgets
    }
}

impl Ledger {
    /// The budgets of `scope`: one for each of its `limits`, and those whose limit was removed in
    /// this period, because their counting goes on. `as_of` orders reads of the same limits: what
    /// was read before an edit never replaces what was read after it.
    pub async fn cover(
        &self,
        scope: ScopeId,
        limits: &Limits,
        as_of: u64,
    ) -> Result<Arc<Cover>, StoreError> {
        let now = self.clock.now();
        let reading = tokio::time::timeout(PATIENCE, self.rows(scope, limits, now)).await;
        let rows = reading.map_err(|late| StoreError::unavailable(&late))??;
        let ends = rows.iter().filter_map(|row| row.key.period.end(now));
        let until = ends.min().unwrap_or(Timestamp(i64::MAX));
        let starts = rows.iter().map(|row| row.key.start);
        let from = starts.max().unwrap_or(Timestamp(i64::MIN));
        let budgets = rows.iter().map(|row| self.enter(row, as_of)).collect();
        Ok(Arc::new(Cover {
            from,
            until,
            budgets,
        }))
    }

    async fn rows(
        &self,
        scope: ScopeId,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Vec<Opened>, StoreError> {
        for limit in limits.budgets() {
            let key = BudgetKey::new(scope, limit.unit, limit.period, now);
            budgets::open(&self.db, &key, Some(limit.amount), now).await?;
        }
        let current = budgets::current(&self.db, scope, now).await?;
        let opened = |(key, row, amount)| Opened { key, row, amount };
        Ok(current.into_iter().map(opened).collect())
    }

    /// The budget in memory, which knows more than the row, with the row's amount.
    fn enter(&self, opened: &Opened, as_of: u64) -> Arc<Budget> {
        let fresh = || Arc::new(Budget::new(opened.row.id, opened.key, opened.row.used));
        let budget = {
            let mut kept = self.budgets.lock();
            Arc::clone(kept.entry(opened.row.id).or_insert_with(fresh))
        };
        let back = budget.set_amount(opened.amount, as_of);
        self.outbox.give_back(&budget, back);
        budget
    }
}

impl BudgetKey {
    fn new(scope: ScopeId, unit: Unit, period: Period, now: Timestamp) -> Self {
        Self {
            scope,
            unit,
            period,
            start: period.start(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_holds_from_its_periods_start_to_its_end() {
        let at = |minutes: u64| Timestamp(0).plus(Duration::from_mins(minutes));
        let cover = Cover {
            from: at(1000),
            until: at(2000),
            budgets: Box::default(),
        };
        assert!(!cover.is_over(at(1000)) && !cover.is_over(at(1999)));
        assert!(cover.is_over(at(2000)));
        assert!(!cover.is_over(at(995)), "a call that came before midnight");
        assert!(cover.is_over(at(900)), "the clock had run ahead");
    }
}
