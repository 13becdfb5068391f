//! The end of the process: calls finish, or are told that they cannot, and all of them are booked.

use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::provider::{EventStream, Gate, Provider, Usage, sse};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, Opened, chat_body};
use crate::support::db::TestDb;

const STREAM: &str = r#","stream":true,"stream_options":{"include_usage":true}"#;

async fn gated(extra: &str) -> (TestApp, Gate) {
    let gate = Gate::closed();
    let behind = gate.clone();
    let provider = Provider::start(move |_| {
        let begun = EventStream::of([sse::chunk("12345678")]).gate(&behind);
        let rest = [
            sse::finish("stop"),
            sse::usage(Usage::new(5, 6)),
            sse::done(),
        ];
        rest.into_iter().fold(begun, EventStream::frame).finish()
    });
    (
        TestApp::with(TestDb::sqlite().await, provider.await, extra).await,
        gate,
    )
}

async fn streams(app: &TestApp, count: usize) -> Vec<Opened> {
    let key = app.key().await;
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = app.client.open(CHAT, &key.secret, &chat_body(STREAM)).await;
        stream.next().await.unwrap();
        streams.push(stream);
    }
    streams
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_in_flight_finish_and_are_booked_before_the_end() {
    let (mut app, gate) = gated("").await;
    let streams = streams(&app, 50).await;
    app.lifecycle.stop();
    app.until("new connections are refused", async || {
        tokio::net::TcpStream::connect(app.client.address)
            .await
            .err()
    })
    .await;
    gate.release();
    for stream in streams {
        assert!(stream.read().await.text().ends_with("data: [DONE]\n\n"));
    }
    app.stopped().await;
    let calls = app.booked(50).await;
    assert!(calls.iter().all(|call| call.total_tokens == 11));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_outlast_the_drain_are_told_and_booked() {
    let (mut app, _gate) = gated("[server]\ndrain = \"200ms\"").await;
    let streams = streams(&app, 20).await;
    app.lifecycle.stop();
    for stream in streams {
        let rest = stream.read().await;
        assert!(rest.text().contains("\"shutting_down\""), "{}", rest.text());
        assert!(!rest.text().contains("[DONE]"));
    }
    app.stopped().await;
    let calls = app.booked(20).await;
    assert!(calls.iter().all(|call| call.total_tokens > 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_streams_at_once_and_books_them() {
    let (mut app, _gate) = gated("").await;
    let streams = streams(&app, 5).await;
    app.lifecycle.stop();
    app.lifecycle.stop_now();
    let stopped = tokio::time::timeout(Duration::from_secs(4), app.stopped()).await;
    assert!(stopped.is_ok(), "the process hangs");
    drop(streams);
    assert_eq!(app.booked(5).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_whose_client_left_is_waited_for() {
    let mut app = TestApp::start().await;
    let key = app.key().await;
    app.provider.hold();
    let client = app.client.clone();
    let call = TaskTracker::new().spawn(async move { client.chat(&key.secret).await });
    app.provider.waiting(1).await;
    call.abort();
    let _ = call.await;
    app.until("the call goes on alone", async || {
        (app.lifecycle.detached() == 1).then_some(())
    })
    .await;
    app.lifecycle.stop();
    app.provider.release();
    app.stop().await;
    assert_eq!(app.booked(1).await[0].total_tokens, 18);
}

#[tokio::test]
async fn readiness_ends_before_the_rest() {
    let (app, _gate) = gated("").await;
    let _streams = streams(&app, 1).await;
    app.lifecycle.set_ready(false);
    let answer = app.client.get("/readyz", "").await;
    assert_eq!(answer.status, 503);
    assert_eq!(app.client.get("/livez", "").await.status, 200);
}
