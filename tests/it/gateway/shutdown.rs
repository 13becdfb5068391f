//! The end of the process: calls finish, or are told that they cannot, and all of them are booked.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::task::TaskTracker;

use crate::provider::{EventStream, Gate, Provider, Usage, sse};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, Opened, chat_body};
use crate::support::db::TestDb;
use crate::support::h2::H2;

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
async fn a_stream_that_never_pauses_is_told_too() {
    let provider = Provider::start(|_| EventStream::new().forever(&sse::chunk("more")));
    let extra = "[server]\ndrain = \"200ms\"";
    let mut app = TestApp::with(TestDb::sqlite().await, provider.await, extra).await;
    let key = app.key().await;
    let stream = app.client.open(CHAT, &key.secret, &chat_body(STREAM)).await;
    app.lifecycle.stop();
    let rest = stream.read().await;
    let text = rest.text();
    assert!(
        text.trim_end()
            .rsplit("\n\n")
            .next()
            .unwrap()
            .contains("\"shutting_down\"")
    );
    app.stopped().await;
    assert_eq!(app.booked(1).await.len(), 1);
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_have_no_answer_yet_are_told_when_the_drain_is_over() {
    let drain = "[server]\ndrain = \"200ms\"";
    let mut app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, drain).await;
    let key = app.key().await;
    app.provider.hold();
    let (client, secret) = (app.client.clone(), key.secret.clone());
    let whole = TaskTracker::new().spawn(async move { client.chat(&secret).await });
    let mut client = H2::connect(&app.client).await;
    let stream = TaskTracker::new().spawn(client.chat(&key.secret, chat_body(STREAM)));
    app.provider.waiting(2).await;
    app.lifecycle.stop();
    whole.await.unwrap().assert_refused(503, "shutting_down");
    assert_eq!(stream.await.unwrap().unwrap().status(), 503);
    app.stopped().await;
    assert_eq!(app.booked(2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stall_are_cut_and_booked_before_the_end() {
    let provider =
        Provider::start(|_| EventStream::new().forever(&sse::chunk(&"x".repeat(1000)))).await;
    let drain = "[server]\ndrain = \"200ms\"";
    let mut app = TestApp::with(TestDb::sqlite().await, provider, drain).await;
    let old = streams(&app, 3).await;
    let key = app.key().await;
    let mut client = H2::connect(&app.client).await;
    let mut new = Vec::new();
    for _ in 0..3 {
        new.push(client.chat(&key.secret, chat_body(STREAM)).await.unwrap());
    }
    app.stop().await;
    assert_eq!(app.booked(6).await.len(), 6);
    drop((old, new));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_connection_is_closed_after_its_answer() {
    let (mut app, gate) = gated("").await;
    let idle = app.client.connect().await;
    let mut busy = app.client.connect().await;
    let key = app.key().await;
    let body = chat_body(STREAM);
    let call = format!(
        "POST {CHAT} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        key.secret,
        body.len()
    );
    busy.write_all(call.as_bytes()).await.unwrap();
    app.provider.received(1).await;
    app.lifecycle.stop();
    gate.release();
    for (mut socket, end) in [(idle, ""), (busy, "0\r\n\r\n")] {
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with(end), "{answer}");
    }
    app.stopped().await;
    app.booked(1).await;
}

#[tokio::test]
async fn calls_that_come_in_the_moment_of_a_stop_are_answered_and_told_to_go_elsewhere() {
    let mut app = TestApp::start().await;
    let key = app.key().await;
    let mut kept = app.client.connect().await;
    let live = "GET /livez HTTP/1.1\r\nHost: t\r\n\r\n";
    kept.write_all(live.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok\n") {
        assert!(kept.read_buf(&mut answer).await.unwrap() > 0);
    }
    let fresh = app.client.connect().await;
    app.lifecycle.stop();
    let body = chat_body("");
    let call = format!(
        "POST {CHAT} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        key.secret,
        body.len()
    );
    for mut socket in [kept, fresh] {
        socket.write_all(call.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
    }
    app.stopped().await;
    app.booked(2).await;
}

#[tokio::test]
async fn answers_ask_clients_to_leave_while_they_are_still_served() {
    let app = TestApp::start().await;
    let key = app.key().await;
    assert_eq!(
        app.client.chat(&key.secret).await.header("connection"),
        None
    );
    let mut h2 = H2::connect(&app.client).await;
    app.lifecycle.leave();
    for _ in 0..2 {
        let answer = app.client.chat(&key.secret).await;
        let told = answer.header("connection");
        assert_eq!((answer.status.as_u16(), told), (200, Some("close")));
        let answer = h2.chat(&key.secret, chat_body("")).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test]
async fn readiness_that_ended_does_not_come_back_with_the_store() {
    let app = TestApp::start().await;
    app.lifecycle.leave();
    app.lifecycle.set_ready(true);
    assert_eq!(app.client.get("/readyz", "").await.status, 503);
    let key = app.key().await;
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
}
