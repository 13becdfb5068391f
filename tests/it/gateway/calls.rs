//! A call that goes well.

use crate::provider::Provider;
use crate::support::app::{CREDENTIAL, TestApp};
use crate::support::client::{CHAT, chat_body};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(a_call_is_answered_and_booked_as_the_provider_reported_it);

async fn a_call_is_answered_and_booked_as_the_provider_reported_it(database: TestDb) {
    let app = TestApp::with(database, Provider::honest().await, "").await;
    let key = app.key().await;
    let answer = app.client.chat(&key.secret).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let calls = app.booked(1).await;
    assert_eq!(
        calls[0].id.to_string(),
        answer.header("x-request-id").unwrap()
    );
    assert_eq!(calls[0].total_tokens, 18);
    let sent = app.last_sent();
    let bearer = format!("Bearer {CREDENTIAL}");
    assert_eq!(sent.header("authorization"), Some(bearer.as_str()));
    assert_eq!(sent.body, chat_body("").as_bytes());
}

#[tokio::test]
async fn a_stream_passes_and_its_usage_is_booked_though_nobody_asked_for_it() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let answer = app
        .client
        .post(CHAT, &key.secret, &chat_body(r#","stream":true"#))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        answer.text().ends_with("data: [DONE]\n\n"),
        "{}",
        answer.text()
    );
    assert!(
        !answer.text().contains("\"choices\":[]"),
        "{}",
        answer.text()
    );
    let calls = app.booked(1).await;
    assert_eq!(calls[0].total_tokens, 18);
}
