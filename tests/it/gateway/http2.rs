//! HTTP/2 without TLS: the calls of its clients, and frames that no client would send.

use std::time::Duration;

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::provider::{Provider, honest};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};
use crate::support::db::TestDb;
use crate::support::h2::H2;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ENHANCE_YOUR_CALM: u8 = 11;

async fn app(server: &str) -> TestApp {
    let extra = format!("[server]\n{server}");
    TestApp::with(TestDb::sqlite().await, Provider::honest().await, &extra).await
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field in its plainest encoding.
fn field(name: &str, value: &str) -> Vec<u8> {
    let short = |text: &str| u8::try_from(text.len()).unwrap();
    let (name_length, length) = ([0, short(name)], [short(value)]);
    [&name_length[..], name.as_bytes(), &length, value.as_bytes()].concat()
}

/// The head of a call.
pub fn head(secret: &str, stream: u32) -> Vec<u8> {
    let bearer = format!("Bearer {secret}");
    let head = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", CHAT),
        (":authority", "t"),
        ("authorization", &bearer),
    ];
    let head: Vec<u8> = head.iter().flat_map(|(n, v)| field(n, v)).collect();
    frame(HEADERS, END_HEADERS, stream, &head)
}

/// A streamed call that is reset as soon as it is sent.
fn reset_call(secret: &str, stream: u32) -> Vec<u8> {
    let body = chat_body(r#","stream":true"#);
    [
        head(secret, stream),
        frame(DATA, END_STREAM, stream, body.as_bytes()),
        frame(RESET, 0, stream, &[0, 0, 0, 8]),
    ]
    .concat()
}

/// Sends `frames` after the preface; what is answered until the gateway closes.
async fn flood(app: &TestApp, frames: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let (mut read, mut write) = app.client.connect().await.into_split();
    let sending = async {
        let _ = write.write_all(PREFACE).await;
        let _ = write.write_all(&frame(SETTINGS, 0, 0, &[])).await;
        for frame in frames {
            if write.write_all(&frame).await.is_err() {
                break;
            }
        }
    };
    let mut answer = Vec::new();
    let (read, ()) = tokio::join!(read.read_to_end(&mut answer), sending);
    let _ = read;
    answer
}

/// The error with which the gateway left, if it said so.
fn farewell(mut answer: &[u8]) -> Option<u8> {
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = answer {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if *kind == GO_AWAY {
            return rest.get(7).copied();
        }
        answer = rest.get(length..)?;
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_reset_at_once_end_the_connection_and_are_no_free_calls() {
    let app = app("idle_timeout = \"500ms\"").await;
    let key = app.key().await;
    let calls = (0..20_000).map(|n| reset_call(&key.secret, 2 * n + 1));
    let answer = flood(&app, calls).await;
    assert_eq!(farewell(&answer), Some(ENHANCE_YOUR_CALM));
    assert_eq!(app.client.chat(&key.secret).await.status, 200);
    // Each call that reached the provider is booked, and nothing like the flood did.
    app.until("each call that was sent is booked", async || {
        (app.booked(app.sent().len()).await.len() >= app.sent().len()).then_some(())
    })
    .await;
    assert!(app.sent().len() < 1000, "{}", app.sent().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_goes_on_for_ever_ends_the_connection() {
    let app = app("").await;
    let begun = frame(HEADERS, 0, 1, &field(":method", "GET"));
    let more = (0..100_000).map(|_| frame(CONTINUATION, 0, 1, &field("x", &"y".repeat(120))));
    let answer = flood(&app, std::iter::once(begun).chain(more)).await;
    assert!(farewell(&answer).is_some_and(|error| error > 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_has_a_hundred_streams_and_the_rest_wait() {
    let app = app("").await;
    let key = app.key().await;
    app.provider.hold();
    let mut client = H2::connect(&app.client).await;
    // The first call brings the gateway's settings.
    let calls: Vec<_> = (0..150)
        .map(|_| {
            tokio_util::task::TaskTracker::new().spawn(client.chat(&key.secret, chat_body("")))
        })
        .collect();
    app.provider.waiting(100).await;
    app.provider.release();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(app.booked(150).await.len(), 150);
}

#[tokio::test]
async fn a_connection_without_calls_is_idle_whatever_it_pings() {
    let app = app("idle_timeout = \"400ms\"").await;
    let key = app.key().await;
    let mut client = H2::connect(&app.client).await;
    let answer = client.chat(&key.secret, chat_body("")).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(5), &mut client.connection);
    assert!(closed.await.is_ok(), "kept open by pings");
}

#[tokio::test]
async fn a_call_that_takes_longer_than_silence_may_is_answered() {
    let app = app("idle_timeout = \"300ms\"\nheader_timeout = \"300ms\"").await;
    let key = app.key().await;
    app.provider
        .direct(|seen| honest(seen).after(Duration::from_secs(1)));
    let mut client = H2::connect(&app.client).await;
    let answer = client.chat(&key.secret, chat_body("")).await.unwrap();
    assert_eq!(answer.status(), 200);
}
