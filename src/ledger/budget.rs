//! One budget in memory, and what calls draw from it: changed under one short lock, without asking
//! the store.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use uuid::Uuid;

use super::journal::{Closing, Drawn};
use super::slice::{Slice, Spent, Taken};
use crate::domain::quota::{BudgetKey, Need, Standing};
use crate::store::leases::Return;

/// A budget row of the store, as far as this process takes part in it.
#[derive(Debug)]
pub struct Budget {
    /// The row's id.
    pub row: Uuid,
    /// What it counts, for whom and since when.
    pub key: BudgetKey,
    slice: Mutex<Slice>,
}

/// What one call holds of all budgets that cover it. Dropped, it goes back.
#[derive(Default)]
pub struct Draws(SmallVec<[Draw; 4]>);

struct Draw {
    budget: Arc<Budget>,
    taken: Taken,
    held: i64,
}

impl Budget {
    /// A budget of which `used` is booked.
    pub fn new(row: Uuid, key: BudgetKey, used: i64) -> Self {
        let slice = Mutex::new(Slice::new(key.unit, used));
        Self { row, key, slice }
    }

    /// The limit, if there is one.
    pub fn amount(&self) -> Option<i64> {
        self.slice().amount()
    }

    /// How it stands, if it limits anything.
    pub fn standing(&self) -> Option<Standing> {
        self.slice().standing()
    }

    /// Whether it limits money, and the call has no price.
    pub fn is_unpriced(&self, need: &Need) -> bool {
        need.is_unpriced(self.key.unit) && self.amount().is_some()
    }

    pub(super) fn slice(&self) -> MutexGuard<'_, Slice> {
        self.slice.lock()
    }

    /// Applies an edit of the limit; answers room that has to go back.
    pub(super) fn set_amount(&self, amount: Option<i64>, as_of: u64) -> Option<Return> {
        let mut slice = self.slice();
        slice.set_amount(amount, as_of);
        slice.trim()
    }
}

impl Draws {
    /// Takes `need` in full from all `budgets`, or nothing.
    pub(super) fn take_freely<'a>(
        budgets: impl Iterator<Item = &'a Arc<Budget>>,
        need: &Need,
        now: Instant,
    ) -> Option<Self> {
        let mut draws = Self::default();
        for budget in budgets {
            let taken = budget.slice().take_freely(need, now)?;
            draws.add(budget, taken, need.hold(budget.key.unit, need.cap));
        }
        Some(draws)
    }

    /// Takes what `need` holds with `cap` from all `budgets`, or nothing.
    pub(super) fn take<'a>(
        budgets: impl Iterator<Item = &'a Arc<Budget>>,
        need: &Need,
        cap: i64,
        now: Instant,
    ) -> Option<Self> {
        let mut draws = Self::default();
        for budget in budgets {
            let held = need.hold(budget.key.unit, cap);
            let taken = budget.slice().take(held, now)?;
            draws.add(budget, taken, held);
        }
        Some(draws)
    }

    fn add(&mut self, budget: &Arc<Budget>, taken: Taken, held: i64) {
        let budget = Arc::clone(budget);
        self.0.push(Draw {
            budget,
            taken,
            held,
        });
    }

    /// What the journal keeps of them.
    pub(super) fn drawn(&self) -> SmallVec<[Drawn; 4]> {
        let drawn = |draw: &Draw| Drawn {
            budget: draw.budget.row,
            lease: Some(draw.taken.lease).filter(|lease| !lease.is_nil()),
            unit: draw.budget.key.unit,
            held: draw.held,
        };
        self.0.iter().map(drawn).collect()
    }

    /// The budgets that ran low by it.
    pub(super) fn low(&self) -> impl Iterator<Item = &Arc<Budget>> {
        let low = self.0.iter().filter(|draw| draw.taken.is_low);
        low.map(|draw| &draw.budget)
    }

    /// Ends them: what `closing` charges is spent.
    pub(super) fn settle(mut self, closing: &Closing) {
        for draw in self.0.drain(..) {
            draw.budget.slice().settle(Spent {
                lease: draw.taken.lease,
                held: draw.held,
                charged: closing.charged(draw.budget.key.unit),
            });
        }
    }
}

impl Drop for Draws {
    fn drop(&mut self) {
        for draw in self.0.drain(..) {
            draw.budget.slice().give_back(draw.taken.lease, draw.held);
        }
    }
}
