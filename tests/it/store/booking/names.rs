//! A client's own words do not make a row of every call.

use tollgate::store::events::{Batch, Booker, Event};
use tollgate::store::usage::{self, Group, UsageQuery};

use super::super::{at, event, key, organisation};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(names_beyond_a_thousand_a_key_and_day_are_summed_as_other);

async fn names_beyond_a_thousand_a_key_and_day_are_summed_as_other(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let (one, two) = (key(&test.db, &acme, 1).await, key(&test.db, &acme, 2).await);
    let call = |key, hour: usize, n: usize| Event {
        at: at(&format!("2026-11-18T{hour:02}:00:00Z")),
        model: format!("m{n}").into(),
        ..event(key)
    };
    let booker = Booker::new(test.db.clone());
    let of_one: Vec<Event> = (0..1200).map(|n| call(&one, n / 600, n)).collect();
    let of_two = [call(&two, 5, 7000)];
    for events in [&of_one[..700], &of_one[700..], &of_two] {
        booker.book(Batch::of(events)).await.unwrap();
    }
    let query = UsageQuery {
        by: vec![Group::Key, Group::Model],
        ..UsageQuery::default()
    };
    let rows = usage::usage(&test.db, acme.id, query).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.requests).sum::<i64>(), 1201);
    let of_one = rows.iter().filter(|row| row.key_id == Some(one.id));
    assert_eq!(of_one.count(), 1001);
    let named = |key, model: &str| {
        let mut rows = rows.iter();
        let row = rows.find(|row| row.key_id == Some(key) && row.model.as_deref() == Some(model));
        row.map(|row| (row.requests, row.total_tokens))
    };
    assert_eq!(named(one.id, "other"), Some((200, 200 * 30)));
    assert_eq!(named(one.id, "m3"), Some((1, 30)));
    assert_eq!(named(two.id, "m7000"), Some((1, 30)));
}
