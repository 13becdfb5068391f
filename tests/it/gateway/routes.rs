//! What is served where, and what everything else answers.

use http::{HeaderName, Method};

use super::errors::{INVALID, assert_row, send};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};

#[tokio::test]
async fn unknown_routes_name_what_is_served() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let bearer = format!("Bearer {}", key.secret);
    for path in [
        "/v1/responses",
        "/v1/messages",
        "/v1/files",
        "/v1/chat",
        "/v1/chat/completions/",
        "/v1//chat/completions",
        "/v1/%63hat/completions",
        "/V1/chat/completions",
        "/v1",
        "/v2/x",
        "/wp-login.php",
        "/version",
        "/metrics",
        "/healthz",
        "/debug/pprof",
    ] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let headers = [("authorization", bearer.as_str())];
            let answer = send(&app, method, path, &headers).await;
            let message = assert_row(&answer, 404, INVALID, "not_found", None);
            assert!(message.contains("/v1/chat/completions"), "{message}");
            assert!(answer.header("location").is_none());
        }
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn other_methods_are_told_which_ones_are_taken() {
    let app = TestApp::start().await;
    let cases = [
        (Method::GET, CHAT, "POST"),
        (Method::OPTIONS, CHAT, "POST"),
        (Method::PUT, "/v1/completions", "POST"),
        (Method::DELETE, "/v1/embeddings", "POST"),
        (Method::DELETE, "/v1/models", "GET, HEAD"),
        (Method::POST, "/v1/models/m", "GET, HEAD"),
        (Method::POST, "/livez", "GET, HEAD"),
        (Method::POST, "/readyz", "GET, HEAD"),
    ];
    for (method, path, allowed) in cases {
        let answer = send(&app, method, path, &[]).await;
        assert_row(&answer, 405, INVALID, "method_not_allowed", None);
        let allow: Vec<_> = answer.headers.get_all("allow").iter().collect();
        assert_eq!(allow, [allowed], "{path}");
    }
}

#[tokio::test]
async fn a_websocket_is_sent_to_post() {
    let app = TestApp::start().await;
    let headers = [
        ("connection", "upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-key", "x"),
    ];
    for path in ["/v1/responses", "/v1/realtime", CHAT] {
        let answer = send(&app, Method::GET, path, &headers).await;
        assert_row(&answer, 426, INVALID, "not_found", None);
    }
}

#[tokio::test]
async fn probes_ask_for_nothing_and_say_nothing() {
    let app = TestApp::start().await;
    for path in ["/livez", "/readyz"] {
        let answer = send(&app, Method::GET, path, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "ok\n"));
        let mut names: Vec<&str> = answer.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["content-length", "date", "request-id", "x-request-id"]
        );
        let head = send(&app, Method::HEAD, path, &[]).await;
        assert_eq!((head.status.as_u16(), head.text()), (200, ""));
    }
}

#[tokio::test]
async fn what_goes_well_carries_its_id_twice_and_no_two_are_the_same() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let one = app.client.chat(&key.secret).await;
    let two = app.client.get("/v1/models", &key.secret).await;
    let stream = chat_body(r#","stream":true"#);
    let three = app.client.post(CHAT, &key.secret, &stream).await;
    let mut ids: Vec<&str> = Vec::new();
    for answer in [&one, &two, &three] {
        assert_eq!(answer.status, 200);
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(answer.header("request-id"), Some(id));
        assert!(!ids.contains(&id));
        ids.push(id);
    }
}
