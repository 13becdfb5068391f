//! Booking: idempotent, whole or not at all, and true to the sum of its events.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use smallvec::smallvec;
use tollgate::domain::quota::{BudgetKey, Period, Unit};
use tollgate::domain::tenant::ScopeId;
use tollgate::store::events::{self, Batch, Event};
use tollgate::store::keys::{self, KeyPatch};
use tollgate::store::{Db, StoreError, budgets};
use uuid::Uuid;

use super::{adds_up, draw, event, key, now, organisation, quota, secret};
use crate::support::db::{TestDb, on_both_engines};

mod history;
mod kinds;
mod names;

on_both_engines!(
    booking_again_changes_nothing,
    a_bad_event_books_nothing_of_its_batch,
    what_clients_chose_cannot_stop_booking,
    calls_with_a_previous_secret_are_counted,
    calls_from_before_the_rotation_are_not_counted_however_late_they_are_booked,
    a_full_batch_is_booked_whole,
    concurrent_bookings_and_edits_do_not_wait_for_each_other,
    an_abandoned_booking_leaves_nothing_behind,
);

async fn open(db: &Db, scope: ScopeId, unit: Unit, period: Period) -> Uuid {
    let start = period.start(now());
    let name = BudgetKey {
        scope,
        unit,
        period,
        start,
    };
    budgets::open(db, &name, Some(1_000_000), now())
        .await
        .unwrap()
        .id
}

async fn booking_again_changes_nothing(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let budget = open(&test.db, ScopeId::Key(key.id), Unit::Tokens, Period::Day).await;
    let grace = now().plus(Duration::from_mins(1));
    keys::rotate(&test.db, key.id, &secret(2), "sk-2", grace, now())
        .await
        .unwrap();
    let batch: Vec<Event<'static>> = (0..150)
        .map(|_| Event {
            budgets: smallvec![draw(budget, Unit::Tokens)],
            secret_hash: Some(secret(1)),
            ..event(&key)
        })
        .collect();
    let twice: Vec<Event<'static>> = batch.iter().chain(&batch).cloned().collect();
    assert_eq!(
        events::book(&test.db, Batch::of(&twice)).await.unwrap(),
        150
    );
    assert_eq!(
        events::book(&test.db, Batch::of(&batch[20..90]))
            .await
            .unwrap(),
        0
    );
    assert_eq!(events::book(&test.db, Batch::of(&[])).await.unwrap(), 0);
    assert_eq!(number!(&test.db, "SELECT used FROM budgets"), 150 * 30);
    assert_eq!(number!(&test.db, "SELECT COUNT(*) FROM events"), 150);
    assert_eq!(
        number!(&test.db, "SELECT total_tokens FROM rollups_hourly"),
        150 * 30
    );
    assert_eq!(
        number!(&test.db, "SELECT requests FROM rollups_hourly"),
        150
    );
    assert_eq!(number!(&test.db, "SELECT MAX(calls) FROM key_secrets"), 150);
}

async fn a_bad_event_books_nothing_of_its_batch(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let budget = open(&test.db, ScopeId::Key(key.id), Unit::Tokens, Period::Day).await;
    let good = Event {
        budgets: smallvec![draw(budget, Unit::Tokens)],
        ..event(&key)
    };
    let bad = Event {
        total_tokens: -1,
        ..event(&key)
    };
    let booked = events::book(&test.db, Batch::of(&[good, bad])).await;
    assert!(matches!(booked, Err(StoreError::Other { .. })));
    assert_eq!(number!(&test.db, "SELECT used FROM budgets"), 0);
    assert_eq!(number!(&test.db, "SELECT COUNT(*) FROM events"), 0);
}

async fn what_clients_chose_cannot_stop_booking(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let long: String = (0..300).map(|_| Uuid::now_v7().to_string()).collect();
    for model in ["gpt-\0", "", "'); DROP TABLE events; --", &long] {
        let event = Event {
            model: model.into(),
            upstream_model: model.into(),
            ..event(&key)
        };
        assert_eq!(
            events::book(&test.db, Batch::of(&[event])).await.unwrap(),
            1
        );
    }
}

async fn calls_with_a_previous_secret_are_counted(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let with = |seed| Event {
        secret_hash: Some(secret(seed)),
        ..event(&key)
    };
    events::book(&test.db, Batch::of(&[with(1)])).await.unwrap();
    let grace = now().plus(Duration::from_mins(1));
    keys::rotate(&test.db, key.id, &secret(2), "sk-2", grace, now())
        .await
        .unwrap();
    // The third secret is gone by the time its call is booked.
    events::book(&test.db, Batch::of(&[with(1), with(2), with(1), with(3)]))
        .await
        .unwrap();
    let key = keys::find(&test.db, key.id).await.unwrap().unwrap();
    assert_eq!(key.previous.unwrap().calls, 2);
}

async fn calls_from_before_the_rotation_are_not_counted_however_late_they_are_booked(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
    let began = |at| Event {
        at,
        secret_hash: Some(secret(1)),
        ..event(&key)
    };
    let (rotated, grace) = (now().plus(second), now().plus(minute));
    keys::rotate(&test.db, key.id, &secret(2), "sk-2", grace, rotated)
        .await
        .unwrap();
    let calls = async |events: &[Event<'_>]| {
        events::book(&test.db, Batch::of(events)).await.unwrap();
        let key = keys::find(&test.db, key.id).await.unwrap().unwrap();
        key.previous.unwrap().calls
    };
    let before = [began(now()), began(now())];
    assert_eq!(calls(&before).await, 0);
    let both = [began(now()), began(rotated), began(rotated.plus(second))];
    assert_eq!(calls(&both).await, 2);
}

async fn a_full_batch_is_booked_whole(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let mut batch = Vec::new();
    for seed in 0..8 {
        let key = key(&test.db, &acme, seed).await;
        let of_key = open(&test.db, ScopeId::Key(key.id), Unit::Tokens, Period::Day).await;
        let of_all = open(
            &test.db,
            ScopeId::Organisation(acme.id),
            Unit::Requests,
            Period::Day,
        )
        .await;
        batch.extend((0..512).map(|n| Event {
            budgets: smallvec![draw(of_key, Unit::Tokens), draw(of_all, Unit::Requests)],
            secret_hash: Some(secret(seed)),
            model: format!("model-{}", n % 20).into(),
            ..event(&key)
        }));
    }
    assert_eq!(
        events::book(&test.db, Batch::of(&batch)).await.unwrap(),
        4096
    );
    adds_up(&test.db).await;
    assert_eq!(
        number!(&test.db, "SELECT COUNT(*) FROM rollups_hourly"),
        160
    );
}

async fn concurrent_bookings_and_edits_do_not_wait_for_each_other(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let mut open_keys = Vec::new();
    for seed in 0..40 {
        let key = key(&test.db, &acme, seed).await;
        let budget = open(&test.db, ScopeId::Key(key.id), Unit::Tokens, Period::Day).await;
        open_keys.push((key, budget, secret(seed)));
    }
    let other = test.other_process().await;
    let bookings = (0..8_usize).map(|n| {
        let mut batch: Vec<Event<'static>> = (0..400)
            .map(|call| &open_keys[(call * 7 + n * 3) % 40])
            .map(|(key, budget, secret)| Event {
                budgets: smallvec![draw(*budget, Unit::Tokens)],
                secret_hash: Some(*secret),
                ..event(key)
            })
            .collect();
        batch.rotate_left(n * 50);
        let db = if n % 2 == 0 { &test.db } else { &other };
        async move { events::book(db, Batch::of(&batch)).await.unwrap() }
    });
    let grace = now().plus(Duration::from_mins(1));
    // Few at once: what waits for a connection for too long is refused, which is not the question.
    let edits = stream::iter(open_keys.iter().enumerate());
    let edits = edits.for_each_concurrent(3, async |(n, (key, _, _))| {
        let patch = KeyPatch {
            limits: Some(quota(7, Period::Day).into()),
            ..KeyPatch::default()
        };
        keys::update(&test.db, key.id, patch, now()).await.unwrap();
        let fresh = secret(u8::try_from(100 + n).unwrap());
        let rotated = keys::rotate(&other, key.id, &fresh, "sk-", grace, now());
        rotated.await.unwrap();
    });
    let (booked, ()) = tokio::join!(join_all(bookings), edits);
    assert_eq!(booked.iter().sum::<usize>(), 8 * 400);
    adds_up(&test.db).await;
    let least = number!(&test.db, "SELECT MIN(used) FROM budgets");
    let most = number!(&test.db, "SELECT MAX(used) FROM budgets");
    assert_eq!((least, most), (80 * 30, 80 * 30));
}

async fn an_abandoned_booking_leaves_nothing_behind(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let budget = open(&test.db, ScopeId::Key(key.id), Unit::Tokens, Period::Day).await;
    let batch: Vec<Event<'static>> = (0..40)
        .map(|_| Event {
            budgets: smallvec![draw(budget, Unit::Tokens)],
            ..event(&key)
        })
        .collect();
    let mut booked = 0;
    for turns in (0..400).step_by(7) {
        tokio::select! {
            biased;
            () = yield_for(turns) => {}
            new = events::book(&test.db, Batch::of(&batch)) => booked += new.unwrap(),
        }
        adds_up(&test.db).await;
    }
    booked += events::book(&test.db, Batch::of(&batch)).await.unwrap();
    assert!(booked == 40 || booked == 0);
    assert_eq!(number!(&test.db, "SELECT used FROM budgets"), 40 * 30);
}

async fn yield_for(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}
