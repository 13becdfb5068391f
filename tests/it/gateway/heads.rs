//! Heads that no honest client sends: too large, or ambiguous about whom they are for.

use http::Method;

use crate::support::app::TestApp;
use crate::support::client::{CHAT, Reply, chat_body};

async fn get(app: &TestApp, headers: &[(&str, &str)]) -> Reply {
    let opened = app.client.send(Method::GET, "/v1/models", headers, "");
    opened.await.read().await
}

#[tokio::test]
async fn heads_beyond_our_caps_get_the_envelope() {
    let app = TestApp::start().await;
    let long = "x".repeat(60_000);
    let answer = get(&app, &[("x-long", &long)]).await;
    answer.assert_refused(431, "headers_too_large");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    let many: Vec<String> = (0..90).map(|n| format!("x-{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "v")).collect();
    let answer = get(&app, &many).await;
    answer.assert_refused(431, "headers_too_large");
}

#[tokio::test]
async fn heads_beyond_the_parsers_caps_are_cut_off() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let line = format!("x-long: {}\r\n", "x".repeat(200_000));
    let huge = format!("x-long: {}\r\n", "x".repeat(10_000_000));
    let many: Vec<String> = (0..120).map(|n| format!("x-{n}: v\r\n")).collect();
    for fields in [line, huge, many.concat()] {
        let raw = app.client.raw(call(&key.secret, &fields)).await;
        assert!(
            raw.is_empty() || raw.starts_with("HTTP/1.1 431 "),
            "{raw:.200}"
        );
        assert!(!raw.contains(&key.secret));
    }
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    assert_eq!(app.sent().len(), 1);
}

/// A chat call as it is written, with further `fields` in its head.
fn call(secret: &str, fields: &str) -> String {
    let body = chat_body("");
    let length = body.len();
    format!(
        "POST {CHAT} HTTP/1.1\r\n{fields}authorization: Bearer {secret}\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_call_names_one_host_and_is_not_sent_otherwise() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let refused = [
        "",
        "host: a\r\nhost: a\r\n",
        "host: a\r\nhost: b\r\n",
        "host: \r\n",
        "host: a b\r\n",
        "host: user@a\r\n",
        "host: a/v1/models\r\n",
    ];
    for fields in refused {
        let answer = Reply::parse(&app.client.raw(call(&key.secret, fields)).await);
        answer.assert_refused(400, "invalid_value");
        assert_eq!(answer.json()["error"]["param"], "Host");
        assert!(answer.header("x-request-id").is_some());
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn no_host_of_the_clients_decides_where_a_call_goes() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let evil = call(&key.secret, "host: evil.example\r\n");
    let absolute = evil.replace(CHAT, &format!("http://evil.example{CHAT}"));
    for served in [&evil, &absolute] {
        let answer = Reply::parse(&app.client.raw(served).await);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let sent = app.last_sent();
        assert_eq!(sent.path, CHAT);
        let provider = app.provider.base_url();
        let authority = sent.header("host").unwrap();
        assert!(provider.starts_with(&format!("http://{authority}/")));
    }
    // The target says one thing, the header another.
    let split = absolute.replace("host: evil.example", "host: gateway.example");
    let answer = Reply::parse(&app.client.raw(split).await);
    answer.assert_refused(400, "invalid_value");
    // The path of the target is what is served, whatever its host looks like.
    let nowhere = evil.replace(CHAT, "http://evil.example/v1/models/../chat/completions");
    let answer = Reply::parse(&app.client.raw(nowhere).await);
    assert!(answer.status.is_client_error(), "{}", answer.text());
    assert_eq!(app.sent().len(), 2);
}
