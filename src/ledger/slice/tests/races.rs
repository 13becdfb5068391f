//! What happens in one process at once: calls that end, calls that begin, the flush, and answers of the
//! store, each with the lock for a moment only. loom tries every order of those moments in which threads
//! are interrupted a few times.

use loom::sync::{Arc, Mutex, MutexGuard};
use loom::thread;

use super::*;

const AMOUNT: i64 = 100;
const HELD: i64 = 60;

/// One process whose parts run in threads of their own, and the store.
struct World {
    slice: Mutex<Slice>,
    /// What is written down, and not flushed yet.
    journal: Mutex<Vec<Spent>>,
    store: Mutex<Store>,
}

impl World {
    /// One call holds something of a budget that is leased in full.
    fn new() -> (Self, Spent) {
        let mut store = Store::new(AMOUNT, 1);
        let mut process = Process::new(&store);
        process.ask(&mut store, AMOUNT);
        assert!(process.take(HELD));
        let (lease, held) = process.open[0];
        let world = Self {
            slice: Mutex::new(process.slice),
            journal: Mutex::default(),
            store: Mutex::new(store),
        };
        let charged = 0;
        let call = Spent {
            lease,
            held,
            charged,
        };
        (world, call)
    }

    fn slice(&self) -> MutexGuard<'_, Slice> {
        self.slice.lock().unwrap()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    /// A call ends, in the order in which a hold does: written down first.
    fn end(&self, call: Spent) {
        self.journal.lock().unwrap().push(call);
        self.slice().settle(call);
    }

    fn flush(&self) {
        let written = std::mem::take(&mut *self.journal.lock().unwrap());
        for spent in &written {
            self.slice().booking(spent.lease, spent.charged);
        }
        for spent in &written {
            self.store().book(spent);
        }
        for spent in &written {
            self.slice().booked(spent.lease, spent.charged);
        }
    }

    fn ask(&self, need: i64) {
        let lease = {
            let mut slice = self.slice();
            slice.asking();
            slice.lease()
        };
        let answer = self.store().grant(lease, need);
        self.slice().answered(&answer, 0, Instant::now(), LASTS);
    }

    fn take(&self, wanted: i64) -> i64 {
        let taken = self.slice().take(wanted, Instant::now());
        taken.map_or(0, |_| wanted)
    }

    /// All is booked, and what memory and store say agrees.
    fn assert_settled(&self, charged: i64, held: i64) {
        self.flush();
        self.ask(0);
        let slice = self.slice();
        assert_eq!(slice.used_and_held(), (charged, held));
        assert_eq!(self.store().used, charged);
        let left = slice.standing().unwrap().left;
        assert_eq!(left, (AMOUNT - charged - held).max(0));
    }
}

/// Tries all orders.
fn in_any_order(parts: impl Fn() + Send + Sync + 'static) {
    let is_long = std::env::var_os("TOLLGATE_TEST_LONG").is_some();
    let mut model = loom::model::Builder::new();
    // Twice is a tenth of a second, three times some seconds, any number of times minutes.
    model.preemption_bound = Some(if is_long { 3 } else { 2 });
    model.check(parts);
}

/// Lets a call that is charged `charged` end beside a flush, a new call and a question.
fn race(charged: i64, wanted: i64) {
    in_any_order(move || {
        let (world, call) = World::new();
        let world = Arc::new(world);
        let beside = |work: fn(&World, Spent, i64) -> i64| {
            let world = Arc::clone(&world);
            let call = Spent { charged, ..call };
            thread::spawn(move || work(&world, call, wanted))
        };
        let ending = beside(|world, call, _| {
            world.end(call);
            0
        });
        let flushing = beside(|world, _, _| {
            world.flush();
            0
        });
        let held = beside(|world, _, wanted| world.take(wanted));
        world.ask(1);
        ending.join().unwrap();
        flushing.join().unwrap();
        let held = held.join().unwrap();
        assert!(held == 0 || charged.max(0) + held <= AMOUNT || wanted <= AMOUNT - HELD);
        world.assert_settled(charged, held);
    });
}

#[test]
fn a_call_that_ends_while_it_is_flushed_is_counted_once() {
    race(HELD, AMOUNT - HELD);
}

#[test]
fn what_a_call_did_not_use_is_never_lent_twice() {
    race(10, AMOUNT - 10);
}

#[test]
fn what_a_call_used_is_not_lent_again() {
    race(10, AMOUNT - 9);
}

#[test]
fn what_a_call_used_beyond_its_hold_is_not_lent() {
    race(90, 30);
}

/// A hold that is given back and one that is charged end at once, beside two that begin.
#[test]
fn of_two_calls_that_want_the_same_room_one_gets_it() {
    in_any_order(|| {
        let (world, call) = World::new();
        let world = Arc::new(world);
        let wanted = AMOUNT - 20;
        let taking = [(); 2].map(|()| {
            let world = Arc::clone(&world);
            thread::spawn(move || world.take(wanted))
        });
        world.end(Spent {
            charged: 20,
            ..call
        });
        let held: i64 = taking.map(|taking| taking.join().unwrap()).iter().sum();
        assert!(held <= wanted, "both got it");
        world.assert_settled(20, held);
    });
}
