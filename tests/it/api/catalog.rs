//! Providers and models: names for tenants, health for operators.

use serde_json::json;
use tollgate::domain::role::Role;

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::db::TestDb;

#[tokio::test]
async fn operators_see_how_a_provider_does_and_tenants_its_name() {
    let extra = "[[models]]\nname = \"fast\"\nprovider = \"mock\"\n";
    let app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, extra).await;
    let (viewer, operator) = (app.person(Role::Viewer).await, app.operator().await);
    let key = app.key().await;
    let health = async || {
        let seen = app.look(&operator, "/providers").await.assert_json(200);
        assert_eq!(seen["data"][0]["name"], "mock");
        seen["data"][0]["health"].clone()
    };
    let before = health().await;
    assert_eq!(
        (&before["calls"], &before["error_rate"]),
        (&json!(0), &json!(null))
    );
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    let after = app
        .until("the call is counted", async || {
            let after = health().await;
            (after["calls"] == 1).then_some(after)
        })
        .await;
    assert_eq!(
        (&after["failures"], &after["error_rate"]),
        (&json!(0), &json!(0.0))
    );
    assert!(after["last_success_at"].is_string() && after["last_failure_at"].is_null());

    let seen = app.look(&viewer, "/providers").await.assert_json(200);
    assert_eq!(seen["data"], json!([{"name": "mock", "health": null}]));
    let models = app.look(&viewer, "/models").await.assert_json(200);
    let models = models["data"].as_array().unwrap();
    assert!(models.contains(&json!({"name": "fast", "provider": "mock"})));
}
