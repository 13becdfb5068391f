//! Usage, however many keys there are.

use std::time::Duration;

use tollgate::domain::role::Role;
use tollgate::domain::tenant::{CallId, KeyId};
use tollgate::domain::time::Clock;
use tollgate::store::events::Event;

use super::between;
use crate::provider::Provider;
use crate::store::event;
use crate::support::app::TestApp;
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(of_very_many_keys_the_largest_are_shown_and_the_others_together);

const DAY: Duration = Duration::from_hours(24);
/// Each day of a month, more rows than any report has.
const KEYS: i64 = 340;

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
