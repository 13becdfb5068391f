//! Slices of several processes against a store of plain integers.

use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::store::leases::{Answer, Balance, Return};

mod histories;
mod races;

const LASTS: Duration = Duration::from_secs(48);

fn need(prompt: i64, cap: i64) -> Need {
    Need {
        prompt,
        choices: 1,
        cap,
        price: None,
    }
}

/// A store with one budget.
#[derive(Clone)]
struct Store {
    amount: Option<i64>,
    used: i64,
    live: i64,
    leases: BTreeMap<Uuid, Row>,
}

#[derive(Clone, Default)]
struct Row {
    balance: Balance,
    /// What closing it charged and no event has taken from yet.
    charged: Option<i64>,
}

impl Store {
    fn new(amount: i64, live: i64) -> Self {
        Self {
            amount: Some(amount),
            used: 0,
            live,
            leases: BTreeMap::new(),
        }
    }

    fn leased(&self) -> i64 {
        let left = self.leases.values().map(|row| row.balance.remaining);
        left.sum()
    }

    fn grant(&mut self, lease: Uuid, need: i64) -> Answer {
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

    fn book(&mut self, spent: &Spent) {
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

    fn take_back(&mut self, back: &Return) {
        let Some(row) = self.leases.get_mut(&back.lease) else {
            return;
        };
        let fresh = (back.total - row.balance.returned).max(0);
        row.balance.returned += fresh;
        row.balance.remaining -= fresh.min(row.balance.remaining);
    }

    /// What happens to a lease whose process was away for too long.
    fn charge(&mut self, lease: Uuid) {
        if let Some(row) = self.leases.get_mut(&lease)
            && row.charged.is_none()
        {
            row.charged = Some(std::mem::take(&mut row.balance.remaining));
            self.used += row.charged.unwrap_or_default();
        }
    }

    /// What no event took of that goes back.
    fn refund(&mut self, lease: Uuid) {
        let row = self.leases.get_mut(&lease);
        let left = row.and_then(|row| row.charged.as_mut());
        self.used -= left.map(std::mem::take).unwrap_or_default();
    }
}

/// A process: its slice, its calls, and what is on its way to the store and back.
struct Process {
    slice: Slice,
    open: Vec<(Uuid, i64)>,
    outbox: Vec<Spent>,
    /// In the store, which was not heard yet.
    leaving: (Vec<Spent>, Vec<Return>),
    returns: HashMap<Uuid, Return>,
    /// What the store said, which was not heard yet.
    answer: Option<Answer>,
}

impl Process {
    fn new(store: &Store) -> Self {
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

    fn ask(&mut self, store: &mut Store, need: i64) {
        self.send(store, need);
        self.hear();
    }

    /// Asks; an earlier answer that was not heard never is.
    fn send(&mut self, store: &mut Store, need: i64) {
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

    fn hear(&mut self) {
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

    fn give(&mut self, back: Option<Return>) {
        self.returns.extend(back.map(|back| (back.lease, back)));
    }

    fn take(&mut self, wanted: i64) -> bool {
        let Some(taken) = self.slice.take(wanted, Instant::now()) else {
            return false;
        };
        self.open.push((taken.lease, wanted));
        true
    }

    fn settle(&mut self, which: usize, charged: i64) -> i64 {
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
    fn abandon(&mut self, which: usize) {
        if !self.open.is_empty() {
            let (lease, held) = self.open.swap_remove(which % self.open.len());
            self.slice.give_back(lease, held);
        }
    }

    fn empty(&mut self) {
        let back = self.slice.empty();
        self.give(back);
    }

    fn flush(&mut self, store: &mut Store) {
        self.book(store);
        self.confirm();
    }

    /// One transaction; the one before is heard of first.
    fn book(&mut self, store: &mut Store) {
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

    fn confirm(&mut self) {
        for spent in self.leaving.0.drain(..) {
            self.slice.booked(spent.lease, spent.charged);
        }
        for back in self.leaving.1.drain(..) {
            self.slice.taken_back(&back);
        }
    }

    fn take_refunds(&mut self, store: &mut Store) {
        let leases = self.slice.spent_up().to_vec();
        for lease in &leases {
            store.refund(*lease);
        }
        self.slice.refunded(&leases);
    }

    /// What will be used if all open calls use what they hold.
    fn used_at_last(&self, store: &Store) -> i64 {
        let mut store = store.clone();
        self.outbox.iter().for_each(|spent| store.book(spent));
        store.used + self.slice.held()
    }
}

#[test]
fn what_was_charged_for_a_lost_lease_is_asked_back_when_all_that_it_paid_for_is_booked() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 600);
    assert!(process.take(100));
    let lost = process.slice.lease();
    store.charge(lost);
    process.slice.lose(lost);
    assert!(process.slice.spent_up().is_empty(), "a call holds of it");
    process.settle(0, 70);
    assert!(process.slice.spent_up().is_empty(), "it is not booked");
    process.flush(&mut store);
    assert_eq!((process.slice.spent_up(), store.used), (&[lost][..], 600));
    process.take_refunds(&mut store);
    assert_eq!((process.slice.spent_up(), store.used), (&[][..], 70));
}

#[test]
fn what_a_call_does_not_use_is_room_again() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 600);
    assert!(process.take(600));
    assert!(!process.take(1), "nothing is left of the grant");
    process.settle(0, 70);
    assert!(process.take(530));
    assert_eq!(process.slice.used_and_held(), (70, 530));
}

#[test]
fn a_missed_answer_is_made_good_by_the_next() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.send(&mut store, 400);
    assert!(!process.take(1));
    process.ask(&mut store, 100);
    assert!(process.take(750));
}

#[test]
fn room_that_was_granted_unheard_can_be_held_when_nothing_else_is_free() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.send(&mut store, 1000);
    process.ask(&mut store, 1000);
    assert!(!process.take(1), "nobody kept it alive");
    process.ask(&mut store, 0);
    assert!(process.take(1000));
}

#[test]
fn nothing_is_held_from_a_lease_that_nobody_kept_alive() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 500);
    let later = Instant::now() + LASTS + Duration::from_secs(1);
    assert_eq!(process.slice.take(1, later), None);
    let lease = process.slice.lease();
    process.slice.renewed(lease, later, LASTS);
    assert!(process.slice.take(1, later).is_some());
}

#[test]
fn an_amount_read_before_an_edit_never_replaces_one_read_after_it() {
    let mut slice = Slice::new(Unit::Tokens, 0);
    slice.set_amount(Some(200), 2);
    slice.set_amount(Some(100), 1);
    assert_eq!(slice.amount(), Some(200));
    slice.set_amount(None, 2);
    assert_eq!(slice.amount(), None);
}

#[test]
fn room_above_a_lowered_limit_goes_back() {
    let mut store = Store::new(10_000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 5000);
    process.take(1000);
    process.slice.set_amount(Some(3000), 1);
    let back = process.slice.trim();
    assert_eq!(back.map(|back| back.total), Some(2000));
    assert!(process.take(2000) && !process.take(1));
}

#[test]
fn room_that_is_held_is_told_from_room_that_is_used_up() {
    let mut store = Store::new(300, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 300);
    process.take(200);
    process.ask(&mut store, 100);
    assert_eq!(process.slice.verdict(&need(100, 100)), Verdict::Held);
    process.settle(0, 150);
    process.ask(&mut store, 100);
    assert_eq!(process.slice.verdict(&need(100, 100)), Verdict::Hopeless);
}

#[test]
fn what_calls_used_beyond_their_holds_counts_before_it_is_booked() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 150);
    assert!(process.take(150));
    process.settle(0, 910);
    process.ask(&mut store, 0);
    assert!(!process.take(1), "the store knows nothing of it, and lends");
    assert_eq!(process.slice.standing().unwrap().left, 90);
    assert_eq!(process.slice.verdict(&need(80, 128)), Verdict::Hopeless);
    process.ask(&mut store, process.slice.missing(90));
    assert!(process.take(90) && !process.take(1));
    process.flush(&mut store);
    process.ask(&mut store, 1);
    assert!(!process.take(1));
}

#[test]
fn an_answer_from_before_a_booking_changes_nothing_after_it() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 150);
    assert!(process.take(150));
    process.send(&mut store, 1);
    process.settle(0, 910);
    process.flush(&mut store);
    process.hear();
    assert_eq!(process.slice.used_and_held(), (910, 0));
    assert_eq!(process.slice.standing().unwrap().left, 90);
    assert!(!process.take(1), "what was granted is spent");
    process.ask(&mut store, 90);
    assert!(process.take(90));
}

#[test]
fn what_is_booked_and_not_heard_of_is_not_counted_twice() {
    let mut store = Store::new(300, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 300);
    process.take(100);
    process.settle(0, 100);
    process.book(&mut store);
    process.ask(&mut store, 0);
    assert_eq!(process.slice.used_and_held(), (100, 0));
    process.confirm();
    assert_eq!(process.slice.used_and_held(), (100, 0));
    assert!(process.take(200) && !process.take(1));
}

#[test]
fn what_strays_may_have_booked_already_refuses_nothing_for_good() {
    let mut store = Store::new(300, 1);
    store.amount = None;
    let mut process = Process::new(&store);
    assert!(process.take(100), "there is no limit");
    process.settle(0, 100);
    store.amount = Some(300);
    process.slice.set_amount(store.amount, 0);
    process.book(&mut store);
    process.ask(&mut store, 200);
    assert!(!process.take(101) && process.take(100));
    assert_eq!(process.slice.verdict(&need(100, 100)), Verdict::Soon);
    process.flush(&mut store);
    process.ask(&mut store, 100);
    assert_eq!(process.slice.verdict(&need(100, 101)), Verdict::Hopeless);
    assert!(process.take(100) && !process.take(1));
}

#[test]
fn room_of_other_processes_may_come_back_soon() {
    let mut store = Store::new(1000, 2);
    let (mut one, mut two) = (Process::new(&store), Process::new(&store));
    one.ask(&mut store, 900);
    two.ask(&mut store, 500);
    assert_eq!(two.slice.verdict(&need(250, 250)), Verdict::Soon);
    assert!(two.slice.is_recall_due(LASTS) && !two.slice.is_recall_due(LASTS));
    one.empty();
    one.flush(&mut store);
    two.ask(&mut store, 500);
    assert!(two.take(500));
}

#[test]
fn a_cap_shrinks_rather_than_take_more_than_its_share() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 1000);
    let now = Instant::now();
    assert_eq!(process.slice.take_freely(&need(100, 16_384), now), None);
    assert!(process.slice.take_freely(&need(100, 400), now).is_some());
}
