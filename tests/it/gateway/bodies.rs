//! What a body may be: plain JSON in UTF-8, of a size that is taken.

use http::Method;
use serde_json::json;

use crate::provider::Answer;
use crate::support::app::TestApp;
use crate::support::client::{CHAT, Reply, chat_body};

async fn chat(app: &TestApp, body: &str) -> Reply {
    let key = app.key().await;
    app.client.post(CHAT, &key.secret, body).await
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
        r#"{"model":"canary","x":"\ude00\ud83d"}"#,
        r#"{"model":"canary","x":01}"#,
        r#"{"model":"canary","x":"a"#,
        r#"{"model":"canary",}"#,
        r#"{"model":"canary"} canary"#,
        "\u{feff}{\"model\":\"canary\"}",
        "{\0\"\0m\0",
    ];
    for body in bodies {
        let answer = chat(&app, body).await;
        answer.assert_refused(400, "invalid_json");
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let json = r#"{"model":"canary"}"#;
    let bodies: [Vec<u8>; 4] = [
        utf16(json),
        utf16(&format!("\u{feff}{json}")),
        b"{\"model\":\"canary\",\"x\":\"\xff\xfe\"}".to_vec(),
        b"{\"model\":\"canary\",\"x\":\"\xc3".to_vec(),
    ];
    let bearer = format!("Bearer {}", app.key().await.secret);
    let headers = [("authorization", bearer.as_str())];
    for body in bodies {
        let send = app
            .client
            .send_bytes(Method::POST, CHAT, &headers, body.into());
        let answer = send.await.read().await;
        answer.assert_refused(400, "invalid_json");
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn only_uncompressed_json_is_taken() {
    const JSON: (&str, &str) = ("content-type", "application/json");
    let app = TestApp::start().await;
    let bearer = format!("Bearer {}", app.key().await.secret);
    let body = chat_body("");
    let send = async |headers: &[(&str, &str)]| {
        let headers = [headers, &[("authorization", bearer.as_str())]].concat();
        let send = app.client.send(Method::POST, CHAT, &headers, &body);
        send.await.read().await
    };
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "",
        "json",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ] {
        let answer = send(&[("content-type", kind)]).await;
        answer.assert_refused(415, "unsupported_media_type");
        assert_eq!(answer.header("accept"), Some("application/json"));
    }
    for coding in [
        "gzip",
        "x-gzip",
        "br",
        "deflate",
        "zstd",
        "identity, gzip",
        "compress",
    ] {
        let answer = send(&[JSON, ("content-encoding", coding)]).await;
        answer.assert_refused(415, "unsupported_media_type");
        assert_eq!(answer.header("accept-encoding"), Some("identity"));
        let twice = [
            JSON,
            ("content-encoding", "identity"),
            ("content-encoding", coding),
        ];
        send(&twice)
            .await
            .assert_refused(415, "unsupported_media_type");
    }
    assert_eq!(app.sent().len(), 0);
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(send(&[("content-type", kind)]).await.status, 200);
    }
    assert_eq!(send(&[]).await.status, 200);
    assert_eq!(
        send(&[JSON, ("content-encoding", "identity")]).await.status,
        200
    );
}

#[tokio::test]
async fn large_but_honest_bodies_pass() {
    let app = TestApp::start().await;
    // One that does not read the body, which takes longer than all the rest.
    let said = json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}});
    let answer = Answer::json(200, &said);
    app.provider.direct(move |_| answer.clone().script());
    let long = chat_body(&format!(r#","user":"{}""#, "x".repeat(10_000_000)));
    assert_eq!(chat(&app, &long).await.status, 200);
    let message = r#"{"content":"an image"},"#.repeat(1_000_000);
    let many = message.trim_end_matches(',');
    let many = format!(r#"{{"model":"m","messages":[{many}]}}"#);
    assert_eq!(chat(&app, &many).await.status, 200);
}

#[tokio::test]
async fn bodies_made_to_exhaust_a_parser_do_no_harm() {
    let app = TestApp::start().await;
    let deep = "[".repeat(1_000_000);
    let cut_off = format!(r#"{{"model":"m","messages":{deep}"#);
    chat(&app, &cut_off)
        .await
        .assert_refused(400, "invalid_json");
    let closed = format!("{cut_off}{}}}", "]".repeat(1_000_000));
    let status = chat(&app, &closed).await.status;
    assert!(status == 200 || status == 400, "{status}");
    let fields: Vec<String> = (0..100_000).map(|n| format!("\"{n}\":1")).collect();
    let flood = format!(r#"{{"model":"m",{}}}"#, fields.join(","));
    chat(&app, &flood)
        .await
        .assert_refused(400, "invalid_value");
    assert_eq!(chat(&app, &chat_body("")).await.status, 200);
}
