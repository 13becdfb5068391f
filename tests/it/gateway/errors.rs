//! The error table, row by row, as it looks on the wire. Rows that need a provider's failure or a
//! limit above zero are with the tests of those.

use http::Method;
use serde_json::json;
use tollgate::domain::limits::{Limits, TokenQuota, TokenUnit};
use tollgate::domain::quota::Period;
use tollgate::domain::tenant::{KeyStatus, OrganisationStatus};
use tollgate::domain::time::{Clock, Timestamp};
use tollgate::store::keys::{self, KeyPatch};
use tollgate::store::organisations::{self, OrganisationPatch};

use crate::provider::Provider;
use crate::support::app::{CREDENTIAL, KeySpec, TestApp};
use crate::support::client::{CHAT, Reply, chat_body};
use crate::support::db::TestDb;

pub const INVALID: &str = "invalid_request_error";

pub async fn send(app: &TestApp, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    let opened = app.client.send(method, path, headers, "");
    opened.await.read().await
}

/// Fails unless the answer is this row: the envelope with its four keys, both ids, and a word that
/// a retry does not help. Returns the message.
#[track_caller]
pub fn assert_row(
    answer: &Reply,
    status: u16,
    kind: &str,
    code: &str,
    param: Option<&str>,
) -> String {
    let body = answer.json();
    let message = body["error"]["message"].as_str().unwrap().to_owned();
    let row = json!({"error": {"message": message, "type": kind, "param": param, "code": code}});
    assert_eq!((answer.status.as_u16(), &body), (status, &row));
    assert!(
        message.len() > 20 && !message.contains(CREDENTIAL),
        "{message}"
    );
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-request-id").unwrap().len(), 36);
    assert_eq!(answer.header("x-request-id"), answer.header("request-id"));
    assert_eq!(answer.header("x-should-retry"), Some("false"), "{message}");
    assert_eq!(answer.header("retry-after"), None, "{message}");
    let challenge = (status == 401).then_some("Bearer");
    assert_eq!(answer.header("www-authenticate"), challenge);
    message
}

#[tokio::test]
async fn keys_that_are_proved_are_told_what_is_wrong_with_them() {
    let app = TestApp::start().await;
    let now = Clock::default().now();
    let disabled = app.key().await;
    let patch = KeyPatch {
        status: Some(KeyStatus::Disabled),
        ..KeyPatch::default()
    };
    keys::update(app.db(), disabled.id, patch, now)
        .await
        .unwrap();
    let expired = app
        .key_with(KeySpec {
            expires_at: Some(Timestamp(0)),
            ..KeySpec::default()
        })
        .await;
    for (key, code, word) in [
        (&disabled, "key_disabled", "disabled"),
        (&expired, "key_expired", "expired"),
    ] {
        let answer = app.client.chat(&key.secret).await;
        let message = assert_row(&answer, 401, INVALID, code, None);
        assert!(message.contains(word), "{message}");
    }
    let answer = app.client.chat(&disabled.secret[..34]).await;
    assert_row(&answer, 401, INVALID, "invalid_api_key", None);
    let suspended = OrganisationPatch {
        status: Some(OrganisationStatus::Suspended),
        ..OrganisationPatch::default()
    };
    organisations::update(app.db(), app.organisation.id, suspended, now)
        .await
        .unwrap();
    let answer = app.client.chat(&app.key().await.secret).await;
    assert_row(
        &answer,
        403,
        "permission_error",
        "organization_suspended",
        None,
    );
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_named() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let post = async |body: &str| app.client.post(CHAT, &key.secret, body).await;
    let answer = post("{").await;
    assert_row(&answer, 400, INVALID, "invalid_json", None);
    let answer = post(r#"{"model":"m","model":"m"}"#).await;
    assert_row(&answer, 400, INVALID, "duplicate_field", Some("model"));
    let answer = post(&chat_body(r#","n":0"#)).await;
    let message = assert_row(&answer, 400, INVALID, "invalid_value", Some("n"));
    assert!(message.contains("128"), "{message}");
    let bearer = format!("Bearer {}", key.secret);
    let headers = [("authorization", bearer.as_str()), ("api-key", "other")];
    let answer = send(&app, Method::POST, CHAT, &headers).await;
    assert_row(&answer, 400, INVALID, "conflicting_credentials", None);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "text/plain"),
    ];
    let answer = send(&app, Method::POST, CHAT, &headers).await;
    assert_row(&answer, 415, INVALID, "unsupported_media_type", None);
    let answer = send(&app, Method::GET, CHAT, &[("x", &"y".repeat(60_000))]).await;
    assert_row(&answer, 431, INVALID, "headers_too_large", None);
    let long = format!(r#"{{"model":"m","{0}":1,"{0}":1}}"#, "x".repeat(10_000));
    assert!(post(&long).await.body.len() < 1000);
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn a_model_that_cannot_be_called_is_named() {
    let app = TestApp::start().await;
    let key = app
        .key_with(KeySpec {
            models: Some(Vec::new()),
            ..KeySpec::default()
        })
        .await;
    let answer = app.client.chat(&key.secret).await;
    let message = assert_row(&answer, 404, INVALID, "model_not_found", Some("model"));
    assert!(message.contains("`m`"), "{message}");
}

#[tokio::test]
async fn a_body_that_is_too_large_or_too_late_is_not_waited_for() {
    let extra = "[server]\nmax_body_bytes = 1000\nbody_timeout = \"300ms\"\n";
    let app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, extra).await;
    let key = app.key().await;
    let start = |framing: &str| {
        let secret = &key.secret;
        format!(
            "POST {CHAT} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {secret}\r\n{framing}\r\n\r\n"
        )
    };
    let chunk = format!("3e9\r\n{}\r\n", "x".repeat(1001));
    for request in [
        start("content-length: 1001"),
        start("content-length: 99999999999999"),
        start("transfer-encoding: chunked") + &chunk,
    ] {
        let answer = Reply::parse(&app.client.raw(request).await);
        let message = assert_row(&answer, 413, INVALID, "request_too_large", None);
        assert!(message.contains("1000 bytes"), "{message}");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    let late = start("content-length: 100") + "{";
    let answer = Reply::parse(&app.client.raw(late).await);
    assert_eq!(answer.status, 408);
    assert_eq!(answer.json()["error"]["code"], "request_timeout");
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn limits_of_zero_are_named_and_not_to_be_retried() {
    let app = TestApp::start().await;
    let none = Limits::default;
    let quota = TokenQuota {
        unit: TokenUnit::Tokens,
        amount: 0,
        period: Period::Month,
    };
    let rows = [
        (
            Limits {
                requests_per_minute: Some(0),
                ..none()
            },
            "requests",
            "rate_limit_exceeded",
            "requests per minute",
        ),
        (
            Limits {
                tokens_per_minute: Some(0),
                ..none()
            },
            "tokens",
            "rate_limit_exceeded",
            "tokens per minute",
        ),
        (
            Limits {
                concurrency: Some(0),
                ..none()
            },
            "requests",
            "concurrency_limit_exceeded",
            "0 calls at once",
        ),
        (
            Limits {
                quota: Some(quota),
                ..none()
            },
            "insufficient_quota",
            "insufficient_quota",
            "0 tokens per month",
        ),
        (
            Limits {
                requests_per_day: Some(0),
                ..none()
            },
            "insufficient_quota",
            "insufficient_quota",
            "0 requests per day",
        ),
    ];
    for (limits, kind, code, word) in rows {
        let key = app.limited_key(limits).await;
        let answer = app.client.chat(&key.secret).await;
        let message = assert_row(&answer, 429, kind, code, None);
        assert!(
            message.contains("key") && message.contains(word),
            "{message}"
        );
    }
    assert_eq!(app.sent().len(), 0);
}
