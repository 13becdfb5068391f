//! Where limits stand, and who may edit them.

use http::Method;
use tollgate::domain::role::Role;

use super::between;
use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(a_new_limit_stands_where_its_first_call_will_find_it,);

/// Usage from before there was a limit counts from the first look on, before any call opens its row.
async fn a_new_limit_stands_where_its_first_call_will_find_it(test: TestDb) {
    let app = TestApp::with(test, Provider::honest().await, "").await;
    let (operator, owner) = (app.operator().await, app.person(Role::Owner).await);
    let key = app.key().await;
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    let tokens = app.booked(1).await[0].total_tokens;
    let org = format!("/orgs/{}", app.organisation.id);
    let path = format!("{org}/keys/{}", key.id);
    let shown = app.look(&owner, &path).await.assert_json(200);
    let project = format!("{org}/projects/{}", shown["project_id"].as_str().unwrap());
    let limits = r#"{"limits":{"quota":{"amount":1000000,"period":"month"},"requests_per_day":9}}"#;
    for path in [&path, &project] {
        let changed = app.ask(&owner, Method::PATCH, path, limits).await;
        changed.assert_json(200);
    }
    let changed = app.ask(&operator, Method::PATCH, &org, limits).await;
    changed.assert_json(200);

    let page = app.page(&owner, &format!("{path}/limits")).await;
    let page = page.assert_page(200);
    for scope in ["key", "project", "organisation"] {
        let quota = between(page, &format!("Token quota of the {scope},"), "</svg>");
        assert!(quota.contains(&format!("<b>{tokens}</b> of 1M")), "{quota}");
        let requests = between(page, &format!("Requests of the {scope},"), "</svg>");
        assert!(requests.contains("<b>1</b> of 9"), "{requests}");
    }
    for path in [org.clone(), format!("{org}/settings")] {
        let page = app.page(&owner, &path).await;
        let quota = between(
            page.assert_page(200),
            "Token quota of the organisation,",
            "</svg>",
        );
        assert!(
            quota.contains(&format!("<b>{tokens}</b> of 1M")),
            "{path}: {quota}"
        );
    }
}

#[tokio::test]
async fn who_may_not_change_a_thing_gets_no_form_to_fill_in() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let org = format!("/orgs/{}", app.organisation.id);
    let pages = [
        (format!("{org}/keys/{}/settings", key.id), Role::Admin),
        (format!("{org}/settings"), Role::Owner),
    ];
    for role in [Role::Viewer, Role::Admin, Role::Owner] {
        let person = app.person(role).await;
        for (path, least) in &pages {
            let page = app.page(&person, path).await;
            let page = page.assert_page(200);
            let form = between(page, "id=\"edited\"", "</form>");
            let fields = between(form, "<fieldset", ">");
            assert_eq!(
                fields.contains("disabled"),
                role < *least,
                "{role:?} {path}"
            );
            assert_eq!(
                form.contains(">Save</button>"),
                role >= *least,
                "{role:?} {path}"
            );
        }
    }
}
