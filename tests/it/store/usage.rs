//! Reports: sums by what is asked, and the calls themselves.

use std::time::Duration;

use tollgate::domain::quota::Unit;
use tollgate::domain::tenant::CallId;
use tollgate::domain::usage::Source;
use tollgate::store::events::{self, Batch, Event};
use tollgate::store::usage::{self, CallsQuery, Group, Of, UsageQuery, UsageRow};
use tollgate::store::{Db, StoreError, keys, refusals};

use super::{at, event, key, now, organisation};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    usage_is_summed_by_what_is_asked,
    a_range_takes_whole_hours,
    a_deleted_key_keeps_its_name_in_reports,
    sums_that_are_few_are_the_same_piece_by_piece,
    sums_that_are_too_many_are_not_read_to_their_beginning,
    the_largest_keys_come_first_and_no_more_than_are_wanted,
    calls_come_newest_first_and_all_of_them,
    calls_of_a_key_are_found_on_all_its_days,
    a_foreign_organisation_sees_nothing,
    refusals_are_counted_by_hour_and_code,
);

async fn sums(db: &Db, key: &keys::Key, by: &[Group]) -> Vec<UsageRow> {
    let query = UsageQuery {
        by: by.to_vec(),
        ..UsageQuery::default()
    };
    usage::usage(db, key.organisation_id, query).await.unwrap()
}

async fn usage_is_summed_by_what_is_asked(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let call = |text: &str, model: &str, status, source| Event {
        at: at(text),
        model: model.to_owned().into(),
        status,
        source,
        ..event(&key)
    };
    let events = [
        call("2026-11-17T23:59:59.999999Z", "a", 200, Source::Reported),
        call("2026-11-18T00:00:00Z", "a", 502, Source::Estimated),
        call("2026-11-18T00:59:59Z", "b", 299, Source::Interrupted),
        call("2026-11-18T01:00:00Z", "b", 400, Source::Reported),
    ];
    events::book(&test.db, Batch::of(&events)).await.unwrap();
    let total = sums(&test.db, &key, &[]).await;
    let expected = UsageRow {
        requests: 4,
        errors: 2,
        input_tokens: 40,
        output_tokens: 80,
        total_tokens: 120,
        estimated_tokens: 30,
        interrupted_tokens: 30,
        cost_nano: 6_000,
        ..UsageRow::default()
    };
    assert_eq!(total, std::slice::from_ref(&expected));
    let by_key = sums(&test.db, &key, &[Group::Key]).await;
    let named = UsageRow {
        key_id: Some(key.id),
        key_name: Some("ci".to_owned()),
        ..expected.clone()
    };
    assert_eq!(by_key, [named]);
    let by_project = sums(&test.db, &key, &[Group::Project]).await;
    assert_eq!(by_project[0].project_id, Some(key.project_id));
    let by_day = sums(&test.db, &key, &[Group::Day]).await;
    let days: Vec<_> = by_day
        .iter()
        .map(|row| (row.day.unwrap(), row.hour, row.requests))
        .collect();
    assert_eq!(
        days,
        [
            (at("2026-11-17T00:00:00Z"), None, 1),
            (at("2026-11-18T00:00:00Z"), None, 3)
        ]
    );
    let by_hour = sums(&test.db, &key, &[Group::Hour, Group::Model]).await;
    let hours: Vec<_> = by_hour
        .iter()
        .map(|row| {
            (
                row.hour.unwrap().to_string(),
                row.model.as_deref().unwrap(),
                row.requests,
            )
        })
        .map(|(hour, model, requests)| (hour, model.to_owned(), requests))
        .collect();
    let expected = [
        ("2026-11-17T23:00:00Z", "a", 1),
        ("2026-11-18T00:00:00Z", "a", 1),
        ("2026-11-18T00:00:00Z", "b", 1),
        ("2026-11-18T01:00:00Z", "b", 1),
    ];
    let expected = expected.map(|(hour, model, n)| (hour.to_owned(), model.to_owned(), n));
    assert_eq!(hours, expected);
    let by_day_and_model = sums(&test.db, &key, &[Group::Day, Group::Model]).await;
    let counts: Vec<_> = by_day_and_model.iter().map(|row| row.requests).collect();
    assert_eq!(counts, [1, 1, 2]);
}

/// Two keys that call at both ends of a month, with two models.
async fn a_month(test: &TestDb) -> keys::Key {
    let acme = organisation(&test.db, "Acme").await;
    let (one, two) = (key(&test.db, &acme, 1).await, key(&test.db, &acme, 2).await);
    let call = |key, text: &str, model: &'static str| Event {
        at: at(text),
        model: model.into(),
        ..event(key)
    };
    let events = [
        call(&one, "2026-10-19T10:00:00Z", "a"),
        call(&one, "2026-10-19T10:30:00Z", "b"),
        call(&two, "2026-11-17T23:59:59Z", "a"),
        call(&two, "2026-11-18T00:00:00Z", "b"),
        call(&one, "2026-11-18T10:10:00Z", "a"),
        call(&two, "2026-11-18T10:20:00Z", "a"),
    ];
    events::book(&test.db, Batch::of(&events)).await.unwrap();
    one
}

async fn at_most(
    db: &Db,
    key: &keys::Key,
    by: &[Group],
    most: usize,
) -> Result<Option<Vec<UsageRow>>, StoreError> {
    let query = UsageQuery {
        from: Some(at("2026-10-19T10:59:00Z")),
        to: Some(now()),
        by: by.to_vec(),
        ..UsageQuery::default()
    };
    usage::usage_at_most(db, key.organisation_id, query, most).await
}

async fn sums_that_are_few_are_the_same_piece_by_piece(test: TestDb) {
    let key = a_month(&test).await;
    let groupings = [
        vec![Group::Key],
        vec![Group::Key, Group::Day],
        vec![Group::Hour, Group::Key],
        vec![Group::Key, Group::Model],
    ];
    for by in groupings {
        let all = sums(&test.db, &key, &by).await;
        let found = at_most(&test.db, &key, &by, all.len()).await.unwrap();
        assert_eq!(found, Some(all.clone()), "{by:?}");
        let refused = at_most(&test.db, &key, &by, all.len() - 1).await.unwrap();
        assert_eq!(refused, None, "{by:?}");
    }
}

async fn sums_that_are_too_many_are_not_read_to_their_beginning(test: TestDb) {
    let key = a_month(&test).await;
    // The first hour of the month cannot be read any more: its sum is more than a number holds.
    let spoil = "UPDATE rollups_hourly SET requests = 9223372036854775807";
    assert_eq!(execute!(&test.db, spoil), 6);
    assert!(at_most(&test.db, &key, &[Group::Key], 2).await.is_err());
    let refused = at_most(&test.db, &key, &[Group::Key], 1).await;
    assert_eq!(refused.unwrap(), None);
}

async fn the_largest_keys_come_first_and_no_more_than_are_wanted(test: TestDb) {
    let one = a_month(&test).await;
    let largest = async |unit, of, most| {
        let query = UsageQuery {
            from: Some(at("2026-11-17T23:00:00Z")),
            by: vec![Group::Key],
            of,
            ..UsageQuery::default()
        };
        let found = usage::largest(&test.db, one.organisation_id, &query, unit, most);
        let found = found.await.unwrap().into_iter();
        let found = found.map(|row| (row.key_id == Some(one.id), row.requests, row.total_tokens));
        found.collect::<Vec<_>>()
    };
    for unit in [Unit::Tokens, Unit::Requests, Unit::NanoUsd] {
        let both = largest(unit, Of::All, 2).await;
        assert_eq!(both, [(false, 3, 90), (true, 1, 30)], "{unit:?}");
        assert_eq!(largest(unit, Of::All, 1).await, both[..1]);
        assert_eq!(largest(unit, Of::Key(one.id), 2).await, both[1..]);
    }
}

async fn a_range_takes_whole_hours(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let call = |text| Event {
        at: at(text),
        ..event(&key)
    };
    let events = [
        call("2026-11-18T09:59:59Z"),
        call("2026-11-18T10:00:00Z"),
        call("2026-11-18T11:59:59Z"),
        call("2026-11-18T12:00:00Z"),
    ];
    events::book(&test.db, Batch::of(&events)).await.unwrap();
    let query = UsageQuery {
        from: Some(at("2026-11-18T10:30:00Z")),
        to: Some(at("2026-11-18T12:00:00Z")),
        ..UsageQuery::default()
    };
    let rows = usage::usage(&test.db, acme.id, query).await.unwrap();
    assert_eq!(rows[0].requests, 2);
}

async fn a_deleted_key_keeps_its_name_in_reports(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    keys::delete(&test.db, key.id, now()).await.unwrap();
    events::book(&test.db, Batch::of(&[event(&key)]))
        .await
        .unwrap();
    let rows = sums(&test.db, &key, &[Group::Key]).await;
    assert_eq!(rows[0].key_name.as_deref(), Some("ci"));
}

async fn calls_come_newest_first_and_all_of_them(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let other = super::key(&test.db, &acme, 2).await;
    // Five calls a microsecond, so that pages end within one.
    let call = |n: u64| Event {
        at: now().plus(Duration::from_micros(n / 5)),
        ..event(if n.is_multiple_of(2) { &key } else { &other })
    };
    let events: Vec<Event> = (0..2_500).map(call).collect();
    events::book(&test.db, Batch::of(&events)).await.unwrap();
    let rows = usage::calls(&test.db, acme.id, CallsQuery::default())
        .await
        .unwrap();
    let mut expected: Vec<(_, CallId)> = events.iter().map(|event| (event.at, event.id)).collect();
    expected.sort();
    expected.reverse();
    let seen: Vec<_> = rows.iter().map(|row| (row.at, row.id)).collect();
    assert_eq!(seen, expected);
    assert_eq!(
        (rows[0].status, rows[0].source, rows[0].first_token_ms),
        (200, Source::Reported, Some(90))
    );
    let query = CallsQuery {
        key: Some(key.id),
        from: Some(now().plus(Duration::from_micros(10))),
        to: Some(now().plus(Duration::from_micros(20))),
        ..CallsQuery::default()
    };
    let rows = usage::calls(&test.db, acme.id, query).await.unwrap();
    assert_eq!(rows.len(), 25);
    assert!(rows.iter().all(|row| row.key_id == key.id));
}

async fn calls_of_a_key_are_found_on_all_its_days(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let (key, other) = (
        key(&test.db, &acme, 1).await,
        super::key(&test.db, &acme, 2).await,
    );
    let hours = [0, 23, 24, 25, 71, 240];
    let call = |key, hours| Event {
        at: at("2026-11-18T00:30:00Z").plus(Duration::from_hours(hours)),
        ..event(key)
    };
    let of_key = hours.map(|hours| call(&key, hours));
    let of_other = (0..240).map(|hours| call(&other, hours));
    let events: Vec<Event> = of_key.iter().cloned().chain(of_other).collect();
    events::book(&test.db, Batch::of(&events)).await.unwrap();
    let seen = async |from: Option<&str>, to: Option<&str>| {
        let query = CallsQuery {
            key: Some(key.id),
            from: from.map(at),
            to: to.map(at),
            ..CallsQuery::default()
        };
        let rows = usage::calls(&test.db, acme.id, query).await.unwrap();
        rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let ids: Vec<CallId> = of_key.iter().rev().map(|event| event.id).collect();
    assert_eq!(seen(None, None).await, ids);
    let from = Some("2026-11-18T00:30:00.000001Z");
    assert_eq!(seen(from, Some("2026-11-19T01:30:00Z")).await, ids[3..5]);
    assert_eq!(
        seen(from, Some("2026-11-19T01:30:00.000001Z")).await,
        ids[2..5]
    );
}

async fn a_foreign_organisation_sees_nothing(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let beta = organisation(&test.db, "Beta").await;
    let key = key(&test.db, &acme, 1).await;
    events::book(&test.db, Batch::of(&[event(&key)]))
        .await
        .unwrap();
    let query = CallsQuery {
        key: Some(key.id),
        ..CallsQuery::default()
    };
    assert_eq!(usage::calls(&test.db, beta.id, query).await.unwrap(), []);
    let rows = usage::usage(&test.db, beta.id, UsageQuery::default())
        .await
        .unwrap();
    assert_eq!(rows, []);
}

async fn refusals_are_counted_by_hour_and_code(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let hour = at("2026-11-18T10:00:00Z");
    let count = |code: &str, n| (acme.id, key.id, hour, code.to_owned(), n);
    let counts = [
        count("quota_held", 2),
        count("key_disabled", 1),
        count("quota_held", 3),
    ];
    refusals::book(&test.db, &counts).await.unwrap();
    refusals::book(&test.db, &counts[..1]).await.unwrap();
    let held = "SELECT count FROM refusals_hourly WHERE code = 'quota_held'";
    assert_eq!(number!(&test.db, held), 7);
    assert_eq!(number!(&test.db, "SELECT COUNT(*) FROM refusals_hourly"), 2);
}
