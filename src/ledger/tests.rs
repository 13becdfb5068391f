//! Budgets and holds without a store: nothing here is written.

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::domain::key::SecretHash;
use crate::domain::tenant::{CallId, KeyId, OrganisationId, ProjectId};
use crate::domain::usage::{Ending, Source, Usage};

async fn ledger() -> (Arc<Ledger>, tempfile::TempDir) {
    let directory = tempfile::TempDir::new().unwrap();
    let url = format!("sqlite://{}", directory.path().join("t.db").display());
    let db = Db::connect(&url).await.unwrap();
    (Ledger::new(db, Clock::default()), directory)
}

fn budget(unit: Unit, amount: Option<i64>, used: i64) -> Arc<Budget> {
    let key = BudgetKey {
        scope: ScopeId::Key(KeyId::new()),
        unit,
        period: Period::None,
        start: Timestamp(0),
    };
    let budget = Arc::new(Budget::new(uuid::Uuid::now_v7(), key, used));
    budget.set_amount(amount, 0);
    budget
}

fn tokens(amount: i64) -> Arc<Budget> {
    budget(Unit::Tokens, Some(amount), 0)
}

fn covered(budgets: &[&Arc<Budget>]) -> Vec<Arc<Cover>> {
    let one = |budget: &&Arc<Budget>| {
        Arc::new(Cover {
            until: Timestamp(i64::MAX),
            budgets: vec![Arc::clone(budget)],
        })
    };
    budgets.iter().map(one).collect()
}

fn intent() -> Intent {
    Intent {
        id: CallId::new(),
        at: Timestamp(0),
        started: Instant::now(),
        organisation_id: OrganisationId::new(),
        project_id: ProjectId::new(),
        key_id: KeyId::new(),
        secret: SecretHash([0; 32]),
        provider: "mock".into(),
        model: "m".to_owned(),
        upstream_model: "m".to_owned(),
        endpoint: "chat.completions",
        is_stream: false,
        prompt_estimate: 10,
        price: None,
    }
}

fn need(prompt: i64, cap: i64) -> Need {
    Need {
        prompt,
        choices: 1,
        cap,
        price: None,
    }
}

fn reported(total: i64) -> Ending {
    let usage = Usage {
        input: total,
        total,
        ..Usage::default()
    };
    Ending::Ran {
        usage: Some(usage),
        delivered: 0,
    }
}

#[tokio::test]
async fn a_settled_call_is_charged_and_what_it_held_goes_back() {
    let (ledger, _directory) = ledger().await;
    let budget = tokens(1000);
    let covers = covered(&[&budget]);
    let hold = ledger.reserve(intent(), need(100, 100), &covers).unwrap();
    assert_eq!(budget.used_and_held(), (0, 200));
    let charge = hold.settle(reported(70), Report::default());
    assert_eq!((charge.tokens, charge.source), (70, Source::Reported));
    assert_eq!(budget.used_and_held(), (70, 0));
    assert_eq!(ledger.settled.len(), 1);
}

#[tokio::test]
async fn a_call_that_is_dropped_unsent_costs_nothing_and_a_sent_one_its_estimate() {
    let (ledger, _directory) = ledger().await;
    let (budget, calls) = (tokens(1000), budget(Unit::Requests, Some(5), 0));
    let covers = covered(&[&budget, &calls]);
    drop(ledger.reserve(intent(), need(100, 100), &covers).unwrap());
    assert_eq!(
        (budget.used_and_held(), calls.used_and_held()),
        ((0, 0), (0, 0))
    );
    let mut sent = ledger.reserve(intent(), need(100, 100), &covers).unwrap();
    sent.dispatch();
    drop(sent);
    assert_eq!(
        (budget.used_and_held(), calls.used_and_held()),
        ((10, 0), (1, 0))
    );
    assert_eq!(ledger.settled.len(), 2);
}

#[tokio::test]
async fn a_call_draws_from_all_budgets_or_from_none() {
    let (ledger, _directory) = ledger().await;
    let (wide, narrow) = (tokens(10_000), tokens(150));
    for order in [[&wide, &narrow], [&narrow, &wide]] {
        let refused = ledger.reserve(intent(), need(100, 100), &covered(&order));
        let Err(Shortage::Exhausted(short)) = refused else {
            panic!("the narrow budget has no room");
        };
        assert!(Arc::ptr_eq(&short, &narrow));
        assert_eq!(
            (wide.used_and_held(), narrow.used_and_held()),
            ((0, 0), (0, 0))
        );
    }
}

#[tokio::test]
async fn room_that_is_held_is_told_from_room_that_is_used_up() {
    let (ledger, _directory) = ledger().await;
    let budget = tokens(300);
    let covers = covered(&[&budget]);
    let first = ledger.reserve(intent(), need(100, 100), &covers).unwrap();
    let refused = ledger.reserve(intent(), need(100, 100), &covers);
    assert!(matches!(refused, Err(Shortage::Held(_))));
    first.settle(reported(150), Report::default());
    let refused = ledger.reserve(intent(), need(100, 100), &covers);
    assert!(matches!(refused, Err(Shortage::Exhausted(_))));
}

#[tokio::test]
async fn a_used_up_budget_is_named_even_where_another_is_only_held() {
    let (ledger, _directory) = ledger().await;
    let (held, spent) = (tokens(300), budget(Unit::Tokens, Some(300), 290));
    let _first = ledger
        .reserve(intent(), need(100, 100), &covered(&[&held]))
        .unwrap();
    let refused = ledger.reserve(intent(), need(100, 100), &covered(&[&held, &spent]));
    let Err(Shortage::Exhausted(short)) = refused else {
        panic!("no waiting helps");
    };
    assert!(Arc::ptr_eq(&short, &spent));
}

#[tokio::test]
async fn the_tightest_budget_shrinks_the_cap() {
    let (ledger, _directory) = ledger().await;
    let (wide, narrow) = (tokens(100_000), tokens(1000));
    let covers = covered(&[&wide, &narrow]);
    let hold = ledger
        .reserve(intent(), need(100, 16_384), &covers)
        .unwrap();
    assert_eq!(hold.shrunk_cap(), Some(500));
    assert_eq!(
        (wide.used_and_held(), narrow.used_and_held()),
        ((0, 600), (0, 600))
    );
}

#[tokio::test]
async fn a_budget_without_a_limit_counts_and_refuses_nothing() {
    let (ledger, _directory) = ledger().await;
    let budget = budget(Unit::Tokens, None, 7);
    let hold = ledger
        .reserve(intent(), need(i64::MAX, i64::MAX), &covered(&[&budget]))
        .unwrap();
    assert_eq!(hold.shrunk_cap(), None);
    hold.settle(reported(5), Report::default());
    assert_eq!(budget.used_and_held(), (12, 0));
}

#[test]
fn an_amount_read_before_an_edit_never_replaces_one_read_after_it() {
    let budget = tokens(100);
    budget.set_amount(Some(200), 2);
    budget.set_amount(Some(100), 1);
    assert_eq!(budget.amount(), Some(200));
    budget.set_amount(None, 2);
    assert_eq!(budget.amount(), None);
}

#[tokio::test]
async fn a_budget_is_forgotten_only_when_nothing_refers_to_it_and_all_is_written() {
    let (ledger, _directory) = ledger().await;
    ledger.db.migrate().await.unwrap();
    let limits = Limits {
        requests_per_day: Some(5),
        ..Limits::default()
    };
    let scope = ScopeId::Key(KeyId::new());
    let cover = ledger.cover(scope, &limits, 0).await.unwrap();
    let hold = ledger
        .reserve(intent(), need(1, 1), &[Arc::clone(&cover)])
        .unwrap();
    drop(cover);
    ledger.flush().await.unwrap();
    assert_eq!(ledger.budgets.lock().len(), 1, "a call draws from it");
    hold.settle(Ending::Refused, Report::default());
    assert_eq!(ledger.settled.len(), 1);
    ledger.flush().await.unwrap();
    assert_eq!((ledger.budgets.lock().len(), ledger.settled.len()), (0, 0));
    let again = ledger.cover(scope, &limits, 0).await.unwrap();
    assert_eq!(again.budgets()[0].used_and_held(), (1, 0));
}

#[tokio::test]
async fn what_the_store_does_not_take_is_kept_in_order_and_written_once() {
    let (ledger, _directory) = ledger().await;
    let budget = tokens(1000);
    for _ in 0..3 {
        let hold = ledger
            .reserve(intent(), need(10, 10), &covered(&[&budget]))
            .unwrap();
        hold.settle(reported(1), Report::default());
    }
    assert!(ledger.flush().await.is_err(), "there are no tables yet");
    assert_eq!(ledger.settled.len(), 3);
    ledger.db.migrate().await.unwrap();
    ledger.flush().await.unwrap();
    assert_eq!(ledger.settled.len(), 0);
}

/// What happens to one call.
#[derive(Clone, Copy, Debug)]
enum Step {
    Reserve { prompt: i64, cap: i64 },
    Settle { which: usize, total: i64 },
    Abandon { which: usize, is_sent: bool },
    Edit(Option<i64>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1i64..500, 1i64..5000).prop_map(|(prompt, cap)| Step::Reserve { prompt, cap }),
        2 => (0usize..8, 0i64..6000).prop_map(|(which, total)| Step::Settle { which, total }),
        1 => (0usize..8, any::<bool>()).prop_map(|(which, is_sent)| Step::Abandon { which, is_sent }),
        1 => proptest::option::of(0i64..20_000).prop_map(Step::Edit),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// I5 and I7, and held is nothing once nothing is in flight.
    #[test]
    fn used_stays_within_what_was_allowed_and_what_was_overrun(steps in steps()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (ledger, _directory) = runtime.block_on(ledger());
        let budget = tokens(10_000);
        let covers = covered(&[&budget]);
        let (mut open, mut charged, mut overrun, mut edits) = (Vec::new(), 0, 0, 0);
        let mut most = Some(10_000);
        for step in steps {
            match step {
                Step::Reserve { prompt, cap } => {
                    let hold = ledger.reserve(intent(), need(prompt, cap), &covers);
                    if let Ok(hold) = hold {
                        let held = prompt + hold.shrunk_cap().unwrap_or(cap);
                        open.push((hold, held));
                    }
                }
                Step::Settle { which, total } if which < open.len() => {
                    let (hold, held) = open.swap_remove(which);
                    let charge = hold.settle(reported(total), Report::default());
                    charged += charge.tokens;
                    overrun += (charge.tokens - held).max(0);
                }
                Step::Abandon { which, is_sent } if which < open.len() => {
                    let (mut hold, held) = open.swap_remove(which);
                    if is_sent {
                        hold.dispatch();
                        charged += held.min(10);
                    }
                }
                Step::Edit(amount) => {
                    edits += 1;
                    budget.set_amount(amount, edits);
                    most = most.zip(amount).map(|(most, amount): (i64, i64)| most.max(amount));
                }
                Step::Settle { .. } | Step::Abandon { .. } => {}
            }
            let (used, held) = budget.used_and_held();
            prop_assert_eq!(used, charged);
            prop_assert_eq!(held, open.iter().map(|(_, held)| held).sum::<i64>());
            if let Some(most) = most {
                prop_assert!(used <= most + overrun, "{used} > {most} + {overrun}");
            }
        }
        drop(open);
        prop_assert_eq!(budget.used_and_held().1, 0);
    }
}
