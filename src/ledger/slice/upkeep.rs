//! What passes between a slice and the store: questions and answers, renewals, what is booked, and what
//! goes back.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::lease::Lease;
use super::tally::Tally;
use super::{Seen, Slice};
use crate::store::leases::{Answer, Return};

impl Slice {
    /// What calls that held something of `lease` were charged is on its way to the store.
    pub(in crate::ledger) fn booking(&mut self, lease: Uuid, charged: i64) {
        self.tally(lease).send(charged);
    }

    /// The same is in the store.
    pub(in crate::ledger) fn booked(&mut self, lease: Uuid, charged: i64) {
        self.tally(lease).book(charged);
        self.catch_up();
    }

    fn tally(&mut self, lease: Uuid) -> &mut Tally {
        if lease == self.lease.id {
            &mut self.lease.spent
        } else {
            &mut self.strays
        }
    }

    /// Brings what was seen up to date with what is known to be written.
    fn catch_up(&mut self) {
        let (charged, gone) = self.lease.catch_up();
        self.seen.used = self.seen.used.saturating_add(charged);
        self.seen.leased = self.seen.leased.saturating_sub(gone);
    }

    /// The store is about to be asked for room.
    pub(in crate::ledger) fn asking(&mut self) {
        self.lease.is_unsure = true;
        self.asked = self.strays.booked;
    }

    /// Whether the store has to be asked again, because its answer was not heard.
    pub(in crate::ledger) fn is_unsure(&self) -> bool {
        self.lease.is_unsure
    }

    /// What the store said to a question that was sent at `sent` by who knew edits up to `as_of`.
    pub(in crate::ledger) fn answered(
        &mut self,
        answer: &Answer,
        as_of: u64,
        sent: Instant,
        lasts: Duration,
    ) {
        self.is_refilling = false;
        if answer.lease != self.lease.id {
            return;
        }
        self.set_amount(answer.amount, as_of);
        let unasked = self.strays.charged.saturating_sub(self.asked);
        self.seen = Seen {
            used: answer.used.saturating_add(unasked),
            doubt: self.strays.sent.saturating_sub(self.asked),
            leased: answer.leased,
            suspect: answer.suspect,
            at: Some(sent),
        };
        self.lease.hear(answer, sent, lasts);
        self.catch_up();
        if answer.is_lost {
            self.lose(answer.lease);
        }
    }

    /// The store did not answer.
    pub(in crate::ledger) fn unanswered(&mut self) {
        self.is_refilling = false;
    }

    /// Whether its room may not be held any more before the lease is renewed.
    pub(in crate::ledger) fn is_overdue(&self, now: Instant) -> bool {
        self.is_leasing() && !self.lease.is_alive(now)
    }

    /// The store kept the lease alive, asked at `sent`.
    pub(in crate::ledger) fn renewed(&mut self, lease: Uuid, sent: Instant, lasts: Duration) {
        if lease == self.lease.id {
            self.lease.extend(sent, lasts);
        }
    }

    /// The store closed the lease: its room is gone, and the next one begins with nothing.
    pub(in crate::ledger) fn lose(&mut self, lease: Uuid) {
        if lease == self.lease.id {
            self.seen.used = self.used();
            self.strays.add(&self.lease.spent);
            self.lost.push(lease);
            self.lost_held = self.lost_held.saturating_add(self.lease.held);
            self.lease = Lease::new();
        }
    }

    /// The leases that were lost, once all that was spent from them is booked: what the store charged
    /// for them beyond that was for nothing.
    pub(in crate::ledger) fn spent_up(&self) -> &[Uuid] {
        let is_booked = self.lost_held == 0 && self.strays.unbooked() == 0;
        if is_booked { &self.lost } else { &[] }
    }

    /// What was charged for `leases` was given back.
    pub(in crate::ledger) fn refunded(&mut self, leases: &[Uuid]) {
        self.lost.retain(|lease| !leases.contains(lease));
    }

    /// Whether there is something that the store has to keep alive.
    pub(in crate::ledger) fn is_leasing(&self) -> bool {
        self.lease.balance.remaining.max(self.lease.held) > 0
    }

    /// Whether nothing would be lost with it.
    pub(in crate::ledger) fn is_blank(&self) -> bool {
        let kept = self.open.max(self.lease.balance.remaining);
        let unbooked = self.lease.unbooked().max(self.strays.unbooked());
        kept == 0 && unbooked == 0 && self.lost.is_empty() && !self.lease.is_unsure
    }

    /// Looks of the keeper since a call last held something; this one is counted.
    pub(in crate::ledger) fn look(&mut self) -> u32 {
        if self.open == 0 {
            self.idle = self.idle.saturating_add(1);
        }
        self.idle
    }

    /// Takes idle room above the limit out of memory, all of it where there is no limit any more.
    pub(in crate::ledger) fn trim(&mut self) -> Option<Return> {
        let excess = match self.amount {
            Some(_) => self
                .free()
                .saturating_add(self.lease.returning())
                .saturating_neg(),
            None => self.lease.room(),
        };
        self.lease.give_up(excess)
    }

    /// Takes all idle room out of memory.
    pub(in crate::ledger) fn empty(&mut self) -> Option<Return> {
        self.lease.give_up(self.lease.room())
    }

    /// The store has taken back what was given back in all.
    pub(in crate::ledger) fn taken_back(&mut self, returned: &Return) {
        if returned.lease == self.lease.id {
            self.lease.taken_back(returned.total);
            self.catch_up();
        }
    }
}
