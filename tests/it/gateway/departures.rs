//! Clients that leave. Every call they started is settled once, and the provider is not kept working
//! for nobody longer than it has to be.

use tollgate::domain::usage::Source;

use crate::provider::{EventStream, Provider, Script, Seen, Usage, completion, sse};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};
use crate::support::db::TestDb;

const STREAM: &str = r#","stream":true,"stream_options":{"include_usage":true}"#;

/// Sends a call and leaves as soon as the provider has it.
async fn leave_early(app: &TestApp, extra: &str) {
    let key = app.key().await;
    app.provider.hold();
    let (client, body) = (app.client.clone(), chat_body(extra));
    let call = tokio_util::task::TaskTracker::new().spawn(async move {
        client.open(CHAT, &key.secret, &body).await;
    });
    app.provider.waiting(1).await;
    call.abort();
    let _ = call.await;
}

#[tokio::test]
async fn a_call_goes_on_without_its_client_and_is_charged_what_it_reports() {
    let app = TestApp::start().await;
    leave_early(&app, "").await;
    app.provider.release();
    let calls = app.booked(1).await;
    assert_eq!(
        (calls[0].total_tokens, calls[0].source),
        (18, Source::Reported)
    );
}

#[tokio::test]
async fn a_stream_that_has_not_begun_is_cancelled_and_its_prompt_charged() {
    let app = TestApp::start().await;
    leave_early(&app, STREAM).await;
    let calls = app.booked(1).await;
    app.provider.release();
    assert_eq!(calls[0].source, Source::Estimated);
    let prompt = chat_body(STREAM).len().div_ceil(4);
    assert_eq!(calls[0].total_tokens, i64::try_from(prompt).unwrap());
}

fn said() -> EventStream {
    EventStream::of([sse::role(), sse::chunk("12345678"), sse::chunk("12345678")])
}

/// Reads the beginning of a stream and leaves.
async fn leave_in_the_middle(app: &TestApp) {
    let key = app.key().await;
    let mut answer = app.client.open(CHAT, &key.secret, &chat_body(STREAM)).await;
    let mut seen = Vec::new();
    while seen
        .windows(8)
        .filter(|window| window == b"12345678")
        .count()
        < 2
    {
        seen.extend_from_slice(&answer.next().await.unwrap());
    }
}

#[tokio::test]
async fn a_stream_in_the_middle_is_cancelled_and_charged_by_what_passed() {
    let app = TestApp::before(Provider::start(|_| said().stall()).await).await;
    leave_in_the_middle(&app).await;
    app.provider.cancelled(1).await;
    let calls = app.booked(1).await;
    let prompt = i64::try_from(chat_body(STREAM).len().div_ceil(4)).unwrap();
    assert_eq!(
        (calls[0].total_tokens, calls[0].source),
        (prompt + 4, Source::Estimated)
    );
}

/// Streams of models whose hidden tokens cannot be estimated are drained, too.
#[tokio::test]
async fn a_drained_stream_is_read_to_its_usage() {
    let reasons = "[[models]]\nname = \"m\"\nprovider = \"mock\"\nreasoning = true";
    for drains in ["on_disconnect = \"drain\"", reasons] {
        drains_to_its_usage(drains).await;
    }
}

async fn drains_to_its_usage(drains: &str) {
    let end = |_: &Seen| -> Script {
        let rest = [
            sse::finish("stop"),
            sse::usage(Usage::new(20, 30)),
            sse::done(),
        ];
        let wait = std::time::Duration::from_millis(300);
        rest.into_iter()
            .fold(said().wait(wait), EventStream::frame)
            .finish()
    };
    let provider = Provider::start(end).await;
    let app = TestApp::with(TestDb::sqlite().await, provider, drains).await;
    leave_in_the_middle(&app).await;
    let calls = app.booked(1).await;
    assert_eq!(
        (calls[0].total_tokens, calls[0].source),
        (50, Source::Reported)
    );
    app.provider.finished(1).await;
}

#[tokio::test]
async fn a_drained_stream_that_the_process_ends_is_charged_by_what_passed() {
    let provider = Provider::start(|_| said().stall()).await;
    let drain = "on_disconnect = \"drain\"";
    let mut app = TestApp::with(TestDb::sqlite().await, provider, drain).await;
    leave_in_the_middle(&app).await;
    app.until("the stream goes on alone", async || {
        (app.lifecycle.detached() == 1).then_some(())
    })
    .await;
    app.lifecycle.stop_now();
    app.stopped().await;
    let prompt = i64::try_from(chat_body(STREAM).len().div_ceil(4)).unwrap();
    assert_eq!(app.booked(1).await[0].total_tokens, prompt + 4);
}

#[tokio::test]
async fn clients_that_leave_at_any_moment_cost_one_event_each() {
    let app = TestApp::start().await;
    let key = app.key().await;
    app.provider.direct(|seen| {
        if seen.wants_stream() {
            let rest = [
                sse::finish("stop"),
                sse::usage(Usage::new(1, 1)),
                sse::done(),
            ];
            return rest.into_iter().fold(said(), EventStream::frame).finish();
        }
        completion(seen, Usage::new(1, 1)).script()
    });
    for moment in 0..150_u64 {
        let (client, secret) = (app.client.clone(), key.secret.clone());
        let body = chat_body(if moment % 2 == 0 { STREAM } else { "" });
        let call = async move { client.open(CHAT, &secret, &body).await.read().await };
        let span = std::time::Duration::from_micros(moment * 40);
        let _ = tokio::time::timeout(span, call).await;
    }
    let sent = app.until("the last call is answered", async || {
        let sent = app.sent();
        sent.iter()
            .all(|call| call.ending != crate::provider::Ending::Open)
            .then_some(sent.len())
    });
    let sent = sent.await;
    let calls = app.booked(sent).await;
    let handed_over = calls
        .iter()
        .filter(|call| call.source != Source::None)
        .count();
    assert!(
        handed_over >= sent && calls.len() <= 150,
        "{handed_over} of {sent}, {} in all",
        calls.len()
    );
}
