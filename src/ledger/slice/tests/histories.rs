//! Random histories: whatever order things happen and are heard in.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Send {
        who: usize,
        need: i64,
    },
    Hear(usize),
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
    Book(usize),
    Confirm(usize),
    Empty(usize),
    Charge(usize),
    Refund(usize),
    Edit(Option<i64>),
}

fn steps(processes: usize) -> impl Strategy<Value = Vec<Step>> {
    let who = 0usize..processes;
    let step = prop_oneof![
        4 => (who.clone(), 0i64..3000).prop_map(|(who, need)| Step::Send { who, need }),
        5 => who.clone().prop_map(Step::Hear),
        6 => (who.clone(), 1i64..2000).prop_map(|(who, wanted)| Step::Take { who, wanted }),
        4 => (who.clone(), any::<usize>(), 0i64..2500)
            .prop_map(|(who, which, charged)| Step::Settle { who, which, charged }),
        1 => (who.clone(), any::<usize>()).prop_map(|(who, which)| Step::GiveBack { who, which }),
        3 => who.clone().prop_map(Step::Book),
        3 => who.clone().prop_map(Step::Confirm),
        1 => who.clone().prop_map(Step::Empty),
        1 => who.clone().prop_map(Step::Charge),
        1 => who.prop_map(Step::Refund),
        1 => prop::option::weighted(0.8, 0i64..20_000).prop_map(Step::Edit),
    ];
    prop::collection::vec(step, 0..120)
}

/// Several processes on one store, and what they may have used.
struct World {
    store: Store,
    processes: Vec<Process>,
    /// The largest amount in force; `None` once there was no limit.
    most: Option<i64>,
    overrun: i64,
}

impl World {
    fn new(processes: usize) -> Self {
        let live = i64::try_from(processes).unwrap();
        let store = Store::new(10_000, live);
        Self {
            processes: (0..processes).map(|_| Process::new(&store)).collect(),
            store,
            most: Some(10_000),
            overrun: 0,
        }
    }

    /// Answers whether a call was let in.
    fn run(&mut self, step: &Step) -> bool {
        let store = &mut self.store;
        match *step {
            Step::Send { who, need } => self.processes[who].send(store, need),
            Step::Hear(who) => self.processes[who].hear(),
            Step::Take { who, wanted } => return self.processes[who].take(wanted),
            Step::Settle {
                who,
                which,
                charged,
            } => self.overrun += self.processes[who].settle(which, charged),
            Step::GiveBack { who, which } => self.processes[who].abandon(which),
            Step::Book(who) => self.processes[who].book(store),
            Step::Confirm(who) => self.processes[who].confirm(),
            Step::Empty(who) => self.processes[who].empty(),
            Step::Charge(who) => {
                // Its process was away, and hears of it when it is back.
                let slice = &mut self.processes[who].slice;
                store.charge(slice.lease());
                slice.lose(slice.lease());
            }
            Step::Refund(who) => self.processes[who].take_refunds(store),
            Step::Edit(amount) => self.edit(amount),
        }
        false
    }

    fn edit(&mut self, amount: Option<i64>) {
        self.store.amount = amount;
        self.most = self.most.zip(amount).map(|(most, amount)| most.max(amount));
        for process in &mut self.processes {
            process.slice.set_amount(amount, 0);
            let back = process.slice.trim();
            process.give(back);
        }
    }

    /// All calls end, and all is booked and seen.
    fn settle_all(&mut self) {
        for process in &mut self.processes {
            while !process.open.is_empty() {
                process.settle(0, 0);
            }
            process.flush(&mut self.store);
            process.ask(&mut self.store, 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// I4 to I7 and I11: no more is used than was allowed and overrun, and nothing stays leased.
    #[test]
    fn whatever_happens_no_more_is_used_than_was_allowed(steps in steps(3)) {
        let mut world = World::new(3);
        for step in &steps {
            world.run(step);
            if let Some(most) = world.most {
                let (used, most) = (world.store.used, most + world.overrun);
                prop_assert!(used <= most, "I5: {used} > {most}");
            }
        }
        world.settle_all();
        for process in &mut world.processes {
            process.empty();
            process.flush(&mut world.store);
            process.take_refunds(&mut world.store);
            prop_assert!(process.slice.is_blank());
        }
        prop_assert_eq!(world.store.leased(), 0, "I6");
    }

    /// However much calls were charged above what they held, and whenever answers and bookings are
    /// heard: a process that knows that a limit is used up lets nothing in.
    #[test]
    fn what_is_known_to_be_used_is_never_held_again(steps in steps(1)) {
        let mut world = World::new(1);
        for step in &steps {
            if world.run(step)
                && let Some(amount) = world.store.amount
            {
                let used = world.processes[0].used_at_last(&world.store);
                prop_assert!(used <= amount, "{used} > {amount}");
            }
        }
    }

    /// And nothing is held back: all that is not used can be held.
    #[test]
    fn what_is_not_used_can_be_held_to_the_last(steps in steps(1)) {
        let mut world = World::new(1);
        for step in &steps {
            world.run(step);
        }
        world.settle_all();
        let World { store, processes, .. } = &mut world;
        let process = &mut processes[0];
        process.flush(store);
        if let Some(amount) = store.amount && amount > store.used {
            let left = amount - store.used;
            prop_assert_eq!(process.slice.standing().unwrap().left, left);
            process.ask(store, process.slice.missing(left));
            prop_assert!(process.take(left));
        }
    }
}
