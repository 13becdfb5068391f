//! What the fields of a body may hold: nothing that gateway and provider could read differently.

use crate::support::app::{KeySpec, TestApp};
use crate::support::client::{CHAT, Reply, chat_body};

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
        r#"{"model":"allowed","stream_options":{"include_us\u0061ge":false,"include_usage":true}}"#,
        r#"{"model":"allowed","stream":true,"stream":false}"#,
        r#"{"model":"allowed","x":1,"x":1}"#,
        r#"{"model":"allowed","MODEL":"forbidden"}"#,
        r#"{"Mod\u0065l":"forbidden","model":"allowed"}"#,
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
async fn what_the_gateway_goes_by_is_spelled_as_it_reads_it() {
    let app = TestApp::start().await;
    for (field, param) in [
        (r#""Max_Tokens":9"#, "max_tokens"),
        (r#""N":9"#, "n"),
        (r#""STREAM":true"#, "stream"),
        (r#""stream_option\u017f":{}"#, "stream_options"),
        (
            r#""stream_options":{"Include_Usage":false}"#,
            "include_usage",
        ),
    ] {
        let answer = chat(&app, &chat_body(&format!(",{field}"))).await;
        answer.assert_refused(400, "invalid_value");
        assert_eq!(answer.json()["error"]["param"], param);
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
        "1e400",
        "\"5\"",
        "true",
        "[1]",
    ] {
        for field in ["max_tokens", "max_completion_tokens", "n", "best_of"] {
            let answer = chat(&app, &chat_body(&format!(",\"{field}\":{value}"))).await;
            answer.assert_refused(400, "invalid_value");
            assert_eq!(answer.json()["error"]["param"], field);
        }
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn caps_and_counts_at_their_edges_pass_and_null_is_none() {
    let app = TestApp::start().await;
    for field in [
        r#""max_tokens":1"#,
        r#""max_tokens":2147483647"#,
        r#""max_completion_tokens":1,"max_tokens":null"#,
        r#""n":128"#,
        r#""n":null,"best_of":null"#,
        r#""temperature":1e400,"seed":-123456789012345678901234567890"#,
    ] {
        let body = chat_body(&format!(",{field}"));
        let answer = chat(&app, &body).await;
        assert_eq!(answer.status, 200, "{field} {}", answer.text());
        assert_eq!(app.last_sent().body, body.as_bytes());
    }
    let refused = [
        (r#""max_completion_tokens":5,"max_tokens":5"#, "max_tokens"),
        (r#""n":129"#, "n"),
        (r#""stream":"yes""#, "stream"),
        (r#""stream":1"#, "stream"),
        (r#""stream_options":[]"#, "stream_options"),
        (r#""stream_options":{"include_usage":1}"#, "stream_options"),
    ];
    for (field, param) in refused {
        let answer = chat(&app, &chat_body(&format!(",{field}"))).await;
        answer.assert_refused(400, "invalid_value");
        assert_eq!(answer.json()["error"]["param"], param);
    }
    let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(257));
    for body in ["{}", r#"{"model":7}"#, r#"{"model":""}"#, &long] {
        let answer = chat(&app, body).await;
        answer.assert_refused(400, "invalid_value");
        assert_eq!(answer.json()["error"]["param"], "model");
    }
    assert_eq!(app.sent().len(), 6);
}
