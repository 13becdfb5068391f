//! Random histories of bookings, replays, edits and rotations, audited after every step.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tollgate::domain::quota::{Period, Unit};
use tollgate::domain::tenant::ScopeId;
use tollgate::domain::usage::Source;
use tollgate::store::events::{self, Batch, Event};
use tollgate::store::keys::{self, Key, KeyPatch};
use tollgate::store::{Db, ledger_check};
use uuid::Uuid;

use super::super::{draw, event, key, now, organisation, quota, secret};
use super::open;
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(used_is_the_sum_of_events_and_adjustments);

/// One step of a random history; numbers choose among what exists.
#[derive(Clone, Debug)]
enum Step {
    Book {
        calls: Vec<(usize, i64, bool)>,
        replayed: usize,
    },
    Open {
        key: usize,
        unit: Unit,
        period: Period,
    },
    Edit {
        key: usize,
        amount: i64,
    },
    Rotate {
        key: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let unit = prop_oneof![Just(Unit::Tokens), Just(Unit::Requests)];
    let period = prop_oneof![
        Just(Period::None),
        Just(Period::Day),
        Just(Period::Week),
        Just(Period::Month)
    ];
    let call = (0usize..3, 0i64..5_000, any::<bool>());
    prop_oneof![
        4 => (prop::collection::vec(call, 0..40), 0usize..40)
            .prop_map(|(calls, replayed)| Step::Book { calls, replayed }),
        2 => (0usize..3, unit, period).prop_map(|(key, unit, period)| Step::Open { key, unit, period }),
        1 => (0usize..3, 0i64..9_999).prop_map(|(key, amount)| Step::Edit { key, amount }),
        1 => (0usize..3).prop_map(|key| Step::Rotate { key }),
    ]
}

struct History {
    keys: Vec<Key>,
    open: Vec<(usize, Unit, Uuid)>,
    booked: Vec<Event<'static>>,
    secrets: u8,
}

async fn used_is_the_sum_of_events_and_adjustments(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let other = test.other_process().await;
    let mut history = History {
        keys: Vec::new(),
        open: Vec::new(),
        booked: Vec::new(),
        secrets: 3,
    };
    for seed in 0..3 {
        history.keys.push(key(&test.db, &acme, seed).await);
    }
    let mut runner = TestRunner::deterministic();
    let steps = prop::collection::vec(step(), 60)
        .new_tree(&mut runner)
        .unwrap()
        .current();
    for step in steps {
        let context = format!("{step:?}");
        history.take(&test.db, &other, step).await;
        let differences = ledger_check::verify(&test.db).await.unwrap();
        assert_eq!(differences, [], "after {context}");
    }
    let rolled = "SELECT CAST(SUM(total_tokens) AS BIGINT) FROM rollups_hourly";
    let total: i64 = history.booked.iter().map(|event| event.total_tokens).sum();
    assert_eq!(number!(&test.db, rolled), total);
    assert_eq!(number!(&test.db, UNLIKE), 0);
}

/// Hours of projects whose sums differ from those of their keys.
const UNLIKE: &str = "SELECT COUNT(*) FROM (
        SELECT organisation_id, hour, project_id, model, SUM(requests) AS requests,
            SUM(errors) AS errors, SUM(total_tokens) AS tokens, SUM(cost_nano) AS cost
        FROM rollups_hourly GROUP BY organisation_id, hour, project_id, model
    ) AS k FULL JOIN rollups_of_projects p ON p.organisation_id = k.organisation_id
        AND p.hour = k.hour AND p.project_id = k.project_id AND p.model = k.model
    WHERE k.requests IS DISTINCT FROM p.requests OR k.errors IS DISTINCT FROM p.errors
        OR k.tokens IS DISTINCT FROM p.total_tokens OR k.cost IS DISTINCT FROM p.cost_nano";

impl History {
    async fn take(&mut self, db: &Db, other: &Db, step: Step) {
        match step {
            Step::Book { calls, replayed } => self.book(db, other, calls, replayed).await,
            Step::Open { key, unit, period } => {
                let id = open(db, ScopeId::Key(self.keys[key].id), unit, period).await;
                self.open.push((key, unit, id));
                self.open.sort();
                self.open.dedup();
            }
            Step::Edit { key, amount } => {
                let patch = KeyPatch {
                    limits: Some(quota(amount, Period::Day).into()),
                    ..KeyPatch::default()
                };
                keys::update(db, self.keys[key].id, patch, now())
                    .await
                    .unwrap();
            }
            Step::Rotate { key } => {
                self.secrets += 1;
                let grace = now().plus(Duration::from_mins(1));
                let (id, secret) = (self.keys[key].id, secret(self.secrets));
                keys::rotate(db, id, &secret, "sk-", grace, now())
                    .await
                    .unwrap();
            }
        }
    }

    /// Two processes book the same new events at once, and some old ones again.
    async fn book(&mut self, db: &Db, other: &Db, calls: Vec<(usize, i64, bool)>, replayed: usize) {
        let new: Vec<Event<'static>> = calls.into_iter().map(|call| self.event(call)).collect();
        let old = self.booked.iter().rev().take(replayed);
        let batch: Vec<Event<'static>> = new.iter().chain(old).cloned().collect();
        let reversed: Vec<Event<'static>> = batch.iter().rev().cloned().collect();
        let (one, two) = tokio::join!(
            events::book(db, Batch::of(&batch)),
            events::book(other, Batch::of(&reversed))
        );
        assert_eq!(one.unwrap() + two.unwrap(), new.len());
        self.booked.extend(new);
    }

    fn event(&self, (key, tokens, was_cut): (usize, i64, bool)) -> Event<'static> {
        let source = if was_cut {
            Source::Estimated
        } else {
            Source::Reported
        };
        let covering = self.open.iter().filter(|(of, _, _)| *of == key);
        Event {
            total_tokens: tokens,
            source,
            budgets: covering.map(|(_, unit, id)| draw(*id, *unit)).collect(),
            secret_hash: Some(secret(u8::try_from(key).unwrap())),
            ..event(&self.keys[key])
        }
    }
}
