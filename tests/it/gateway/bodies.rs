//! What a body may be, and that what was checked is what is sent.

use http::Method;

use crate::provider::Provider;
use crate::support::app::{KeySpec, TestApp};
use crate::support::client::{CHAT, Reply, chat_body};
use crate::support::db::TestDb;

async fn chat(app: &TestApp, body: &str) -> Reply {
    let key = app.key().await;
    app.client.post(CHAT, &key.secret, body).await
}

#[tokio::test]
async fn a_model_named_twice_is_refused_and_nothing_is_sent() {
    let app = TestApp::start().await;
    let models = Some(vec!["allowed".to_owned()]);
    let key = app
        .key_with(KeySpec {
            models,
            ..KeySpec::default()
        })
        .await;
    let bodies = [
        r#"{"model":"allowed","model":"forbidden","messages":[]}"#,
        r#"{"model":"forbidden","model":"allowed","messages":[]}"#,
        r#"{"model":"allowed","mod\u0065l":"forbidden","messages":[]}"#,
        r#"{"mod\u0065l":"forbidden","model":"allowed","messages":[]}"#,
        r#"{"model":"allowed","stream_options":{"include_usage":true,"include_us\u0061ge":false}}"#,
        r#"{"model":"allowed","max_tokens":1,"max_tokens":100000}"#,
    ];
    for body in bodies {
        let answer = app.client.post(CHAT, &key.secret, body).await;
        answer.assert_refused(400, "duplicate_field");
        assert!(answer.json()["error"]["param"].is_string());
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_without_being_echoed() {
    let app = TestApp::start().await;
    let bodies = [
        "",
        "canary",
        r#"{"model":"canary""#,
        r#"{"model":"canary"}{"#,
        r#"["canary"]"#,
        r#"{"model":"canary","x":NaN}"#,
        r#"{"model":"canary","x":"\ud800"}"#,
        "\u{feff}{\"model\":\"canary\"}",
        "{\0\"\0m\0",
    ];
    for body in bodies {
        let answer = chat(&app, body).await;
        answer.assert_refused(400, "invalid_json");
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn numbers_that_could_wrap_are_refused_by_name() {
    let app = TestApp::start().await;
    for value in [
        "-1",
        "0",
        "2147483648",
        "9223372036854775808",
        "18446744073686646784",
        "1e3",
        "1.0",
        "\"5\"",
    ] {
        for field in ["max_tokens", "max_completion_tokens", "n"] {
            let answer = chat(&app, &chat_body(&format!(",\"{field}\":{value}"))).await;
            answer.assert_refused(400, "invalid_value");
            assert_eq!(answer.json()["error"]["param"], field);
        }
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn only_uncompressed_json_is_taken() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let bearer = format!("Bearer {}", key.secret);
    let refused: [&[(&str, &str)]; 4] = [
        &[("content-type", "text/plain")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
        ],
        &[("content-type", "multipart/form-data; boundary=x")],
    ];
    for headers in refused {
        let headers = [headers, &[("authorization", bearer.as_str())]].concat();
        let opened = app
            .client
            .send(Method::POST, CHAT, &headers, &chat_body(""))
            .await;
        opened
            .read()
            .await
            .assert_refused(415, "unsupported_media_type");
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        let opened = app
            .client
            .send(Method::POST, CHAT, &headers, &chat_body(""))
            .await;
        assert_eq!(opened.read().await.status, 200);
    }
}

#[tokio::test]
async fn routing_reads_the_model_and_nothing_else_and_the_bytes_pass_as_they_came() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let body = r#" { "model" : "m" , "messages":[], "api_base":"http://127.0.0.1:1", "base_url":"x",
        "models":["a"], "route":"fallback", "fallbacks":["b"], "extra_body":{"model":"c"},
        "seed":12345678901234567890123, "temperature":1.0, "é":"\u00e9" } "#;
    let path = format!("{CHAT}?model=other&api_base=x");
    let answer = app.client.post(&path, &key.secret, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = app.last_sent();
    assert_eq!(sent.body, body.as_bytes());
    assert_eq!(sent.path, CHAT);
}

#[tokio::test]
async fn an_alias_is_replaced_in_place() {
    let provider = Provider::honest().await;
    let extra = "[[models]]\nname = \"fast\"\nprovider = \"mock\"\nupstream = \"gpt-\\\"4\"\n";
    let app = TestApp::with(TestDb::sqlite().await, provider, extra).await;
    let key = app.key().await;
    let body = r#"{"messages":[],"model": "fa\u0073t" ,"seed":1}"#;
    let answer = app.client.post(CHAT, &key.secret, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = r#"{"messages":[],"model": "gpt-\"4" ,"seed":1}"#;
    assert_eq!(app.last_sent().body, sent.as_bytes());
    assert_eq!(app.booked(1).await[0].model, "fast");
}

#[tokio::test]
async fn large_but_honest_bodies_pass() {
    let app = TestApp::start().await;
    let long = chat_body(&format!(r#","user":"{}""#, "x".repeat(10_000_000)));
    assert_eq!(chat(&app, &long).await.status, 200);
    let message = r#"{"role":"user","content":"a"},"#.repeat(200_000);
    let many = format!(
        r#"{{"model":"m","messages":[{}]}}"#,
        message.trim_end_matches(',')
    );
    assert_eq!(chat(&app, &many).await.status, 200);
}
