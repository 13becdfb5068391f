//! The error table: what each refusal looks like on the wire. Rows that need a state of their own
//! (limits, providers, shutdown) are with the tests of that state.

use http::Method;

use crate::support::app::TestApp;
use crate::support::client::{CHAT, Reply};

async fn send(app: &TestApp, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    app.client
        .send(method, path, headers, "")
        .await
        .read()
        .await
}

#[tokio::test]
async fn unknown_routes_name_what_is_served() {
    let app = TestApp::start().await;
    for path in [
        "/v1/responses",
        "/v1/messages",
        "/v1/files",
        "/v2/x",
        "/",
        "/wp-login.php",
        "/v1/chat",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = send(&app, method, path, &[]).await;
            answer.assert_refused(404, "not_found");
            assert!(answer.text().contains("/v1/chat/completions"));
            assert_eq!(answer.header("x-should-retry"), Some("false"));
            assert!(answer.header("location").is_none());
        }
    }
}

#[tokio::test]
async fn other_methods_are_told_which_ones_are_taken() {
    let app = TestApp::start().await;
    let cases = [
        (Method::GET, CHAT, "POST"),
        (Method::DELETE, "/v1/models", "GET, HEAD"),
        (Method::POST, "/livez", "GET, HEAD"),
    ];
    for (method, path, allowed) in cases {
        let answer = send(&app, method, path, &[]).await;
        answer.assert_refused(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allowed));
    }
}

#[tokio::test]
async fn a_websocket_is_sent_to_post() {
    let app = TestApp::start().await;
    let headers = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "x"),
    ];
    let answer = send(&app, Method::GET, "/v1/responses", &headers).await;
    assert_eq!(answer.status, 426);
}

#[tokio::test]
async fn every_answer_carries_its_id_twice_and_every_error_all_four_keys() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let answers = [
        send(&app, Method::GET, "/nowhere", &[]).await,
        send(&app, Method::GET, CHAT, &[]).await,
        send(&app, Method::POST, CHAT, &[]).await,
        app.client.post(CHAT, &key.secret, "{").await,
    ];
    for answer in answers {
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(answer.header("request-id"), Some(id));
        let error = &answer.json()["error"];
        for field in ["message", "type", "param", "code"] {
            assert!(error.get(field).is_some(), "{field} in {error}");
        }
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let ok = app.client.chat(&key.secret).await;
    assert_eq!(ok.header("request-id"), ok.header("x-request-id"));
}

#[tokio::test]
async fn heads_beyond_our_caps_get_the_envelope() {
    let app = TestApp::start().await;
    let long = "x".repeat(60_000);
    send(&app, Method::GET, "/v1/models", &[("x-long", &long)])
        .await
        .assert_refused(431, "headers_too_large");
    let many: Vec<(String, String)> = (0..90)
        .map(|n| (format!("x-{n}"), "v".to_owned()))
        .collect();
    let many: Vec<(&str, &str)> = many
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    send(&app, Method::GET, "/v1/models", &many)
        .await
        .assert_refused(431, "headers_too_large");
}
