//! The part of one budget that this process has leased, as arithmetic. What calls hold comes out of
//! the room that was granted, so no number of processes and calls can pass the limit; what they do
//! not use is room again.
//!
//! Nothing that is read from the store replaces what is known here: what it says is how things stood
//! at one moment, and what calls hold and were charged since then is always added to that. So an
//! answer changes nothing by coming early, late, or while calls are booked.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::domain::quota::{Need, Standing, Unit};

mod lease;
mod tally;
#[cfg(test)]
mod tests;
mod upkeep;
mod verdict;

pub(super) use verdict::Verdict;

use lease::Lease;
use tally::Tally;

/// A lease life is 60 s in the store; holds stop earlier, counted from before it was asked for.
pub(super) const HOLDS_FOR: Duration = Duration::from_secs(48);

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    unit: Unit,
    /// `None`: counted, not limited.
    amount: Option<i64>,
    /// Which reading of the limits the amount is from.
    as_of: u64,
    lease: Lease,
    /// Calls that hold something of the budget.
    open: i64,
    /// What calls were charged that held nothing of the lease: of an earlier one, or of none.
    strays: Tally,
    /// Leases that the store closed, and may have charged for what this process did not spend.
    lost: Vec<Uuid>,
    /// What calls still hold of them.
    lost_held: i64,
    /// Of what strays were charged, what the store knew before it was last asked.
    asked: i64,
    seen: Seen,
    /// Whether a refill is on its way.
    is_refilling: bool,
    /// When others were asked for their idle room.
    recalled: Option<Instant>,
    /// Looks of the keeper since a call last held something.
    idle: u32,
}

/// How the budget stood in the store when it was last seen there, with what is known to be written
/// there since.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// What strays are charged is in it at once.
    used: i64,
    /// Of that, what strays may be counted for twice: it was on its way when the store was asked.
    doubt: i64,
    /// Of all leases, this process's included.
    leased: i64,
    suspect: i64,
    /// When the store was asked, which is before it looked.
    at: Option<Instant>,
}

/// What a call took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Nil where nothing is limited.
    pub(super) lease: Uuid,
    /// Whether a refill has to be asked for.
    pub(super) is_low: bool,
}

/// What an ended call held of a budget, and what it is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) lease: Uuid,
    pub(super) held: i64,
    pub(super) charged: i64,
}

impl Slice {
    /// Nothing is leased; `used` is what was read.
    pub(super) fn new(unit: Unit, used: i64) -> Self {
        Self {
            unit,
            amount: None,
            as_of: 0,
            lease: Lease::new(),
            open: 0,
            strays: Tally::default(),
            lost: Vec::new(),
            lost_held: 0,
            asked: 0,
            seen: Seen {
                used,
                ..Seen::default()
            },
            is_refilling: false,
            recalled: None,
            idle: 0,
        }
    }

    pub(super) fn lease(&self) -> Uuid {
        self.lease.id
    }

    pub(super) fn amount(&self) -> Option<i64> {
        self.amount
    }

    pub(super) fn held(&self) -> i64 {
        self.lease.held
    }

    /// Calls that hold something of it.
    pub(super) fn open(&self) -> i64 {
        self.open
    }

    /// Applies an edit of the limit, unless a later one is known.
    pub(super) fn set_amount(&mut self, amount: Option<i64>, as_of: u64) {
        if as_of >= self.as_of {
            self.amount = amount;
            self.as_of = as_of;
        }
    }

    /// How it stands, if it limits anything.
    pub(super) fn standing(&self) -> Option<Standing> {
        Some(Standing {
            unit: self.unit,
            amount: self.amount?,
            left: self.left(),
            open: self.open,
        })
    }

    /// What is neither used, nor held here, nor leased by others, as far as is known.
    fn left(&self) -> i64 {
        let own = self.lease.room().saturating_add(self.lease.returning());
        own.saturating_add(self.free()).max(0)
    }

    /// What is used: in the store, and by calls of this process that are not there yet.
    fn used(&self) -> i64 {
        self.seen.used.saturating_add(self.lease.unbooked())
    }

    /// What the store can grant, as last seen; negative after the limit was lowered. Calls that are
    /// not there yet do not count: they take from the room, which they may leave in debt.
    pub(super) fn free(&self) -> i64 {
        let amount = self.amount.unwrap_or(i64::MAX);
        let taken = self.seen.used.saturating_add(self.seen.leased);
        amount.saturating_sub(taken)
    }

    /// What may be held without asking.
    fn usable(&self, now: Instant) -> i64 {
        if self.lease.is_alive(now) {
            self.lease.room().min(self.left())
        } else {
            0
        }
    }

    /// How much more has to be granted for `wanted`; `None` if it can be held now.
    pub(super) fn shortfall(&self, wanted: i64, now: Instant) -> Option<i64> {
        self.amount?;
        if wanted <= self.usable(now) {
            return None;
        }
        Some(self.missing(wanted))
    }

    /// How much more than the idle room `wanted` is; a debt is made up for with it.
    pub(super) fn missing(&self, wanted: i64) -> i64 {
        wanted.saturating_sub(self.lease.room()).max(0)
    }

    /// Whether the store was seen at `since` or later.
    pub(super) fn was_seen(&self, since: Instant) -> bool {
        self.seen.at.is_some_and(|at| at >= since)
    }

    /// Holds all that `need` asks if it is there and leaves a share to others.
    pub(super) fn take_freely(&mut self, need: &Need, now: Instant) -> Option<Taken> {
        if let Some(standing) = self.standing()
            && need.cap_within(&standing) < need.cap
        {
            return None;
        }
        self.take(need.hold(self.unit, need.cap), now)
    }

    /// Holds `wanted` if that much is there.
    pub(super) fn take(&mut self, wanted: i64, now: Instant) -> Option<Taken> {
        let is_limited = self.amount.is_some();
        if is_limited {
            if wanted > self.usable(now) {
                return None;
            }
            self.lease.hold(wanted);
        }
        self.open = self.open.saturating_add(1);
        self.idle = 0;
        Some(Taken {
            lease: if is_limited {
                self.lease.id
            } else {
                Uuid::nil()
            },
            is_low: is_limited && self.wants_refill(),
        })
    }

    /// Whether more should be granted before it runs out; then a refill counts as asked for.
    fn wants_refill(&mut self) -> bool {
        let wants = self.lease.is_low() && !self.is_refilling && self.free() > 0;
        self.is_refilling |= wants;
        wants
    }

    /// Ends a hold of a call that was never sent.
    pub(super) fn give_back(&mut self, lease: Uuid, held: i64) {
        self.settle(Spent {
            lease,
            held,
            charged: 0,
        });
    }

    /// Ends a hold: what was charged is spent, and what it did not use is room again.
    pub(super) fn settle(&mut self, spent: Spent) {
        self.open = self.open.saturating_sub(1);
        if spent.lease == self.lease.id {
            self.lease.release(spent.held, spent.charged);
        } else {
            // No lease of ours covers it: booked, it adds to what is used and takes from none.
            if self.lost.contains(&spent.lease) {
                self.lost_held = self.lost_held.saturating_sub(spent.held);
            }
            self.strays.charge(spent.charged);
            self.seen.used = self.seen.used.saturating_add(spent.charged);
        }
    }

    #[cfg(test)]
    pub(super) fn used_and_held(&self) -> (i64, i64) {
        (self.used(), self.lease.held)
    }
}
