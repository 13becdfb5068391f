//! Requests that two parsers could read differently: refused, or read in one way and sent on anew.

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};
use crate::support::db::TestDb;

/// A call with `lines` in its head; `{K}` and `{N}` stand for the key and the body's length.
async fn send(app: &TestApp, lines: &str, body: &str) -> String {
    let key = app.key().await;
    let lines = lines.replace("{N}", &body.len().to_string());
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n{lines}\r\n\r\n",
        key.secret
    );
    app.client.raw(head + body).await
}

#[tokio::test]
async fn ambiguous_lengths_are_refused_or_read_in_one_way() {
    let app = TestApp::start().await;
    let body = chat_body("");
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let refused = [
        ("Content-Length: {N}\r\nContent-Length: 5", body.as_str()),
        ("Content-Length: +{N}", &body),
        ("Content-Length: -1", &body),
        ("Content-Length: {N}, 5", &body),
        ("Transfer-Encoding: xchunked", &chunked),
        ("Transfer-Encoding: chunked, identity", &chunked),
        ("Transfer-Encoding: chunked", "11111111111111111\r\n{}"),
        ("Content-Length : {N}", &body),
        ("X-A: b\r\n folded: c\r\nContent-Length: {N}", &body),
        ("X-A: \0\r\nContent-Length: {N}", &body),
    ];
    for (lines, body) in refused {
        let answer = send(&app, lines, body).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{lines}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{lines}: {answer}");
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn what_is_read_is_sent_on_with_a_length_of_our_own() {
    let app = TestApp::start().await;
    let body = chat_body("");
    let chunked = format!(
        "{:x};ext=1\r\n{body}\r\n0\r\nX-Trailer: t\r\n\r\n",
        body.len()
    );
    let both = "Content-Length: 4\r\nTransfer-Encoding: chunked";
    for (lines, sent) in [
        ("Transfer-Encoding: chunked", &chunked),
        (both, &chunked),
        ("Content-Length: {N}", &body),
    ] {
        let before = app.sent().len();
        let answer = send(&app, lines, sent).await;
        let served = answer.starts_with("HTTP/1.1 200");
        assert!(
            served || answer.starts_with("HTTP/1.1 400"),
            "{lines}: {answer}"
        );
        assert_eq!(app.sent().len(), before + usize::from(served));
        if served {
            let seen = app.last_sent();
            assert_eq!(seen.body, body.as_bytes());
            assert_eq!(
                seen.header("content-length"),
                Some(body.len().to_string().as_str())
            );
            assert_eq!(seen.header("transfer-encoding"), None);
        }
    }
    assert_eq!(app.provider.malformed(), 0);
}

#[tokio::test]
async fn no_request_opens_a_tunnel() {
    let idle = "[server]\nidle_timeout = \"300ms\"";
    let app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, idle).await;
    let requests = [
        "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
        "GET /v1/responses HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n",
        "GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        "GET http://127.0.0.1:1/x HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n",
    ];
    for request in requests {
        let answer = app.client.raw(request).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{request}: {answer}");
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn odd_framing_is_refused_or_read_in_one_way() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let body = chat_body("");
    let head = format!(
        "Host: x\r\nConnection: close\r\nAuthorization: Bearer {}",
        key.secret
    );
    let (length, coding) = (
        format!("Content-Length: {}", body.len()),
        "Transfer-Encoding: chunked",
    );
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let extended = chunked.replacen("\r\n", &format!(";{}\r\n", "x".repeat(65536)), 1);
    let first = format!("POST {CHAT} HTTP/1.1\r\n{head}\r\n");
    let old = first.replace("HTTP/1.1", "HTTP/1.0");
    let requests = [
        format!("{first}{length}\r\n{length}\r\n\r\n{body}"),
        format!("{old}{coding}\r\n\r\n{chunked}"),
        format!("{old}{length}\r\n\r\n{body}"),
        format!("{first}{length}\r\n\r\n{body}").replace("\r\n", "\n"),
        format!("{first}{coding}\r\n\r\n{extended}"),
        format!("{first}{coding}\r\n{coding}\r\n\r\n{chunked}"),
        format!("{first}{coding}, chunked\r\n\r\n{chunked}"),
        format!("{first}{coding}\r\n\r\n{}", chunked.replace("\r\n", "\n")),
        format!("{first}Connection: Upgrade\r\nUpgrade: h2c\r\n{length}\r\n\r\n{body}"),
    ];
    for request in requests {
        let before = app.sent().len();
        let answer = app.client.raw(&request).await;
        let (first, _) = answer.split_once("\r\n").unwrap();
        let status = first.strip_prefix("HTTP/1.").unwrap().get(2..5).unwrap();
        assert!(matches!(status, "200" | "400"), "{request}: {answer}");
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{request}: {answer}");
        let sent = app.sent();
        assert_eq!(
            sent.len(),
            before + usize::from(status == "200"),
            "{request}"
        );
        if status == "200" {
            let seen = &sent[before].seen;
            assert_eq!(seen.body, body.as_bytes());
            assert_eq!(seen.header("content-length"), Some(length.split_at(16).1));
            assert!(seen.header("upgrade").is_none() && seen.header("connection").is_none());
        }
    }
    assert_eq!(app.provider.malformed(), 0);
}
