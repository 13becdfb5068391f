//! What a process does with its slice.

use std::collections::HashMap;

use super::*;
use crate::store::leases::{Answer, Return};

/// A process: its slice, its calls, and what is on its way to the store and back.
pub(super) struct Process {
    pub(super) slice: Slice,
    pub(super) open: Vec<(Uuid, i64)>,
    pub(super) outbox: Vec<Spent>,
    /// In the store, which was not heard yet.
    pub(super) leaving: (Vec<Spent>, Vec<Return>),
    pub(super) returns: HashMap<Uuid, Return>,
    /// What the store said, which was not heard yet.
    pub(super) answer: Option<Answer>,
}

impl Process {
    pub(super) fn new(store: &Store) -> Self {
        let mut slice = Slice::new(Unit::Tokens, 0);
        slice.set_amount(store.amount, 0);
        Self {
            slice,
            open: Vec::new(),
            outbox: Vec::new(),
            leaving: (Vec::new(), Vec::new()),
            returns: HashMap::new(),
            answer: None,
        }
    }

    pub(super) fn ask(&mut self, store: &mut Store, need: i64) {
        self.send(store, need);
        self.hear();
    }

    /// Asks; an earlier answer that was not heard never is.
    pub(super) fn send(&mut self, store: &mut Store, need: i64) {
        let now = Instant::now();
        if self.slice.is_overdue(now) {
            self.slice.renewed(self.slice.lease(), now, LASTS);
        }
        let before = store.amount.unwrap_or(i64::MAX);
        self.slice.asking();
        let answer = store.grant(self.slice.lease(), need);
        if answer.granted > 0 {
            assert!(store.used + store.leased() <= before, "I4");
        }
        self.answer = Some(answer);
    }

    pub(super) fn hear(&mut self) {
        let Some(answer) = self.answer.take() else {
            return;
        };
        let amount = self.slice.amount();
        self.slice.answered(&answer, 0, Instant::now(), LASTS);
        // Edits are numbered, which is tested by itself.
        self.slice.set_amount(amount, 0);
        let back = self.slice.trim();
        self.give(back);
    }

    pub(super) fn give(&mut self, back: Option<Return>) {
        self.returns.extend(back.map(|back| (back.lease, back)));
    }

    pub(super) fn take(&mut self, wanted: i64) -> bool {
        let Some(taken) = self.slice.take(wanted, Instant::now()) else {
            return false;
        };
        self.open.push((taken.lease, wanted));
        true
    }

    pub(super) fn settle(&mut self, which: usize, charged: i64) -> i64 {
        if self.open.is_empty() {
            return 0;
        }
        let (lease, held) = self.open.swap_remove(which % self.open.len());
        let spent = Spent {
            lease,
            held,
            charged,
        };
        self.slice.settle(spent);
        self.outbox.push(spent);
        (charged - held).max(0)
    }

    /// A call ends that was never sent.
    pub(super) fn abandon(&mut self, which: usize) {
        if !self.open.is_empty() {
            let (lease, held) = self.open.swap_remove(which % self.open.len());
            self.slice.give_back(lease, held);
        }
    }

    pub(super) fn empty(&mut self) {
        let back = self.slice.empty();
        self.give(back);
    }

    pub(super) fn flush(&mut self, store: &mut Store) {
        self.book(store);
        self.confirm();
    }

    /// One transaction; the one before is heard of first.
    pub(super) fn book(&mut self, store: &mut Store) {
        self.confirm();
        for spent in self.outbox.drain(..) {
            self.slice.booking(spent.lease, spent.charged);
            store.book(&spent);
            self.leaving.0.push(spent);
        }
        for (_, back) in self.returns.drain() {
            store.take_back(&back);
            // Saying it twice changes nothing.
            store.take_back(&back);
            self.leaving.1.push(back);
        }
    }

    pub(super) fn confirm(&mut self) {
        for spent in self.leaving.0.drain(..) {
            self.slice.booked(spent.lease, spent.charged);
        }
        for back in self.leaving.1.drain(..) {
            self.slice.taken_back(&back);
        }
    }

    pub(super) fn take_refunds(&mut self, store: &mut Store) {
        let leases = self.slice.spent_up().to_vec();
        for lease in &leases {
            store.refund(*lease);
        }
        self.slice.refunded(&leases);
    }

    /// What will be used if all open calls use what they hold.
    pub(super) fn used_at_last(&self, store: &Store) -> i64 {
        let mut store = store.clone();
        self.outbox.iter().for_each(|spent| store.book(spent));
        store.used + self.slice.held()
    }
}
