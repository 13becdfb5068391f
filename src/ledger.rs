//! The ledger: what every call may use and what it did use. A call draws a [`Hold`] from every budget
//! that covers it, or from none, and settles it exactly once, whatever happens; settled calls are
//! written to the store in batches.
//!
//! One process owns the balances of its database; see [`crate::store::instance`].

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::limits::Limits;
use crate::domain::quota::{BudgetKey, Need, Period, Standing, Unit};
use crate::domain::tenant::ScopeId;
use crate::domain::time::{Clock, Timestamp};
use crate::store::events::Event;
use crate::store::{Db, StoreError, budgets};

mod budget;
mod flush;
mod hold;
mod refusals;
#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use hold::{Hold, Intent, Report};
pub use refusals::Refusals;

use budget::Draws;

/// The budgets that cover a scope's calls until the first of them starts anew.
pub struct Cover {
    until: Timestamp,
    budgets: Vec<Arc<Budget>>,
}

/// Why no hold was given.
#[derive(Debug)]
pub enum Shortage {
    /// Other calls hold what is left of this budget.
    Held(Arc<Budget>),
    /// There is not enough left in this budget, whatever those calls give back.
    Exhausted(Arc<Budget>),
    /// This budget is of money, and what the call costs is not known.
    Unpriced(Arc<Budget>),
    /// Too much waits to be written.
    Backlog,
}

/// See the module.
pub struct Ledger {
    db: Db,
    clock: Clock,
    budgets: Mutex<HashMap<BudgetKey, Arc<Budget>>>,
    /// Counts forgotten budgets: what was read from the store before is not to be trusted after.
    forgotten: AtomicU64,
    settled: flush::Settled,
    refusals: Arc<Refusals>,
}

/// Calls that may wait to be written while the store is away; about 500 bytes each.
const MOST_UNWRITTEN: usize = 500_000;

/// How long budgets may take to be read: a store that hangs counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often a hold is tried again when another call was faster between look and take.
const TRIES: usize = 8;

impl Ledger {
    /// A ledger that writes to `db`.
    pub fn new(db: Db, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            db,
            clock,
            budgets: Mutex::default(),
            forgotten: AtomicU64::new(0),
            settled: flush::Settled::default(),
            refusals: Arc::default(),
        })
    }

    /// The budgets of `scope`: one for each of its `limits`, and those whose limit was removed in
    /// this period, because their counting goes on. `as_of` orders reads of the same limits: what
    /// was read before an edit never replaces what was read after it.
    pub async fn cover(
        &self,
        scope: ScopeId,
        limits: &Limits,
        as_of: u64,
    ) -> Result<Arc<Cover>, StoreError> {
        loop {
            let before = self.forgotten.load(Ordering::Acquire);
            let now = self.clock.now();
            let reading = tokio::time::timeout(PATIENCE, self.rows(scope, limits, now)).await;
            let rows = reading.map_err(|late| StoreError::unavailable(&late))??;
            let mut kept = self.budgets.lock();
            if before == self.forgotten.load(Ordering::Acquire) {
                let ends = rows.iter().filter_map(|row| row.key.period.end(now));
                let until = ends.min().unwrap_or(Timestamp(i64::MAX));
                let budgets = rows
                    .into_iter()
                    .map(|row| row.enter(&mut kept, as_of))
                    .collect();
                return Ok(Arc::new(Cover { until, budgets }));
            }
        }
    }

    async fn rows(
        &self,
        scope: ScopeId,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Vec<Opened>, StoreError> {
        let mut rows = Vec::new();
        for limit in limits.budgets() {
            let key = BudgetKey::new(scope, limit.unit, limit.period, now);
            let row = budgets::open(&self.db, &key, Some(limit.amount), now).await?;
            rows.push(Opened {
                key,
                row,
                amount: Some(limit.amount),
            });
        }
        for (key, row, _) in budgets::current(&self.db, scope, now).await? {
            if rows.iter().all(|opened| opened.key != key) {
                rows.push(Opened {
                    key,
                    row,
                    amount: None,
                });
            }
        }
        Ok(rows)
    }

    /// Holds what `need` asks of every budget in `covers`. The output cap shrinks to a fair share
    /// before anything is refused.
    pub fn reserve(
        self: &Arc<Self>,
        intent: Intent,
        need: Need,
        covers: &[Arc<Cover>],
    ) -> Result<Hold, Shortage> {
        if self.settled.len() > MOST_UNWRITTEN {
            return Err(Shortage::Backlog);
        }
        let budgets = || covers.iter().flat_map(|cover| &cover.budgets);
        if let Some(budget) = budgets().find(|budget| budget.is_unpriced(&need)) {
            return Err(Shortage::Unpriced(Arc::clone(budget)));
        }
        let mut refused = None;
        for _ in 0..TRIES {
            let standings = budgets().filter_map(|budget| budget.standing());
            let cap = standings.map(|standing| need.cap_within(&standing)).min();
            let cap = cap.unwrap_or(need.cap);
            match draw(budgets(), &need, cap) {
                Ok(draws) => return Ok(Hold::new(self, intent, need, cap, draws)),
                Err(short) => refused = Some(short),
            }
            if let Some(exhausted) = budgets().find(|budget| budget.is_hopeless(&need)) {
                return Err(Shortage::Exhausted(Arc::clone(exhausted)));
            }
        }
        refused.map_or(Err(Shortage::Backlog), |short| Err(Shortage::Held(short)))
    }

    /// What is left of the tightest token budget of `covers`, if one limits tokens.
    pub fn least_left(covers: impl Iterator<Item = Arc<Cover>>) -> Option<i64> {
        let least = |cover: Arc<Cover>| {
            let standings = cover.standings();
            let tokens = standings.filter(|standing| standing.unit == Unit::Tokens);
            tokens.map(|standing| standing.left).min()
        };
        covers.filter_map(least).min()
    }

    /// Where calls that draw from no budget are counted.
    pub fn refusals(&self) -> Arc<Refusals> {
        Arc::clone(&self.refusals)
    }

    fn settle(&self, event: Event) {
        self.settled.push(event);
    }

    /// Forgets budgets that no cached key and no open hold refers to. Only what is written may be
    /// forgotten, so the writer calls it when nothing waits.
    fn forget_unused(&self) {
        let mut kept = self.budgets.lock();
        let before = kept.len();
        kept.retain(|_, budget| Arc::strong_count(budget) > 1);
        if kept.len() < before {
            self.forgotten.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Cover {
    /// No budget at all.
    pub fn none() -> Arc<Self> {
        Arc::new(Self {
            until: Timestamp(i64::MAX),
            budgets: Vec::new(),
        })
    }

    /// Whether a period has ended, so that the scope needs a new cover.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.until
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

/// A budget row as the store has it.
struct Opened {
    key: BudgetKey,
    row: budgets::BudgetRow,
    amount: Option<i64>,
}

impl Opened {
    /// The budget in memory, which knows more than the row, with the row's amount.
    fn enter(self, kept: &mut HashMap<BudgetKey, Arc<Budget>>, as_of: u64) -> Arc<Budget> {
        let fresh = || Arc::new(Budget::new(self.row.id, self.key, self.row.used));
        let budget = kept.entry(self.key).or_insert_with(fresh);
        budget.set_amount(self.amount, as_of);
        Arc::clone(budget)
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

/// Takes from all budgets or, giving back what was taken, names the one that is short.
fn draw<'a>(
    budgets: impl Iterator<Item = &'a Arc<Budget>>,
    need: &Need,
    cap: i64,
) -> Result<Draws, Arc<Budget>> {
    let mut draws = Draws::new();
    for budget in budgets {
        let amount = need.hold(budget.key.unit, cap);
        draws.push(budget.draw(amount).ok_or_else(|| Arc::clone(budget))?);
    }
    Ok(draws)
}
