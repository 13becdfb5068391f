//! The list of calls: page by page, by what is asked, without what was said.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use tollgate::domain::role::Role;
use tollgate::store::events::Event;

use crate::provider::Provider;
use crate::store::{at, event};
use crate::support::app::TestApp;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::people::Asker;

on_both_engines!(
    pages_are_all_calls_and_each_once,
    calls_are_found_by_key_model_status_and_time,
);

/// All calls that a query lists, page by page.
async fn all(app: &TestApp, who: &dyn Asker, query: &str) -> Vec<Value> {
    let path = format!("/orgs/{}/calls?{query}", app.organisation.id);
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = app
            .look(who, &format!("{path}{cursor}"))
            .await
            .assert_json(200);
        found.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else {
            return found;
        };
        cursor = format!("&cursor={next}");
    }
}

async fn pages_are_all_calls_and_each_once(test: TestDb) {
    let app = TestApp::with(test, Provider::honest().await, "").await;
    let viewer = app.person(Role::Viewer).await;
    let (key, _) = app.key_of(app.organisation.id, None).await;
    // Four calls a microsecond, so that pages end within one; the first ones begin a day.
    let begin = at("2026-11-18T00:00:00Z");
    let calls = (0..1_100).map(|n| Event {
        at: begin.plus(Duration::from_micros(n / 4)),
        ..event(&key)
    });
    app.book(&calls.collect::<Vec<_>>()).await;
    let of_key = format!("key={}&limit=130", key.id);
    for query in ["limit=130", &of_key, "status=2xx&limit=200"] {
        let found = all(&app, &viewer, query).await;
        let ids: HashSet<_> = found.iter().map(|call| call["id"].as_str()).collect();
        assert_eq!((found.len(), ids.len()), (1_100, 1_100), "{query}");
        let times = found.iter().map(|call| at(call["at"].as_str().unwrap()));
        assert!(times.rev().is_sorted(), "newest first");
    }
    let csv = format!("/orgs/{}/calls.csv", app.organisation.id);
    let csv = app.look(&viewer, &csv).await;
    assert_eq!(csv.text().lines().count(), 1_101);
    assert!(
        csv.text()
            .starts_with("id,at,key_id,model,provider,status,")
    );
}

async fn calls_are_found_by_key_model_status_and_time(test: TestDb) {
    let app = TestApp::with(test, Provider::honest().await, "").await;
    let viewer = app.person(Role::Viewer).await;
    let (key, _) = app.key_of(app.organisation.id, None).await;
    let (other, _) = app.key_of(app.organisation.id, None).await;
    let call = |key, time: &str, model: &str, status| Event {
        at: at(time),
        model: model.to_owned().into(),
        status,
        ..event(key)
    };
    app.book(&[
        call(&key, "2026-09-01T00:00:00Z", "a", 200),
        call(&key, "2026-11-01T10:00:00Z", "a", 429),
        call(&key, "2026-11-17T10:00:00Z", "b", 500),
        call(&other, "2026-11-17T11:00:00Z", "b", 503),
        call(&other, "2026-11-18T00:00:00Z", "a", 200),
    ])
    .await;
    let of_key = format!("key={}", key.id);
    let busy = format!("key={}&status=4xx&model=a", key.id);
    for (query, count) in [
        ("from=2026-01-01T00:00:00Z", 5),
        (&*of_key, 3),
        (&*busy, 1),
        ("model=a", 3),
        ("status=5xx", 2),
        ("status=503", 1),
        ("status=404", 0),
        ("from=2026-11-17T10:00:00Z&to=2026-11-18T00:00:00Z", 2),
        (
            "from=2026-11-17T10:00:00.000001Z&to=2026-11-18T00:00:00Z&model=b",
            1,
        ),
    ] {
        let found = all(&app, &viewer, &format!("limit=2&{query}")).await;
        assert_eq!(found.len(), count, "{query}");
    }
    let path = format!("/orgs/{}/calls", app.organisation.id);
    for query in [
        "status=6xx",
        "status=teapot",
        "cursor=x",
        "limit=0",
        "keys=x",
    ] {
        let reply = app.look(&viewer, &format!("{path}?{query}")).await;
        reply.assert_problem(400, "invalid");
    }
}
