//! Slices of several processes against a store of plain integers.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;
use crate::store::leases::{Answer, Return};

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
struct Store {
    amount: Option<i64>,
    used: i64,
    live: i64,
    leases: BTreeMap<Uuid, Row>,
}

#[derive(Default)]
struct Row {
    granted: i64,
    returned: i64,
    remaining: i64,
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
        self.leases.values().map(|row| row.remaining).sum()
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
        row.granted += granted;
        row.remaining += granted;
        Answer {
            lease,
            budget: Uuid::nil(),
            granted,
            total: row.granted,
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
            row.remaining -= spent.charged.min(row.remaining);
        }
    }

    fn take_back(&mut self, back: &Return) {
        let Some(row) = self.leases.get_mut(&back.lease) else {
            return;
        };
        let fresh = (back.total - row.returned).max(0);
        row.returned += fresh;
        row.remaining -= fresh.min(row.remaining);
    }

    /// What happens to a lease whose process was away for too long.
    fn charge(&mut self, lease: Uuid) {
        if let Some(row) = self.leases.get_mut(&lease)
            && row.charged.is_none()
        {
            row.charged = Some(std::mem::take(&mut row.remaining));
            self.used += row.charged.unwrap_or_default();
        }
    }
}

/// A process: its slice, its calls, and what it has not written yet.
struct Process {
    slice: Slice,
    open: Vec<(Uuid, i64)>,
    outbox: Vec<Spent>,
    returns: HashMap<Uuid, Return>,
}

impl Process {
    fn new(store: &Store) -> Self {
        let mut slice = Slice::new(Unit::Tokens, 0);
        slice.set_amount(store.amount, 0);
        Self {
            slice,
            open: Vec::new(),
            outbox: Vec::new(),
            returns: HashMap::new(),
        }
    }

    fn ask(&mut self, store: &mut Store, need: i64, is_heard: bool) {
        let before = store.amount.unwrap_or(i64::MAX);
        let answer = store.grant(self.slice.lease(), need);
        if answer.granted > 0 {
            assert!(store.used + store.leased() <= before, "I4");
        }
        if is_heard {
            self.slice.answered(&answer, 0, Instant::now(), LASTS);
            let back = self.slice.trim();
            self.give(back);
        }
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

    fn flush(&mut self, store: &mut Store) {
        for spent in self.outbox.drain(..) {
            self.slice.booking(spent.charged);
            store.book(&spent);
            self.slice.booked(spent.charged);
        }
        for (_, back) in self.returns.drain() {
            store.take_back(&back);
            // Saying it twice changes nothing.
            store.take_back(&back);
            self.slice.taken_back(&back);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ask {
        who: usize,
        need: i64,
        is_heard: bool,
    },
    Take {
        who: usize,
        wanted: i64,
    },
    Settle {
        who: usize,
        which: usize,
        charged: i64,
    },
    GiveBack {
        who: usize,
        which: usize,
    },
    Flush(usize),
    Empty(usize),
    Charge(usize),
    Edit(Option<i64>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0usize..3;
    let step = prop_oneof![
        4 => (who.clone(), 0i64..3000, prop::bool::weighted(0.9))
            .prop_map(|(who, need, is_heard)| Step::Ask { who, need, is_heard }),
        6 => (who.clone(), 1i64..2000).prop_map(|(who, wanted)| Step::Take { who, wanted }),
        4 => (who.clone(), any::<usize>(), 0i64..2500)
            .prop_map(|(who, which, charged)| Step::Settle { who, which, charged }),
        1 => (who.clone(), any::<usize>()).prop_map(|(who, which)| Step::GiveBack { who, which }),
        3 => who.clone().prop_map(Step::Flush),
        1 => who.clone().prop_map(Step::Empty),
        1 => who.prop_map(Step::Charge),
        1 => prop::option::weighted(0.8, 0i64..20_000).prop_map(Step::Edit),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// I4 to I7 and I11: no more is used than was allowed and overrun, and nothing stays leased.
    #[test]
    fn whatever_happens_no_more_is_used_than_was_allowed(steps in steps()) {
        let mut store = Store::new(10_000, 3);
        let mut processes = [(); 3].map(|()| Process::new(&store));
        let (mut most, mut overrun) = (Some(10_000), 0);
        for step in steps {
            match step {
                Step::Ask { who, need, is_heard } => processes[who].ask(&mut store, need, is_heard),
                Step::Take { who, wanted } => {
                    processes[who].take(wanted);
                }
                Step::Settle { who, which, charged } => {
                    overrun += processes[who].settle(which, charged);
                }
                Step::GiveBack { who, which } => {
                    let process = &mut processes[who];
                    if !process.open.is_empty() {
                        let which = which % process.open.len();
                        let (lease, held) = process.open.swap_remove(which);
                        process.slice.give_back(lease, held);
                    }
                }
                Step::Flush(who) => processes[who].flush(&mut store),
                Step::Empty(who) => {
                    let back = processes[who].slice.empty();
                    processes[who].give(back);
                }
                Step::Charge(who) => {
                    // Its process was away, and hears of it when it is back.
                    let lease = processes[who].slice.lease();
                    store.charge(lease);
                    processes[who].slice.lose(lease);
                }
                Step::Edit(amount) => {
                    store.amount = amount;
                    most = most.zip(amount).map(|(most, amount): (i64, i64)| most.max(amount));
                    for process in &mut processes {
                        process.slice.set_amount(amount, 0);
                        let back = process.slice.trim();
                        process.give(back);
                    }
                }
            }
            if let Some(most) = most {
                prop_assert!(store.used <= most + overrun, "I5: {} > {most} + {overrun}", store.used);
            }
        }
        for process in &mut processes {
            while !process.open.is_empty() {
                process.settle(0, 0);
            }
            process.flush(&mut store);
            process.ask(&mut store, 0, true);
            let back = process.slice.empty();
            process.give(back);
            process.flush(&mut store);
            prop_assert!(process.slice.is_blank());
        }
        prop_assert_eq!(store.leased(), 0, "I6");
    }
}

#[test]
fn what_a_call_does_not_use_is_room_again() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 600, true);
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
    process.ask(&mut store, 400, false);
    assert!(!process.take(1));
    process.ask(&mut store, 100, true);
    assert!(process.take(750));
}

#[test]
fn nothing_is_held_from_a_lease_that_nobody_kept_alive() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 500, true);
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
    process.ask(&mut store, 5000, true);
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
    process.ask(&mut store, 300, true);
    process.take(200);
    process.ask(&mut store, 100, true);
    assert_eq!(process.slice.verdict(&need(100, 100)), Verdict::Held);
    process.settle(0, 150);
    process.ask(&mut store, 100, true);
    assert_eq!(process.slice.verdict(&need(100, 100)), Verdict::Hopeless);
}

#[test]
fn what_may_be_booked_already_is_not_counted_twice() {
    let mut store = Store::new(300, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 300, true);
    process.take(100);
    process.settle(0, 100);
    process.slice.booking(100);
    process.ask(&mut store, 0, true);
    assert_eq!(process.slice.verdict(&need(100, 101)), Verdict::Soon);
    process.slice.booked(100);
    assert_eq!(process.slice.verdict(&need(100, 101)), Verdict::Hopeless);
}

#[test]
fn room_of_other_processes_may_come_back_soon() {
    let mut store = Store::new(1000, 2);
    let (mut one, mut two) = (Process::new(&store), Process::new(&store));
    one.ask(&mut store, 900, true);
    two.ask(&mut store, 500, true);
    assert_eq!(two.slice.verdict(&need(250, 250)), Verdict::Soon);
    assert!(two.slice.is_recall_due(LASTS) && !two.slice.is_recall_due(LASTS));
    let back = one.slice.empty();
    one.give(back);
    one.flush(&mut store);
    two.ask(&mut store, 500, true);
    assert!(two.take(500));
}

#[test]
fn a_cap_shrinks_rather_than_take_more_than_its_share() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 1000, true);
    let now = Instant::now();
    assert_eq!(process.slice.take_freely(&need(100, 16_384), now), None);
    assert!(process.slice.take_freely(&need(100, 400), now).is_some());
}
