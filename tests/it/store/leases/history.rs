//! Random histories of grants, bookings, replays, returns, lost processes and edits, beside a plain
//! model in integers; what the store says is compared with the model after every step.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use smallvec::SmallVec;
use tollgate::domain::quota::{Period, Unit};
use tollgate::domain::tenant::KeyStatus;
use tollgate::domain::time::Timestamp;
use tollgate::store::events::{self, Batch, BudgetDraw, Event};
use tollgate::store::keys::{self, Key, KeyPatch};
use tollgate::store::leases::{self, Ask, Holder, Return};
use tollgate::store::{Db, StoreError};
use uuid::Uuid;

use super::super::{adds_up, event, key, now, organisation, quota};
use super::open;
use crate::support::db::{TestDb, on_both_engines};

mod model;

use model::{Model, State};

on_both_engines!(the_store_does_what_a_model_in_integers_does);

const PROCESSES: usize = 3;
const KEYS: usize = 3;

/// One step of a random history; numbers choose among what exists.
#[derive(Clone, Debug)]
enum Step {
    Grant {
        process: usize,
        needs: Vec<(usize, i64)>,
    },
    Book {
        calls: Vec<Call>,
        replayed: usize,
        returned: Vec<(usize, i64)>,
    },
    Replay {
        returned: usize,
    },
    Heartbeat {
        process: usize,
    },
    Wait {
        minutes: u64,
    },
    Sweep,
    Rebirth {
        process: usize,
    },
    Close {
        process: usize,
    },
    Zombie {
        process: usize,
        key: usize,
    },
    Edit {
        key: usize,
        amount: i64,
    },
    Disable {
        key: usize,
    },
}

/// A call and the leases, by number, that it held room of.
#[derive(Clone, Debug)]
struct Call {
    tokens: i64,
    leases: Vec<usize>,
    is_unleased: bool,
}

fn call() -> impl Strategy<Value = Call> {
    let leases = prop::collection::vec(0usize..64, 0..3);
    (0i64..900, leases, prop::bool::weighted(0.1)).prop_map(|(tokens, leases, is_unleased)| Call {
        tokens,
        leases,
        is_unleased,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let needs = prop::collection::vec((0..KEYS, 0i64..2_000), 1..6);
    let calls = prop::collection::vec(call(), 0..8);
    let returned = prop::collection::vec((0usize..64, 0i64..900), 0..3);
    prop_oneof![
        6 => (0..PROCESSES, needs).prop_map(|(process, needs)| Step::Grant { process, needs }),
        6 => (calls, 0usize..6, returned).prop_map(|(calls, replayed, returned)| Step::Book {
            calls, replayed, returned,
        }),
        1 => (0usize..64).prop_map(|returned| Step::Replay { returned }),
        3 => (0..PROCESSES).prop_map(|process| Step::Heartbeat { process }),
        2 => (0u64..20).prop_map(|minutes| Step::Wait { minutes }),
        3 => Just(Step::Sweep),
        1 => (0..PROCESSES).prop_map(|process| Step::Rebirth { process }),
        1 => (0..PROCESSES).prop_map(|process| Step::Close { process }),
        1 => (0..PROCESSES, 0..KEYS).prop_map(|(process, key)| Step::Zombie { process, key }),
        1 => (0..KEYS, 0i64..9_000).prop_map(|(key, amount)| Step::Edit { key, amount }),
        1 => (0..KEYS).prop_map(|key| Step::Disable { key }),
    ]
}

/// The store under test and the model beside it.
struct History {
    db: Db,
    keys: Vec<Key>,
    holders: Vec<Holder>,
    model: Model,
    booked: Vec<Event<'static>>,
    now: Timestamp,
}

async fn the_store_does_what_a_model_in_integers_does(test: TestDb) {
    let is_long = std::env::var_os("TOLLGATE_TEST_LONG").is_some();
    let steps = prop::collection::vec(step(), if is_long { 3000 } else { 200 });
    let steps = steps.new_tree(&mut TestRunner::deterministic()).unwrap();
    let mut history = History::new(&test.db).await;
    for (number, step) in steps.current().into_iter().enumerate() {
        let context = format!("step {number}: {step:?}");
        history.take(step).await;
        history.compare(&context).await;
    }
}

impl History {
    async fn new(db: &Db) -> Self {
        let acme = organisation(db, "Acme").await;
        let never_expires = matches!(db, Db::Sqlite(_));
        let mut history = Self {
            db: db.clone(),
            keys: Vec::new(),
            holders: Vec::new(),
            model: Model::new(never_expires),
            booked: Vec::new(),
            now: now(),
        };
        for seed in 0..KEYS {
            let key = key(db, &acme, u8::try_from(seed).unwrap()).await;
            let budget = open(db, &key, Some(5_000)).await;
            history.model.open(budget, 5_000);
            history.keys.push(key);
        }
        for _ in 0..PROCESSES {
            let holder = Holder {
                instance: Uuid::now_v7(),
                epoch: 1,
            };
            history.register(holder).await;
            history.holders.push(holder);
        }
        history
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Grant { process, needs } => self.grant(process, &needs).await,
            Step::Book {
                calls,
                replayed,
                returned,
            } => self.book(&calls, replayed, &returned).await,
            Step::Replay { returned } => self.replay(returned).await,
            Step::Heartbeat { process } => self.heartbeat(process).await,
            Step::Wait { minutes } => {
                self.now = self.now.plus(Duration::from_mins(minutes));
            }
            Step::Sweep => self.sweep().await,
            Step::Rebirth { process } => {
                self.holders[process].epoch += 1;
                self.register(self.holders[process]).await;
            }
            Step::Close { process } => self.close(process).await,
            Step::Zombie { process, key } => self.zombie(process, key).await,
            Step::Edit { key, amount } => self.edit(key, amount).await,
            Step::Disable { key } => self.disable(key).await,
        }
    }

    async fn register(&mut self, holder: Holder) {
        leases::register(&self.db, &holder, self.now).await.unwrap();
        self.model.register(holder, self.now);
    }

    async fn grant(&mut self, process: usize, needs: &[(usize, i64)]) {
        let holder = self.holders[process];
        let now = u128::from(self.now.0.unsigned_abs());
        let ask = |(key, need): &(usize, i64)| {
            let budget = self.model.budgets[*key].id;
            let new = Uuid::from_u128(budget.as_u128() ^ holder.instance.as_u128() ^ now);
            Ask {
                lease: self.model.lease_of(&holder, budget).unwrap_or(new),
                budget,
                need: *need,
            }
        };
        let asks: Vec<Ask> = needs.iter().map(ask).collect();
        let live = self.model.heard_of(&holder, self.now);
        let answers = leases::grant(&self.db, &holder, &asks, self.now)
            .await
            .unwrap();
        for (ask, answer) in asks.iter().zip(answers) {
            let expected = self.model.grant(&holder, ask, live, self.now);
            assert_eq!((answer.granted, answer.is_lost), expected, "{ask:?}");
        }
    }

    async fn book(&mut self, calls: &[Call], replayed: usize, returned: &[(usize, i64)]) {
        let new: Vec<Event<'static>> = calls.iter().map(|call| self.event(call)).collect();
        let old = self.booked.iter().rev().take(replayed).cloned();
        let events: Vec<Event<'_>> = new.iter().cloned().chain(old).rev().collect();
        let returns: Vec<Return> = returned
            .iter()
            .filter_map(|one| self.model.returning(*one))
            .collect();
        let batch = Batch {
            events: &events,
            returns: &returns,
            ..Batch::default()
        };
        assert_eq!(events::book(&self.db, batch).await.unwrap(), new.len());
        self.model.book(&new);
        self.model.take_back(&returns);
        self.booked.extend(new);
    }

    fn event(&self, call: &Call) -> Event<'static> {
        let mut draws: SmallVec<[BudgetDraw; 4]> = SmallVec::new();
        for lease in &call.leases {
            let leases = &self.model.leases;
            let Some(lease) = leases.get(lease % leases.len().max(1)) else {
                continue;
            };
            if draws.iter().all(|draw| draw.budget != lease.budget) {
                draws.push(BudgetDraw {
                    budget: lease.budget,
                    lease: (!call.is_unleased).then_some(lease.id),
                    unit: Unit::Tokens,
                });
            }
        }
        Event {
            total_tokens: call.tokens,
            budgets: draws,
            ..event(&self.keys[0])
        }
    }

    /// All that was ever booked, and a return, once more.
    async fn replay(&mut self, returned: usize) {
        let returns = self.model.last_return(returned);
        let batch = Batch {
            events: &self.booked,
            returns: returns.as_slice(),
            ..Batch::default()
        };
        assert_eq!(events::book(&self.db, batch).await.unwrap(), 0);
    }

    async fn heartbeat(&mut self, process: usize) {
        let holder = self.holders[process];
        let ids = self.model.leases.iter().map(|lease| (lease.id, 0));
        let ids: Vec<(Uuid, i64)> = ids.collect();
        let renewal = leases::renew(&self.db, &holder, &ids, self.now)
            .await
            .unwrap();
        let (live, mut lost) = self.model.renew(&holder, self.now);
        lost.sort_unstable();
        assert_eq!((renewal.live, renewal.lost), (live, lost));
    }

    async fn sweep(&mut self) {
        let suspect = leases::suspect_expired(&self.db, self.now).await.unwrap();
        assert_eq!(suspect, self.model.suspect_expired(self.now));
        let charged = leases::charge_expired(&self.db, self.now).await.unwrap();
        assert_eq!(charged, self.model.charge_expired(self.now));
    }

    async fn close(&mut self, process: usize) {
        let Holder { instance, epoch } = self.holders[process];
        let closed = leases::close_predecessors(&self.db, instance, epoch, self.now).await;
        assert_eq!(
            closed.unwrap(),
            self.model.close_predecessors(instance, epoch)
        );
    }

    /// An earlier life of a process asks for room and wants to live on.
    async fn zombie(&mut self, process: usize, key: usize) {
        let holder = Holder {
            epoch: self.holders[process].epoch - 1,
            ..self.holders[process]
        };
        let ask = Ask {
            lease: Uuid::now_v7(),
            budget: self.model.budgets[key].id,
            need: 1,
        };
        let granted = leases::grant(&self.db, &holder, &[ask], self.now).await;
        assert!(matches!(granted, Err(StoreError::Fenced)));
        let renewed = leases::renew(&self.db, &holder, &[], self.now).await;
        assert!(matches!(renewed, Err(StoreError::Fenced)));
    }

    async fn edit(&mut self, key: usize, amount: i64) {
        let patch = KeyPatch {
            limits: Some(quota(amount, Period::Month).into()),
            ..KeyPatch::default()
        };
        keys::update(&self.db, self.keys[key].id, patch, now())
            .await
            .unwrap();
        self.model.budgets[key].amount = amount;
    }

    async fn disable(&mut self, key: usize) {
        let patch = KeyPatch {
            status: Some(KeyStatus::Disabled),
            ..KeyPatch::default()
        };
        keys::update(&self.db, self.keys[key].id, patch, now())
            .await
            .unwrap();
    }

    /// I1 and I11 by the store's own check, and every counter by the model.
    async fn compare(&self, context: &str) {
        adds_up(&self.db).await;
        for budget in &self.model.budgets {
            let stored = "SELECT used FROM budgets WHERE id = $1";
            assert_eq!(
                number!(&self.db, stored, budget.id),
                budget.used,
                "{context}"
            );
            let stored = "SELECT leased FROM budgets WHERE id = $1";
            let leased = self.model.leased(budget.id);
            assert_eq!(number!(&self.db, stored, budget.id), leased, "{context}");
        }
        let closed = self
            .model
            .leases
            .iter()
            .filter(|lease| lease.state == State::Closed);
        for lease in closed {
            let stored = "SELECT unclaimed FROM leases WHERE id = $1";
            assert_eq!(
                number!(&self.db, stored, lease.id),
                lease.unclaimed,
                "{context}"
            );
        }
    }
}
