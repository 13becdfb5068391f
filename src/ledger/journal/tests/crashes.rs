//! Any sequence of calls, faults and crashes against a model that fits on a page.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::faulty::{Fault, Faulty};
use super::*;

#[derive(Clone, Debug)]
enum Step {
    Intend,
    Progress {
        which: prop::sample::Index,
        seen: i64,
    },
    Settle {
        which: prop::sample::Index,
    },
    Sync,
    Tidy {
        hours: u64,
    },
    Book {
        most: usize,
    },
    FailWrite(Fault),
    FailSync,
    FillDisk(bool),
    /// The process dies, or its machine, which loses some of what was not synced. The next one gets
    /// to book what it left, or dies before that.
    Crash {
        kept: Option<Vec<usize>>,
        is_booked: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = any::<prop::sample::Index>;
    let fault = prop_oneof![
        (0..400_usize).prop_map(Fault::Short),
        (0..400_usize).prop_map(Fault::Torn),
        Just(Fault::Error),
    ];
    let kept = prop_oneof![Just(0), 1..400_usize, Just(usize::MAX)];
    let kept = proptest::option::of(proptest::collection::vec(kept, 1..30));
    let step = prop_oneof![
        12 => Just(Step::Intend),
        3 => (which(), 1..1000_i64).prop_map(|(which, seen)| Step::Progress { which, seen }),
        10 => which().prop_map(|which| Step::Settle { which }),
        3 => Just(Step::Sync),
        2 => (0..3_u64).prop_map(|hours| Step::Tidy { hours }),
        2 => (1..20_usize).prop_map(|most| Step::Book { most }),
        1 => fault.prop_map(Step::FailWrite),
        1 => Just(Step::FailSync),
        1 => any::<bool>().prop_map(Step::FillDisk),
        1 => (kept, any::<bool>()).prop_map(|(kept, is_booked)| Step::Crash { kept, is_booked }),
    ];
    proptest::collection::vec(step, 1..300)
}

/// What is known of a call.
#[derive(Clone, Copy, Debug, Default)]
struct Call {
    /// Its process is gone.
    is_dead: bool,
    /// Whether a crash of the machine cannot take its intent.
    is_kept: bool,
    end: End,
    seen: i64,
    /// The same, as far as it could be written at once.
    least_seen: i64,
}

/// How far the end of a call got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    #[default]
    Open,
    /// An error does not say that nothing got there.
    Tried,
    Written,
    /// A crash of the machine cannot take it.
    Kept,
}

/// A process, its machine and its store.
struct World {
    home: tempfile::TempDir,
    disk: Arc<Faulty>,
    process: Option<Process>,
    /// What no later process has booked.
    calls: BTreeMap<u128, Call>,
    booked: BTreeSet<u128>,
    next: u128,
    hours: u64,
}

struct Process {
    journal: Arc<Journal>,
    reader: Reader,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            home: tempfile::tempdir().unwrap(),
            disk: Arc::default(),
            process: None,
            calls: BTreeMap::new(),
            booked: BTreeSet::new(),
            next: 1,
            hours: 0,
        };
        let own = world.start();
        let (_, remains) = replay(&own, Which::Unmarked);
        own.retire(&remains).unwrap();
        world
    }

    /// The next process in the same place, and what the last one left.
    fn start(&mut self) -> Predecessor {
        self.process = None;
        let disk = Arc::clone(&self.disk) as Arc<dyn Disk>;
        let (journal, mut found) = Journal::open_on(disk, self.home.path(), SMALL).unwrap();
        let reader = journal.reader();
        self.process = Some(Process { journal, reader });
        found.remove(0)
    }

    fn journal(&self) -> &Journal {
        &self.process.as_ref().unwrap().journal
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Intend => self.intend(),
            Step::Progress { which, seen } => {
                if let Some(number) = self.open_call(which) {
                    self.progress(number, seen);
                }
            }
            Step::Settle { which } => self.settle(which),
            Step::Sync => self.sync(),
            Step::Tidy { hours } => {
                self.hours += hours;
                let now = Instant::now() + Duration::from_hours(self.hours);
                self.journal().tidy(now);
            }
            Step::Book { most } => self.book(most),
            Step::FailWrite(fault) => self.disk.on_writes([Some(fault)]),
            Step::FailSync => self.disk.on_syncs([true]),
            Step::FillDisk(is_full) => self.disk.fill(is_full),
            Step::Crash { kept, is_booked } => self.crash(kept.as_deref(), is_booked),
        }
    }

    fn intend(&mut self) {
        if self.journal().intend(&opening(self.next)).is_ok() {
            self.calls.insert(self.next, Call::default());
        }
        self.next += 1;
    }

    fn progress(&mut self, number: u128, seen: i64) {
        let id = opening(number).id;
        let written = self.journal().write(|writer| writer.progress(id, seen));
        let call = self.calls.get_mut(&number).unwrap();
        call.seen = call.seen.max(seen);
        if written.is_ok() {
            call.least_seen = call.least_seen.max(seen);
        }
    }

    fn open_call(&self, which: prop::sample::Index) -> Option<u128> {
        let open = self
            .calls
            .iter()
            .filter(|(_, call)| call.end < End::Written && !call.is_dead);
        let open: Vec<u128> = open.map(|(number, _)| *number).collect();
        (!open.is_empty()).then(|| *which.get(&open))
    }

    fn settle(&mut self, which: prop::sample::Index) {
        let Some(number) = self.open_call(which) else {
            return;
        };
        let settled = self.journal().settle(&opening(number), &closing());
        let end = settled.map_or(End::Tried, |_| End::Written);
        self.calls.get_mut(&number).unwrap().end = end;
    }

    fn sync(&mut self) {
        self.journal().sync();
        if self.journal().writer.lock().unsynced.is_empty() {
            for call in self.calls.values_mut().filter(|call| !call.is_dead) {
                call.is_kept = true;
                if call.end == End::Written {
                    call.end = End::Kept;
                }
            }
        }
    }

    fn book(&mut self, most: usize) {
        let batch = self.process.as_mut().unwrap().reader.next(most).unwrap();
        for (call, _) in &batch.settled {
            let number = number(call);
            assert!(
                self.calls[&number].end >= End::Written,
                "only what ended is read"
            );
            assert!(self.booked.insert(number), "and it is read once");
        }
        self.journal().mark(batch.end);
    }

    /// Dies, and finds each call settled or open and never both, unless it was the machine that died
    /// and it may have forgotten the call.
    fn crash(&mut self, kept: Option<&[usize]>, is_booked: bool) {
        self.disk.heal();
        if let Some(kept) = kept {
            self.disk.crash(|index| kept[index % kept.len()]);
        }
        let own = self.start();
        let (settled, remains) = replay(&own, Which::Unmarked);
        assert_eq!(replay(&own, Which::Unmarked).0, settled, "a second time");
        assert!(remains.quarantined.is_empty(), "{:?}", remains.quarantined);
        let open: BTreeMap<u128, i64> = open_calls(&remains).into_iter().collect();
        let ended = self.booked.iter().chain(&settled).copied().collect();
        let calls = std::mem::take(&mut self.calls);
        for (number, call) in calls {
            let found = find(number, &ended, &open);
            check(number, call, found, kept.is_some());
            if !is_booked && let Some(found) = found {
                let is_lasting = kept.is_some();
                let call = if is_lasting { found } else { call };
                let call = Call {
                    is_dead: true,
                    ..call
                };
                self.calls.insert(number, call);
            }
        }
        if is_booked {
            self.booked.extend(settled.iter().chain(open.keys()));
            own.retire(&remains).unwrap();
        }
    }
}

/// What a replay and the store say of a call.
fn find(number: u128, ended: &BTreeSet<u128>, open: &BTreeMap<u128, i64>) -> Option<Call> {
    let is_settled = ended.contains(&number);
    let seen = open.get(&number).copied().filter(|_| !is_settled);
    (is_settled || seen.is_some()).then(|| Call {
        end: if is_settled { End::Kept } else { End::Open },
        seen: seen.unwrap_or_default(),
        least_seen: seen.unwrap_or_default(),
        is_kept: true,
        is_dead: true,
    })
}

fn check(number: u128, was: Call, found: Option<Call>, is_machine: bool) {
    let has_ended = found.is_some_and(|found| found.end == End::Kept);
    let says = format!("{number} {was:?} {found:?}");
    assert!(was.end >= End::Tried || !has_ended, "{says}");
    if is_machine {
        assert!(has_ended || was.end < End::Kept, "{says}");
        assert!(found.is_some() || !was.is_kept, "{says}");
    } else {
        assert!(
            found.is_some() && (has_ended || was.end < End::Written),
            "{says}"
        );
        let seen = found.map_or(0, |found| found.seen);
        let is_right = (was.least_seen..=was.seen).contains(&seen);
        assert!(has_ended || is_right, "{says}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if is_long() { 1000 } else { 24 },
        max_shrink_iters: 4000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_each_call_ends_once(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
        }
        world.crash(None, true);
    }
}
