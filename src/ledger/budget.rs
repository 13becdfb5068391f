//! One budget in memory: amount, used and held, changed together under one short lock.

use std::sync::Arc;

use parking_lot::Mutex;
use smallvec::SmallVec;
use uuid::Uuid;

use crate::domain::quota::{BudgetKey, Need, Standing, Unit};
use crate::domain::usage::Charge;

/// A budget row of the store, with what is not written yet.
#[derive(Debug)]
pub struct Budget {
    /// The row's id.
    pub row: Uuid,
    /// What it counts, for whom and since when.
    pub key: BudgetKey,
    balance: Mutex<Balance>,
}

#[derive(Debug)]
struct Balance {
    /// `None`: counted, not limited.
    amount: Option<i64>,
    /// Which read of the limits the amount is from.
    as_of: u64,
    used: i64,
    held: i64,
    open: i64,
}

/// What one call holds of one budget. Dropped, it goes back, and what was charged is used.
pub struct Draw {
    budget: Arc<Budget>,
    held: i64,
    charged: i64,
}

/// What one call holds of all budgets that cover it.
pub type Draws = SmallVec<[Draw; 2]>;

impl Budget {
    /// A budget of which `used` is written.
    pub fn new(row: Uuid, key: BudgetKey, used: i64) -> Self {
        let balance = Balance {
            amount: None,
            as_of: 0,
            used,
            held: 0,
            open: 0,
        };
        Self {
            row,
            key,
            balance: Mutex::new(balance),
        }
    }

    /// Applies an edit of the limit, unless a later one is known.
    pub fn set_amount(&self, amount: Option<i64>, as_of: u64) {
        let mut balance = self.balance.lock();
        if as_of >= balance.as_of {
            balance.amount = amount;
            balance.as_of = as_of;
        }
    }

    /// The limit, if there is one.
    pub fn amount(&self) -> Option<i64> {
        self.balance.lock().amount
    }

    /// What is used and what is held.
    pub fn used_and_held(&self) -> (i64, i64) {
        let balance = self.balance.lock();
        (balance.used, balance.held)
    }

    /// How it stands, if it limits anything.
    pub fn standing(&self) -> Option<Standing> {
        let balance = self.balance.lock();
        let amount = balance.amount?;
        Some(Standing {
            unit: self.key.unit,
            amount,
            left: balance.left(amount),
            open: balance.open,
        })
    }

    /// Whether a call that was refused could not run even if all holds were given back unused.
    pub fn is_hopeless(&self, need: &Need) -> bool {
        let balance = self.balance.lock();
        let amount = balance.amount;
        amount.is_some_and(|amount| need.is_hopeless(self.key.unit, amount, balance.used))
    }

    /// Whether it limits money, and the call has no price.
    pub fn is_unpriced(&self, need: &Need) -> bool {
        need.is_unpriced(self.key.unit) && self.amount().is_some()
    }

    /// Holds `wanted` if that much is left.
    pub fn draw(self: &Arc<Self>, wanted: i64) -> Option<Draw> {
        let mut balance = self.balance.lock();
        if balance
            .amount
            .is_some_and(|amount| wanted > balance.left(amount))
        {
            return None;
        }
        balance.held = balance.held.saturating_add(wanted);
        balance.open = balance.open.saturating_add(1);
        Some(Draw {
            budget: Arc::clone(self),
            held: wanted,
            charged: 0,
        })
    }

    fn give_back(&self, held: i64, charged: i64) {
        let mut balance = self.balance.lock();
        balance.held = balance.held.saturating_sub(held);
        balance.open -= 1;
        balance.used = balance.used.saturating_add(charged);
    }
}

impl Balance {
    fn left(&self, amount: i64) -> i64 {
        amount
            .saturating_sub(self.used)
            .saturating_sub(self.held)
            .max(0)
    }
}

impl Draw {
    /// The budget drawn from.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// What `charge`, which costs `cost_nano`, is in this budget's unit.
    pub fn amount(&self, charge: &Charge, cost_nano: i64) -> i64 {
        match self.budget.key.unit {
            Unit::Tokens => charge.tokens,
            Unit::Requests => charge.requests,
            Unit::NanoUsd => cost_nano,
        }
    }

    /// Charges `charged` in place of what was held.
    pub fn settle(mut self, charged: i64) {
        self.charged = charged;
    }
}

impl Drop for Draw {
    fn drop(&mut self) {
        self.budget.give_back(self.held, self.charged);
    }
}
