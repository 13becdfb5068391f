//! What calls have in common is written once, and every call keeps what is its own.

use futures_util::future::join_all;
use smallvec::smallvec;
use tollgate::domain::quota::Unit;
use tollgate::domain::tenant::{CallId, ProjectId};
use tollgate::domain::usage::Source;
use tollgate::store::events::{Batch, Booker, Event};
use tollgate::store::usage::{self, CallsQuery};
use uuid::Uuid;

use super::super::{at, draw, event, key, now, organisation, secret};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    calls_of_a_day_that_differ_in_numbers_only_share_a_kind,
    calls_that_differ_in_anything_else_are_told_apart,
    a_kind_that_was_not_written_is_not_remembered,
    processes_that_meet_kinds_at_once_share_them,
);

async fn calls_of_a_day_that_differ_in_numbers_only_share_a_kind(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let call = |n| Event {
        id: CallId::new(),
        input_tokens: n,
        first_token_ms: (n % 2 == 0).then_some(n),
        ..event(&key)
    };
    let calls: Vec<Event> = (0..50).map(call).collect();
    let booker = Booker::new(test.db.clone());
    booker.book(Batch::of(&calls[..20])).await.unwrap();
    booker.book(Batch::of(&calls)).await.unwrap();
    Booker::new(test.other_process().await)
        .book(Batch::of(&[call(7)]))
        .await
        .unwrap();
    assert_eq!(number!(&test.db, "SELECT COUNT(*) FROM kinds"), 1);
    let tomorrow = Event {
        at: at("2026-11-19T00:00:00Z"),
        ..call(1)
    };
    booker.book(Batch::of(&[tomorrow])).await.unwrap();
    assert_eq!(number!(&test.db, "SELECT COUNT(*) FROM kinds"), 2);
}

async fn calls_that_differ_in_anything_else_are_told_apart(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let (one, two) = (key(&test.db, &acme, 1).await, key(&test.db, &acme, 2).await);
    let same = || event(&one);
    let budget = Uuid::now_v7();
    let calls = [
        same(),
        Event {
            project_id: ProjectId::new(),
            ..same()
        },
        Event {
            key_id: two.id,
            ..same()
        },
        Event {
            secret_hash: Some(secret(0)),
            ..same()
        },
        Event {
            provider: "openaigpt".into(),
            model: "-4o".into(),
            ..same()
        },
        Event {
            model: "gpt-4o-mini".into(),
            ..same()
        },
        Event {
            upstream_model: "gpt-4o".into(),
            ..same()
        },
        Event {
            endpoint: "embeddings".into(),
            ..same()
        },
        Event {
            status: 502,
            ..same()
        },
        Event {
            code: Some("".into()),
            ..same()
        },
        Event {
            code: Some("upstream_error".into()),
            ..same()
        },
        Event {
            source: Source::Estimated,
            ..same()
        },
        Event {
            requests: 0,
            ..same()
        },
        Event {
            is_stream: false,
            ..same()
        },
        Event {
            is_suspicious: true,
            ..same()
        },
        Event {
            is_disconnected: true,
            ..same()
        },
        Event {
            budgets: smallvec![draw(budget, Unit::Tokens)],
            ..same()
        },
    ];
    let booker = Booker::new(test.db.clone());
    for _ in 0..2 {
        booker.book(Batch::of(&calls)).await.unwrap();
    }
    let kinds = number!(&test.db, "SELECT COUNT(*) FROM kinds");
    assert_eq!(kinds, i64::try_from(calls.len()).unwrap());
    let rows = usage::calls(&test.db, acme.id, CallsQuery::default())
        .await
        .unwrap();
    for call in &calls {
        let row = rows.iter().find(|row| row.id == call.id).unwrap();
        let expected = (call.key_id, &*call.model, call.status, call.source);
        assert_eq!((row.key_id, &*row.model, row.status, row.source), expected);
    }
}

async fn a_kind_that_was_not_written_is_not_remembered(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let booker = Booker::new(test.db.clone());
    let bad = Event {
        total_tokens: -1,
        ..event(&key)
    };
    booker
        .book(Batch::of(&[event(&key), bad]))
        .await
        .unwrap_err();
    assert_eq!(number!(&test.db, "SELECT COUNT(*) FROM kinds"), 0);
    booker.book(Batch::of(&[event(&key)])).await.unwrap();
    let rows = usage::calls(&test.db, acme.id, CallsQuery::default())
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
}

async fn processes_that_meet_kinds_at_once_share_them(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let call = |n| Event {
        model: format!("model-{n}").into(),
        at: now(),
        ..event(&key)
    };
    let bookings = (0..8_usize).map(|n| {
        let mut calls: Vec<Event> = (0..60).map(call).collect();
        calls.rotate_left(n * 7);
        let test = &test;
        async move {
            let booker = Booker::new(test.other_process().await);
            booker.book(Batch::of(&calls)).await.unwrap()
        }
    });
    assert_eq!(join_all(bookings).await, [60; 8]);
    assert_eq!(number!(&test.db, "SELECT COUNT(*) FROM kinds"), 60);
    assert_eq!(number!(&test.db, "SELECT COUNT(*) FROM events"), 480);
}
