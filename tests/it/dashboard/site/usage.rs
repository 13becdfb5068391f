//! Usage, however many keys, models and projects there are.

use std::time::Duration;

use tollgate::domain::role::Role;
use tollgate::domain::tenant::{CallId, KeyId, ProjectId};
use tollgate::domain::time::Clock;
use tollgate::store::events::Event;

use super::between;
use crate::provider::Provider;
use crate::store::event;
use crate::support::app::TestApp;
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    of_very_many_keys_the_largest_are_shown_and_the_others_together,
    of_very_many_models_and_projects_the_largest_are_shown_and_the_others_together,
    the_figures_are_those_of_what_is_looked_at,
);

const DAY: Duration = Duration::from_hours(24);
/// Each day of a month, more rows than any report has.
const KEYS: i64 = 340;
/// Series of a chart, and the one of all others.
const DRAWN: usize = 7;

async fn of_very_many_keys_the_largest_are_shown_and_the_others_together(test: TestDb) {
    let app = TestApp::with(test, Provider::honest().await, "").await;
    let (key, _) = app.key_of(app.organisation.id, None).await;
    let (mut events, one) = (Vec::new(), event(&key));
    let now = Clock::default().now();
    for number in 1..=KEYS {
        let key_id = if number == KEYS { key.id } else { KeyId::new() };
        events.extend((0..30).map(|day| Event {
            id: CallId::new(),
            at: now.minus(DAY * day),
            key_id,
            total_tokens: number,
            ..one.clone()
        }));
    }
    app.book(&events).await;

    let viewer = app.person(Role::Viewer).await;
    let organisation = format!("/orgs/{}", app.organisation.id);
    let by_key = format!("{organisation}/usage?by=key");
    let page = app.page(&viewer, &by_key).await.assert_page(200).to_owned();
    assert!(page.contains("The 100 largest keys."));
    assert_eq!(page.matches("row-link").count(), 100);
    let first = between(&page, "row-link", "</a>");
    assert!(first.contains(&key.id.to_string()), "{first}");
    let compared = format!("{organisation}/usage?by=key&key={}", key.id);
    let compared = app.page(&viewer, &compared).await;
    assert!(!compared.assert_page(200).contains("Others"));
    for nothing in [
        format!("by=model&key={}", key.id),
        "by=key&key=none".to_owned(),
    ] {
        let page = format!("{organisation}/usage?{nothing}");
        let page = app.page(&viewer, &page).await;
        let page = page.assert_page(200);
        assert!(!page.contains("aria-label=\"Compared\""), "{nothing}");
    }

    let overview = format!("{organisation}?by=key&range=30d");
    let overview = app.page(&viewer, &overview).await;
    for page in [page, overview.assert_page(200).to_owned()] {
        assert!(page.contains("Others"));
        let series = page.matches("Unknown").count();
        assert!(series > 0, "keys that are gone are drawn too");
    }
}

async fn of_very_many_models_and_projects_the_largest_are_shown_and_the_others_together(
    test: TestDb,
) {
    let app = TestApp::with(test, Provider::honest().await, "").await;
    let (key, _) = app.key_of(app.organisation.id, None).await;
    let (mut events, one) = (Vec::new(), event(&key));
    let now = Clock::default().now();
    for number in 1..=KEYS {
        let project_id = ProjectId::new();
        events.extend((0..30).map(|day| Event {
            id: CallId::new(),
            at: now.minus(DAY * day),
            model: format!("model-{number:03}").into(),
            project_id,
            total_tokens: number,
            ..one.clone()
        }));
    }
    app.book(&events).await;

    let viewer = app.person(Role::Viewer).await;
    let organisation = format!("/orgs/{}", app.organisation.id);
    let usage = format!("{organisation}/usage");
    let mut pages = Vec::new();
    for path in [
        usage.clone(),
        format!("{organisation}?range=30d"),
        format!("{organisation}/keys/{}", key.id),
        format!("{usage}?by=project"),
    ] {
        let page = app.page(&viewer, &path).await.assert_page(200).to_owned();
        let head = between(&page, "chart-table", "</thead>").to_owned();
        assert!(head.contains("Others"), "{path}: {head}");
        assert_eq!(head.matches("<th ").count(), DRAWN + 1, "{path}: {head}");
        let table = between(&page, "chart-table", "</table>");
        assert_eq!(drawn(table), 30 * (1..=KEYS).sum::<i64>(), "{path}");
        pages.push(page);
    }
    let [by_model, overview, of_key, by_project] = pages.as_slice() else {
        panic!("four pages");
    };
    for page in [by_model, overview, of_key] {
        let head = between(page, "chart-table", "</thead>");
        assert!(head.contains("model-340") && head.contains("model-335"));
        assert!(!head.contains("model-334"), "{head}");
    }
    for page in [overview, of_key] {
        assert!(page.contains("10.2K"), "all calls are in the figures");
    }
    assert!(by_model.contains("The 100 largest models."));
    assert!(by_model.contains("model-241") && !by_model.contains("model-240"));
    assert!(by_project.contains("The 100 largest projects."));

    // Who reads it as JSON is told what to do instead.
    let rows = format!("{usage}?by=day,model");
    let refused = app.look(&viewer, &rows).await;
    refused.assert_problem(400, "invalid");
}

async fn the_figures_are_those_of_what_is_looked_at(test: TestDb) {
    let app = TestApp::with(test, Provider::honest().await, "").await;
    let (key, _) = app.key_of(app.organisation.id, None).await;
    let (other, _) = app.key_of(app.organisation.id, None).await;
    let now = Clock::default().now();
    let one = |key_id, status| Event {
        id: CallId::new(),
        at: now,
        key_id,
        status,
        total_tokens: 100,
        ..event(&key)
    };
    let events = [
        one(key.id, 200),
        one(key.id, 200),
        one(other.id, 200),
        one(other.id, 500),
    ];
    app.book(&events).await;

    let viewer = app.person(Role::Viewer).await;
    let usage = format!("/orgs/{}/usage", app.organisation.id);
    let of_key = format!("by=key&key={}", key.id);
    for (query, figures) in [
        ("", ["4", "400", "25%"]),
        ("by=project", ["4", "400", "25%"]),
        ("range=month", ["4", "400", "25%"]),
        ("range=24h&by=day", ["4", "400", "25%"]),
        ("from=2020-01-01&to=2020-01-02", ["0", "0", "0%"]),
        (of_key.as_str(), ["2", "200", "0%"]),
    ] {
        let page = app.page(&viewer, &format!("{usage}?{query}")).await;
        let values = page.assert_page(200).split("stat-value\">").skip(1);
        let values: Vec<_> = values.map(|rest| rest.split('<').next().unwrap()).collect();
        let [requests, tokens, errors] = figures;
        assert_eq!(values, [requests, tokens, values[2], errors], "{query}");
    }
}

/// All that a chart's table holds.
fn drawn(table: &str) -> i64 {
    let cells = table.split("data-value=\"").skip(1);
    let values = cells.map(|cell| cell.split('"').next().unwrap().parse::<i64>().unwrap());
    values.sum()
}
