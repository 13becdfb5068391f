//! Leaked keys: whoever holds one may end it.

use http::Method;
use tollgate::store::audit::{self, AuditQuery};

use crate::support::app::TestApp;
use crate::support::client::Reply;
use crate::support::people::Nobody;

async fn report(app: &TestApp, key: &str) -> Reply {
    let body = serde_json::json!({"key": key}).to_string();
    app.ask(&Nobody, Method::POST, "/keys/revoke-leaked", &body)
        .await
}

#[tokio::test]
async fn whoever_holds_a_key_can_end_it_and_learns_nothing() {
    let app = TestApp::start().await;
    let (key, other) = (app.key().await, app.key().await);
    let ended = report(&app, &key.secret).await;
    assert_eq!((ended.status.as_u16(), ended.body.len()), (204, 0));
    app.until("the key is refused", async || {
        let reply = app.client.chat(&key.secret).await;
        (reply.status == 401).then_some(reply)
    })
    .await
    .assert_refused(401, "key_disabled");
    assert_eq!(app.client.chat(&other.secret).await.status, 200);
    let mut unknown = key.secret.clone();
    unknown.replace_range(
        3..4,
        if unknown.as_bytes()[3] == b'a' {
            "b"
        } else {
            "a"
        },
    );
    for garbage in [key.secret.as_str(), &unknown, "", "sk-", "mk-x"] {
        let same = report(&app, garbage).await;
        assert_eq!((same.status, &same.body), (ended.status, &ended.body));
    }
    let id = app.organisation.id;
    let audit = audit::list(app.db(), id, &AuditQuery::default(), 100)
        .await
        .unwrap();
    let leaks: Vec<_> = audit
        .iter()
        .filter(|row| row.action == "key.leak")
        .collect();
    assert_eq!(leaks.len(), 1);
    assert_eq!(
        (&*leaks[0].author_kind, leaks[0].subject_id),
        ("bearer", Some(key.id.0))
    );
    assert!(leaks[0].address.is_some() && leaks[0].request_id.is_some());
    assert!(!format!("{leaks:?}").contains(&key.secret[7..31]));
}

#[tokio::test]
async fn an_answer_shows_nothing_of_a_key_that_it_does_not_understand() {
    let app = TestApp::start().await;
    let path = "/keys/revoke-leaked";
    for body in ["{}", r#"{"key":["sk-canary"]}"#, r#"{"kez":"sk-canary"}"#] {
        let refused = app.ask(&Nobody, Method::POST, path, body).await;
        refused.assert_problem(400, "invalid");
        assert!(!refused.text().contains("canary"));
    }
}

#[tokio::test]
async fn reports_from_one_address_are_throttled() {
    let app = TestApp::start().await;
    for _ in 0..60 {
        assert_eq!(report(&app, "sk-x").await.status, 204);
    }
    let refused = app.until("reports are too many", async || {
        let reply = report(&app, "sk-x").await;
        (reply.status != 204).then_some(reply)
    });
    let refused = refused.await;
    refused.assert_problem(429, "throttled");
    assert!(refused.header("retry-after").is_some());
}
