//! The store, as plain integers.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::Spent;
use crate::store::leases::{Answer, Balance, Return};

/// A store with one budget.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) amount: Option<i64>,
    pub(super) used: i64,
    pub(super) live: i64,
    pub(super) leases: BTreeMap<Uuid, Row>,
}

#[derive(Clone, Default)]
pub(super) struct Row {
    pub(super) balance: Balance,
    /// What closing it charged and no event has taken from yet.
    pub(super) charged: Option<i64>,
}

impl Store {
    pub(super) fn new(amount: i64, live: i64) -> Self {
        Self {
            amount: Some(amount),
            used: 0,
            live,
            leases: BTreeMap::new(),
        }
    }

    pub(super) fn leased(&self) -> i64 {
        let left = self.leases.values().map(|row| row.balance.remaining);
        left.sum()
    }

    pub(super) fn grant(&mut self, lease: Uuid, need: i64) -> Answer {
        let free = self
            .amount
            .map_or(0, |amount| amount - self.used - self.leased());
        let row = self.leases.entry(lease).or_default();
        let is_lost = row.charged.is_some();
        let fits = !is_lost && free >= need && free > 0;
        let granted = if fits {
            (free / (2 * self.live)).clamp(need, free)
        } else {
            0
        };
        row.balance.remaining += granted;
        Answer {
            lease,
            budget: Uuid::nil(),
            granted,
            balance: row.balance,
            amount: self.amount,
            used: self.used,
            leased: self.leased(),
            suspect: 0,
            is_lost,
        }
    }

    pub(super) fn book(&mut self, spent: &Spent) {
        self.used += spent.charged;
        let Some(row) = self.leases.get_mut(&spent.lease) else {
            return;
        };
        if let Some(left) = &mut row.charged {
            let taken = spent.charged.min(*left);
            *left -= taken;
            self.used -= taken;
        } else {
            row.balance.charged += spent.charged;
            row.balance.remaining -= spent.charged.min(row.balance.remaining);
        }
    }

    pub(super) fn take_back(&mut self, back: &Return) {
        let Some(row) = self.leases.get_mut(&back.lease) else {
            return;
        };
        let fresh = (back.total - row.balance.returned).max(0);
        row.balance.returned += fresh;
        row.balance.remaining -= fresh.min(row.balance.remaining);
    }

    /// What happens to a lease whose process was away for too long.
    pub(super) fn charge(&mut self, lease: Uuid) {
        if let Some(row) = self.leases.get_mut(&lease)
            && row.charged.is_none()
        {
            row.charged = Some(std::mem::take(&mut row.balance.remaining));
            self.used += row.charged.unwrap_or_default();
        }
    }

    /// What no event took of that goes back.
    pub(super) fn refund(&mut self, lease: Uuid) {
        let row = self.leases.get_mut(&lease);
        let left = row.and_then(|row| row.charged.as_mut());
        self.used -= left.map(std::mem::take).unwrap_or_default();
    }
}
