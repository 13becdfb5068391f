//! What members may grant: no more than their project and organisation have.

use super::*;

/// Bounds of the default project and of the organisation.
async fn bound(app: &TestApp) -> ProjectId {
    let operator = app.operator().await;
    let limits = r#"{"limits":{"concurrency":5},"models":["gpt-*","o3"]}"#;
    let organisation = format!("/orgs/{}", app.organisation.id);
    app.ask(&operator, Method::PATCH, &organisation, limits)
        .await
        .assert_json(200);
    let project = projects::find_default(app.db(), app.organisation.id)
        .await
        .unwrap()
        .unwrap();
    let limits = r#"{"requests_per_minute":60,"quota":{"amount":1000,"period":"day"},
        "budget":{"amount_usd":"5","period":"month"}}"#;
    let patch = ProjectPatch {
        limits: Some(serde_json::from_str(limits).unwrap()),
        models: Some(Some(vec!["gpt-4*".to_owned()])),
        ..ProjectPatch::default()
    };
    let now = project.created_at;
    let (organisation, id) = (app.organisation.id, project.id);
    projects::update(app.db(), organisation, id, patch, now)
        .await
        .unwrap();
    id
}

const TOO_MUCH: &str = r#"{"name":"x","models":["gpt-4o","gpt-*","claude-3"],"limits":{
    "requests_per_minute":61,"concurrency":6,"quota":{"amount":1001,"period":"day"},
    "budget":{"amount_usd":"5.01","period":"week"}}}"#;

#[tokio::test]
async fn a_member_grants_no_more_than_the_project_and_organisation_have() {
    let app = TestApp::start().await;
    bound(&app).await;
    let member = app.person(Role::Member).await;
    let refused = app.ask(&member, Method::POST, &path(&app), TOO_MUCH).await;
    let expected = [
        "limits.budget.amount_usd",
        "limits.concurrency",
        "limits.quota.amount",
        "limits.requests_per_minute",
        "models[1]",
        "models[2]",
        "models[2]",
    ];
    assert_eq!(faulty(&refused), expected);
    let within = r#"{"name":"x","models":["gpt-4o","gpt-4*"],"limits":{"requests_per_minute":60,
        "concurrency":5,"quota":{"amount":1000,"period":"day"}}}"#;
    let (key, _) = make(&app, &member, within).await;
    let raise = r#"{"limits":{"quota":{"amount":1001}},"models":["o3"]}"#;
    let refused = app.ask(&member, Method::PATCH, &key, raise).await;
    assert_eq!(faulty(&refused), ["limits.quota.amount", "models[0]"]);
    let admin = app.person(Role::Admin).await;
    make(&app, &admin, TOO_MUCH).await;
}

#[tokio::test]
async fn a_key_that_moves_stays_within_its_new_project() {
    let app = TestApp::start().await;
    let (member, admin) = (
        app.person(Role::Member).await,
        app.person(Role::Admin).await,
    );
    let tight = format!("/orgs/{}/projects", app.organisation.id);
    let body = r#"{"name":"tight","limits":{"concurrency":1},"models":["m"]}"#;
    let tight = app
        .ask(&admin, Method::POST, &tight, body)
        .await
        .assert_json(201);
    let body = r#"{"name":"x","limits":{"concurrency":2},"models":["m","n"]}"#;
    let (key, _) = make(&app, &member, body).await;
    let body = json!({"project_id": tight["id"]}).to_string();
    let refused = app.ask(&member, Method::PATCH, &key, &body).await;
    assert_eq!(faulty(&refused), ["limits.concurrency", "models[1]"]);
    let body = json!({"project_id": tight["id"], "limits": {"concurrency": 1}, "models": ["m"]});
    let moved = app
        .ask(&member, Method::PATCH, &key, &body.to_string())
        .await;
    assert_eq!(moved.assert_json(200)["project_id"], tight["id"]);
}

/// What an admin granted is not taken away by an edit of something else.
#[tokio::test]
async fn a_member_may_rename_a_key_that_was_granted_more() {
    let app = TestApp::start().await;
    bound(&app).await;
    let (member, admin) = (
        app.person(Role::Member).await,
        app.person(Role::Admin).await,
    );
    let (key, _) = make(&app, &admin, TOO_MUCH).await;
    let hand_on = json!({"owner_id": member.id}).to_string();
    app.ask(&admin, Method::PATCH, &key, &hand_on)
        .await
        .assert_json(200);
    let renamed = app
        .ask(&member, Method::PATCH, &key, r#"{"name":"y"}"#)
        .await;
    assert_eq!(renamed.assert_json(200)["limits"]["concurrency"], 6);
}
