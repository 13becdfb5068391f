//! Calls against a real store and a real journal, on disks that fail.

use std::time::Instant;

use super::journal::Durability;
use super::*;
use crate::domain::key::SecretHash;
use crate::domain::limits::{Limits, TokenQuota, TokenUnit};
use crate::domain::quota::Period;
use crate::domain::tenant::{CallId, KeyId, OrganisationId, ProjectId, ScopeId};
use crate::domain::time::Timestamp;
use crate::domain::usage::{Ending, Source, Usage};

mod batches;
mod fragile;
mod running;

use running::{Running, opened};

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
        model: "m".into(),
        upstream_model: "m".into(),
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

fn a_day(requests: u32) -> Limits {
    Limits {
        requests_per_day: Some(requests),
        ..Limits::default()
    }
}

fn tokens(amount: i64) -> Limits {
    Limits {
        quota: Some(TokenQuota {
            unit: TokenUnit::Tokens,
            amount,
            period: Period::None,
        }),
        ..Limits::default()
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

/// What the budget of `cover` says is used and held.
fn used_and_held(cover: &Cover) -> (i64, i64) {
    cover.budgets()[0].slice().used_and_held()
}

async fn booked(ledger: &Ledger) -> i64 {
    let Db::Sqlite(pools) = &ledger.db else {
        return 0;
    };
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM events");
    count.fetch_one(pools.writer()).await.unwrap()
}

#[tokio::test]
async fn a_settled_call_is_charged_and_what_it_held_goes_back() {
    let running = Running::start(Durability::Process).await;
    let cover = running.cover(a_day(5)).await;
    let hold = running.sent(&need(100, 100), &cover).await;
    assert_eq!(used_and_held(&cover), (0, 1));
    let settled = hold.settle(reported(70), Report::default()).unwrap();
    assert_eq!(settled.charge.source, Source::Reported);
    assert!(settled.keeping.is_none());
    assert_eq!(used_and_held(&cover), (1, 0));
    let ledger = running.stop().await;
    assert_eq!(booked(&ledger).await, 1);
}

#[tokio::test]
async fn a_call_that_is_dropped_unsent_leaves_nothing_and_a_sent_one_its_estimate() {
    let running = Running::start(Durability::Process).await;
    let cover = running.cover(a_day(5)).await;
    drop(running.hold(&need(100, 100), &cover).await.unwrap());
    assert_eq!(used_and_held(&cover), (0, 0));
    drop(running.sent(&need(100, 100), &cover).await);
    assert_eq!(used_and_held(&cover), (1, 0));
    let ledger = running.stop().await;
    assert_eq!(booked(&ledger).await, 1);
}

#[tokio::test]
async fn a_call_draws_from_all_budgets_or_from_none() {
    let running = Running::start(Durability::Process).await;
    let (wide, narrow) = (
        running.cover(a_day(100)).await,
        running.cover(a_day(1)).await,
    );
    let both = [Arc::clone(&wide), Arc::clone(&narrow)];
    let one = need(100, 100);
    let _first = running.sent(&one, &narrow).await;
    let refused = running.ledger.reserve(&one, &both).await;
    let Err(Shortage::Held(budget)) = refused else {
        panic!("the narrow budget has no room");
    };
    assert_eq!(budget.row, narrow.budgets()[0].row);
    assert_eq!(used_and_held(&wide), (0, 0));
}

/// The large budget alone would not go below 1000 output tokens; the small one makes do with 300.
#[tokio::test]
async fn a_call_that_another_budget_keeps_small_is_refused_only_while_its_room_is_held() {
    let running = Running::start(Durability::Process).await;
    let (large, small) = (
        running.cover(tokens(64_000)).await,
        running.cover(tokens(600)).await,
    );
    let used = running.sent(&need(63_600, 0), &large).await;
    drop(used.settle(reported(63_600), Report::default()));
    let rest = running.sent(&need(400, 0), &large).await;
    let both = [Arc::clone(&large), small];
    let open_ended = need(100, 16_384);
    let refused = running.ledger.reserve(&open_ended, &both).await;
    assert!(matches!(refused, Err(Shortage::Held(_))));
    let alone = running.ledger.reserve(&open_ended, &both[..1]).await;
    assert!(matches!(alone, Err(Shortage::Exhausted(_))));
    drop(rest.settle(Ending::Refused, Report::default()));
    let room = running.ledger.reserve(&open_ended, &both).await;
    assert_eq!(room.map(|room| room.cap).ok(), Some(300));
    running.stop().await;
}

#[tokio::test]
async fn with_disk_the_end_waits_for_the_disk() {
    let running = Running::start(Durability::Disk).await;
    let cover = running.cover(a_day(5)).await;
    let hold = running.sent(&need(100, 100), &cover).await;
    let settled = hold.settle(reported(70), Report::default()).unwrap();
    settled.keeping.unwrap().await.unwrap();
    let ledger = running.stop().await;
    assert_eq!(booked(&ledger).await, 1);
}

#[tokio::test]
async fn an_end_that_no_disk_takes_is_booked_before_it_is_seen_and_no_call_begins_meanwhile() {
    let running = Running::start(Durability::Process).await;
    let cover = running.cover(a_day(5)).await;
    let (one, other) = (need(100, 100), need(1, 1));
    let hold = running.sent(&one, &cover).await;
    running.disk.set_broken(true);
    let mut early = running.hold(&other, &cover).await.unwrap();
    assert_eq!(early.dispatch().await, Err(Unavailable));
    assert!(early.settle(reported(1), Report::default()).is_none());
    let settled = hold.settle(reported(70), Report::default()).unwrap();
    let refused = running.hold(&other, &cover).await;
    assert!(matches!(refused, Err(Shortage::Unavailable)));
    settled.keeping.unwrap().await.unwrap();
    assert_eq!(booked(&running.ledger).await, 1);
    running.disk.set_broken(false);
    let mended = async {
        while running.ledger.health().is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), mended)
        .await
        .unwrap();
    drop(running.sent(&other, &cover).await);
    assert_eq!(used_and_held(&cover), (2, 0));
    let ledger = running.stop().await;
    assert_eq!(booked(&ledger).await, 2);
}

#[tokio::test]
async fn a_budget_that_nobody_uses_gives_its_room_back_and_is_forgotten() {
    let running = Running::start(Durability::Process).await;
    let cover = running.cover(a_day(5)).await;
    drop(running.sent(&need(1, 1), &cover).await);
    drop(cover);
    let ledger = running.stop().await;
    assert_eq!(ledger.budgets.lock().len(), 1);
    ledger.tidy();
    assert_eq!(ledger.budgets.lock().len(), 0);
}

#[tokio::test]
async fn a_hold_over_midnight_ends_in_its_own_day_whose_room_goes_back() {
    let eve = Timestamp::parse("2026-11-30T23:59:30Z").unwrap();
    let clock = Clock::fixed(eve);
    let running = Running::at(clock.clone(), Durability::Process).await;
    let (limits, scope) = (a_day(4), ScopeId::Key(KeyId::new()));
    let cover = async || running.ledger.cover(scope, &limits, 0).await.unwrap();
    let yesterday = cover().await;
    let hold = running.sent(&need(1, 1), &yesterday).await;
    clock.advance(Duration::from_mins(1));
    assert!(yesterday.is_over(clock.now()));
    let today = cover().await;
    drop(running.sent(&need(1, 1), &today).await);
    assert_eq!(
        (used_and_held(&yesterday), used_and_held(&today)),
        ((0, 1), (1, 0))
    );
    drop(hold);
    running.ledger.tidy();
    running.ledger.outbox.hurry();
    let ledger = Arc::clone(&running.ledger);
    let given_back = async {
        while leased(&ledger, &yesterday).await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), given_back)
        .await
        .unwrap();
    assert!(leased(&ledger, &today).await > 0, "today goes on");
    running.stop().await;
}

async fn leased(ledger: &Ledger, cover: &Cover) -> i64 {
    let Db::Sqlite(pools) = &ledger.db else {
        return 0;
    };
    let leased = sqlx::query_scalar("SELECT leased FROM budgets WHERE id = $1");
    let leased = leased.bind(cover.budgets()[0].row);
    leased.fetch_one(pools.writer()).await.unwrap()
}
