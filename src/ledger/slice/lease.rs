//! A lease of one budget: granted by the store in portions, held by calls, spent, and given back.
//! What is spent and given back is counted as totals, here and in the store: an answer that was read
//! before something was booked is told from one that was read after it, an answer that was missed is
//! made good by the next, and saying twice what goes back changes nothing.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::tally::Tally;
use crate::store::leases::{Answer, Balance, Return};

/// See the module. A lost one is replaced; calls that hold something of it charge it still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) id: Uuid,
    /// How it stands in the store: as last seen, with what is known to be written there since.
    pub(super) balance: Balance,
    /// What calls hold.
    pub(super) held: i64,
    /// What calls were charged that held something of it.
    pub(super) spent: Tally,
    /// All that was ever given back.
    returned: i64,
    /// Of that, what the store is known to have.
    taken_back: i64,
    last_grant: i64,
    /// Until when it may be held from; `None` before a grant or a renewal was heard of.
    until: Option<Instant>,
    /// Whether the store may have granted something that was not heard of.
    pub(super) is_unsure: bool,
}

impl Lease {
    /// Nothing is granted yet.
    pub(super) fn new() -> Self {
        Self {
            id: Uuid::now_v7(),
            balance: Balance::default(),
            held: 0,
            spent: Tally::default(),
            returned: 0,
            taken_back: 0,
            last_grant: 0,
            until: None,
            is_unsure: false,
        }
    }

    /// Granted, and neither held, spent nor given back. Negative if calls were charged more than
    /// they held and there was: what is granted next makes up for that first.
    pub(super) fn room(&self) -> i64 {
        let gone = [self.held, self.unbooked(), self.returning()];
        let remaining = self.balance.remaining;
        gone.into_iter().fold(remaining, i64::saturating_sub)
    }

    /// Charged to it, and not in its balance.
    pub(super) fn unbooked(&self) -> i64 {
        self.spent.charged.saturating_sub(self.balance.charged)
    }

    /// Given back, and not out of its balance.
    pub(super) fn returning(&self) -> i64 {
        self.returned.saturating_sub(self.balance.returned)
    }

    /// Whether it may be held from at `now`.
    pub(super) fn is_alive(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Whether it runs low, by what was granted last.
    pub(super) fn is_low(&self) -> bool {
        self.room() < self.last_grant / 2
    }

    pub(super) fn hold(&mut self, wanted: i64) {
        self.held = self.held.saturating_add(wanted);
    }

    /// Ends a hold that was charged `charged`: what it did not use is room again.
    pub(super) fn release(&mut self, held: i64, charged: i64) {
        self.held = self.held.saturating_sub(held);
        self.spent.charge(charged);
    }

    /// What the store said when it was asked at `sent`.
    pub(super) fn hear(&mut self, answer: &Answer, sent: Instant, lasts: Duration) {
        self.is_unsure = false;
        self.balance = answer.balance;
        if answer.granted > 0 {
            self.last_grant = answer.granted;
            self.extend(sent, lasts);
        }
    }

    /// The store keeps it alive, and was asked to at `sent`.
    pub(super) fn extend(&mut self, sent: Instant, lasts: Duration) {
        self.until = self.until.max(sent.checked_add(lasts));
    }

    /// Takes as much of `excess` out of memory as is idle.
    pub(super) fn give_up(&mut self, excess: i64) -> Option<Return> {
        let back = excess.clamp(0, self.room().max(0));
        self.returned = self.returned.saturating_add(back);
        (back > 0).then_some(Return {
            lease: self.id,
            total: self.returned,
        })
    }

    /// The store has taken `total` back.
    pub(super) fn taken_back(&mut self, total: i64) {
        self.taken_back = self.taken_back.max(total);
    }

    /// Brings the balance up to date with what is known to be written, as the store does that:
    /// what is charged comes out of what is left, then what goes back. Answers what was charged
    /// and by how much less is left.
    pub(super) fn catch_up(&mut self) -> (i64, i64) {
        let balance = &mut self.balance;
        let before = balance.remaining;
        let charged = self.spent.booked.saturating_sub(balance.charged).max(0);
        let back = self.taken_back.saturating_sub(balance.returned).max(0);
        balance.charged = balance.charged.saturating_add(charged);
        balance.returned = balance.returned.saturating_add(back);
        let gone = charged.saturating_add(back);
        balance.remaining = before.saturating_sub(gone).max(0);
        (charged, before.saturating_sub(balance.remaining))
    }
}
