//! How streams end, and that no ending is taken for another.

use crate::provider::{EventStream, Script, Usage, sse};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, Reply, chat_body};

const STREAM: &str = r#","stream":true"#;
const ASKED: &str = r#","stream":true,"stream_options":{"include_usage":true}"#;

async fn stream(app: &TestApp, extra: &str, script: Script) -> Reply {
    app.provider.direct(move |_| script.clone());
    let key = app.key().await;
    app.client.post(CHAT, &key.secret, &chat_body(extra)).await
}

#[tokio::test]
async fn the_providers_own_error_is_the_last_word() {
    let app = TestApp::start().await;
    let said = || EventStream::of([sse::chunk("hi"), sse::error("server_error", "Overloaded.")]);
    for (n, script) in [said().finish(), said().eof(), said().reset()]
        .into_iter()
        .enumerate()
    {
        let answer = stream(&app, STREAM, script).await;
        assert_eq!(answer.text().matches("\"error\"").count(), 1, "{n}");
        assert!(answer.text().contains("Overloaded.") && !answer.text().contains("[DONE]"));
        let calls = app.booked(n + 1).await;
        assert!(calls.len() == n + 1 && calls[0].total_tokens > 0);
    }
}

#[tokio::test]
async fn a_choice_that_names_an_empty_reason_has_not_ended() {
    let app = TestApp::start().await;
    let piece = |reason: &str| {
        sse::event(&format!(
            r#"{{"choices":[{{"index":0,"delta":{{"content":"x"}},"finish_reason":"{reason}"}}]}}"#
        ))
    };
    let half = EventStream::of([piece(""), piece("")]).finish();
    let answer = stream(&app, STREAM, half).await;
    assert!(answer.text().contains("upstream_invalid_response"));
    let whole = EventStream::of([piece(""), piece("stop")]).finish();
    let answer = stream(&app, STREAM, whole).await;
    assert!(!answer.text().contains("upstream_invalid_response"));
}

#[tokio::test]
async fn several_calls_of_tools_are_one_choice_in_whatever_order_its_fields_stand() {
    let app = TestApp::start().await;
    let call = |n: u8| {
        sse::event(&format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"function":{{"arguments":"1"}},"index":{n}}}]}},"finish_reason":null,"index":0}}]}}"#
        ))
    };
    let last = r#"{"choices":[{"delta":{},"finish_reason":"tool_calls","index":0}]}"#;
    let script = EventStream::of([call(0), call(1), sse::event(last)]).finish();
    let answer = stream(&app, STREAM, script).await;
    assert!(!answer.text().contains("\"error\""), "{}", answer.text());
}

#[tokio::test]
async fn an_error_that_comes_with_usage_is_not_hidden() {
    let app = TestApp::start().await;
    let error =
        r#"{"error":{"message":"Overloaded."},"usage":{"prompt_tokens":3,"total_tokens":3}}"#;
    let script = EventStream::of([sse::chunk("hi"), sse::event(error)]).finish();
    let answer = stream(&app, STREAM, script).await;
    assert!(answer.text().contains("Overloaded."), "{}", answer.text());
    assert_eq!(app.booked(1).await[0].total_tokens, 3);
}

#[tokio::test]
async fn an_end_within_an_event_leaves_our_error_an_event_of_its_own() {
    let app = TestApp::start().await;
    let event = sse::chunk("half").bytes;
    for extra in [STREAM, ASKED] {
        for cut in [1, 7, 40, event.len() - 1] {
            let half = sse::Frame::raw(event.slice(..cut));
            let answer = stream(&app, extra, EventStream::of([sse::role(), half]).finish()).await;
            let last = answer.text().trim_end().rsplit("\n\n").next().unwrap();
            let error = serde_json::from_str::<serde_json::Value>(&last["data: ".len()..]);
            assert_eq!(
                error.unwrap()["error"]["code"],
                "upstream_invalid_response",
                "{cut}"
            );
        }
    }
}

#[tokio::test]
async fn a_provider_that_lingers_after_done_is_not_waited_for_at_the_end() {
    let mut app = TestApp::start().await;
    let key = app.key().await;
    app.provider
        .direct(|_| EventStream::of([sse::finish("stop"), sse::done()]).stall());
    let mut answer = app.client.open(CHAT, &key.secret, &chat_body(STREAM)).await;
    let mut seen = answer.next().await.unwrap().to_vec();
    app.lifecycle.stop_now();
    while let Some(bytes) = answer.next().await {
        seen.extend_from_slice(&bytes);
    }
    assert!(seen.ends_with(b"data: [DONE]\n\n"), "nothing follows it");
    app.stopped().await;
    assert_eq!(app.booked(1).await[0].status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_with_the_end_pays_what_was_reported_once() {
    let app = TestApp::start().await;
    let key = app.key().await;
    for n in 1..=20 {
        let mut answer = app.client.open(CHAT, &key.secret, &chat_body(ASKED)).await;
        let mut seen = Vec::new();
        while !seen.ends_with(b"[DONE]\n\n") {
            seen.extend_from_slice(&answer.next().await.unwrap());
        }
        drop(answer);
        let calls = app.booked(n).await;
        assert_eq!((calls.len(), calls[0].total_tokens), (n, 18));
    }
}

#[tokio::test]
async fn what_is_reported_before_a_break_is_charged_as_reported() {
    let app = TestApp::start().await;
    let said = [
        sse::chunk_with_usage("hi", Usage::new(9, 3)),
        sse::chunk("x"),
    ];
    let answer = stream(&app, ASKED, EventStream::of(said).reset()).await;
    assert!(!answer.text().contains("[DONE]"));
    assert_eq!(app.booked(1).await[0].total_tokens, 12);
}
