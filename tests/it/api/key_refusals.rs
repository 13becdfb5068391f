//! Why calls of a key were refused.

use serde_json::{Value, json};
use tollgate::domain::limits::Limits;
use tollgate::domain::role::Role;

use crate::support::app::TestApp;

#[tokio::test]
async fn refused_calls_are_counted_and_shown_with_the_limit_that_tripped() {
    let app = TestApp::start().await;
    let limits = Limits {
        requests_per_minute: Some(1),
        ..Limits::default()
    };
    let key = app.limited_key(limits).await;
    let viewer = app.person(Role::Viewer).await;
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    for _ in 0..2 {
        assert_eq!(app.client.chat(&key.secret).await.status, 429);
    }
    let path = format!("/orgs/{}/keys/{}/refusals", app.organisation.id, key.id);
    let refusals = app
        .until("both are written", async || {
            let refusals = app.look(&viewer, &path).await.assert_json(200);
            (refusals["last"].as_array().unwrap().len() == 2).then_some(refusals)
        })
        .await;
    let last = &refusals["last"][0];
    assert_eq!(last["code"], "rate_limit_exceeded");
    assert_eq!(
        (&last["scope"], &last["rule"]),
        (&json!("key"), &json!("requests_per_minute"))
    );
    assert_eq!(
        (&last["amount"], &last["amount_usd"]),
        (&json!(1), &Value::Null)
    );
    assert_ne!(last["frees_at"], Value::Null);
    let counted = refusals["hours"].as_array().unwrap().iter();
    let counted: i64 = counted.map(|hour| hour["count"].as_i64().unwrap()).sum();
    assert_eq!(counted, 2);
    let later = format!("{path}?from=2999-01-01T00:00:00Z");
    let later = app.look(&viewer, &later).await.assert_json(200);
    assert_eq!(later["hours"], json!([]));
}
