//! Peers that are slow, silent or greedy: closed in time, and nobody else notices.
//! How long a reader that takes nothing is borne is no setting: `server/tests.rs` shortens it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use crate::ledger::{few_or_many, until};
use crate::provider::{EventStream, Provider, sse};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};
use crate::support::db::TestDb;

const IMPATIENT: &str = "[server]\nheader_timeout = \"400ms\"\nbody_timeout = \"400ms\"\nidle_timeout = \"600ms\"\nmax_body_bytes = 10000";

async fn impatient() -> TestApp {
    TestApp::with(TestDb::sqlite().await, Provider::honest().await, IMPATIENT).await
}

/// Opens 500 sockets, says `begin` on each, and waits until the gateway has closed them all, while
/// another client calls all the time.
async fn five_hundred(begin: impl Fn(&str) -> String) {
    let app = impatient().await;
    let key = app.key().await;
    let mut peers = Vec::new();
    for _ in 0..500 {
        let mut socket = app.client.connect().await;
        let said = begin(&key.secret);
        socket.write_all(said.as_bytes()).await.unwrap();
        peers.push(socket);
    }
    let since = Instant::now();
    let closing = TaskTracker::new().spawn(async move {
        for mut socket in peers {
            let _ = socket.read_to_end(&mut Vec::new()).await;
        }
    });
    while !closing.is_finished() {
        assert_eq!(app.client.chat(&key.secret).await.status, 200);
        assert!(
            since.elapsed() < Duration::from_secs(8),
            "sockets stay open"
        );
    }
    assert!(
        app.sent()
            .iter()
            .all(|call| call.seen.body == chat_body("").as_bytes())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_half_sent_heads_are_closed() {
    five_hundred(|_| "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-A".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_silent_sockets_are_closed() {
    five_hundred(|_| String::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_half_sent_bodies_are_closed() {
    five_hundred(|secret| {
        format!("POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\nContent-Length: 500\r\n\r\n{{\"model\"")
    })
    .await;
}

/// A request with a head and a beginning of a body.
fn post(secret: &str, head: &str, body: &str) -> String {
    format!(
        "POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n{head}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn a_body_that_does_not_come_is_a_timeout_and_nothing_is_sent() {
    let app = impatient().await;
    let key = app.key().await;
    let answer = app
        .client
        .raw(post(&key.secret, "Content-Length: 500", "{\"model\""))
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("\"request_timeout\""),
        "{answer}"
    );
    assert!(answer.contains("connection: close"));
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_at_once_or_at_the_limit() {
    let app = impatient().await;
    let key = app.key().await;
    let announced = app
        .client
        .raw(post(&key.secret, "Content-Length: 10001", ""))
        .await;
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000)).repeat(20);
    let endless = app
        .client
        .raw(post(&key.secret, "Transfer-Encoding: chunked", &chunk))
        .await;
    for answer in [announced, endless] {
        assert!(
            answer.starts_with("HTTP/1.1 413") && answer.contains("\"request_too_large\""),
            "{answer}"
        );
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let app = TestApp::start().await;
    for size in [200_000, 5_000_000] {
        let head = format!(
            "GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n",
            "x".repeat(size)
        );
        let answer = app.client.raw(head).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
            "{answer}"
        );
    }
    let fields = (0..120).fold(String::new(), |fields, n| fields + &format!("X-{n}: v\r\n"));
    let answer = app
        .client
        .raw(format!(
            "GET /v1/models HTTP/1.1\r\nHost: x\r\n{fields}\r\n"
        ))
        .await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn silence_between_calls_ends_but_a_slow_answer_does_not() {
    let app = impatient().await;
    let key = app.key().await;
    let pause = Duration::from_millis(1500);
    app.provider.direct(move |_| {
        let slow = EventStream::of([sse::chunk("a")]).wait(pause);
        [sse::chunk("b"), sse::finish("stop"), sse::done()]
            .into_iter()
            .fold(slow, EventStream::frame)
            .finish()
    });
    let mut socket = app.client.connect().await;
    let body = chat_body(r#","stream":true"#);
    let head = format!("Content-Length: {}", body.len());
    socket
        .write_all(post(&key.secret, &head, &body).as_bytes())
        .await
        .unwrap();
    let began = Instant::now();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("[DONE]"), "{answer}");
    // The gateway closed it, after the answer and then the silence.
    assert!(began.elapsed() > pause + Duration::from_millis(400));
}

#[tokio::test]
async fn a_connection_over_the_cap_is_closed_and_its_place_comes_back() {
    let caps = "[server]\nmax_connections = 3";
    let app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, caps).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(app.client.connect().await);
    }
    app.until("the fourth is closed", async || {
        let mut fourth = app.client.connect().await;
        let closed =
            tokio::time::timeout(Duration::from_millis(100), fourth.read(&mut [0; 1])).await;
        matches!(closed, Ok(Ok(0) | Err(_))).then_some(())
    })
    .await;
    drop(open);
    let key = app.key().await;
    app.until("a place is free", async || {
        let call = tokio::time::timeout(
            Duration::from_secs(1),
            app.client.raw(post(
                &key.secret,
                "Connection: close\r\nContent-Length: 0",
                "",
            )),
        )
        .await;
        call.is_ok_and(|answer| answer.starts_with("HTTP/1.1 400"))
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_calls_sent_at_once_on_one_connection_are_both_answered() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let body = chat_body("");
    let one = post(
        &key.secret,
        &format!("Content-Length: {}", body.len()),
        &body,
    );
    let last = one.replace("Host: x", "Host: x\r\nConnection: close");
    let answer = app.client.raw(one + &last).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
}

#[tokio::test]
async fn http_2_without_tls_is_spoken() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let socket = TcpStream::connect(app.client.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
            .await
            .unwrap();
    TaskTracker::new().spawn(connection);
    for extra in ["", r#","stream":true"#] {
        let request = Request::post(format!("http://{}{CHAT}", app.client.address))
            .version(Version::HTTP_2)
            .header("authorization", format!("Bearer {}", key.secret))
            .body(Full::new(Bytes::from(chat_body(extra))))
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.version()),
            (200, Version::HTTP_2)
        );
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(!body.is_empty());
    }
    assert_eq!(app.booked(2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_holds_the_provider_back_and_not_the_gateways_memory() {
    let app = TestApp::start().await;
    let key = app.key().await;
    app.provider
        .direct(|_| EventStream::new().forever(&sse::chunk(&"x".repeat(1000))));
    let mut answer = app
        .client
        .open(CHAT, &key.secret, &chat_body(r#","stream":true"#))
        .await;
    answer.next().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Another client is served meanwhile.
    app.client.get("/v1/models", &key.secret).await;
    drop(answer);
    app.provider.cancelled(1).await;
    let call = &app.booked(1).await[0];
    // Socket buffers at both ends hold a few megabytes, a quarter of a million tokens each.
    assert!(call.total_tokens < 20_000_000 / 4, "{}", call.total_tokens);
}

/// Waits out the minute that a reader may take nothing, so only in the long run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_takes_nothing_for_a_minute_is_cut_and_charged() {
    if few_or_many(0, 1) == 0 {
        return;
    }
    let app = TestApp::start().await;
    let key = app.key().await;
    app.provider
        .direct(|_| EventStream::new().forever(&sse::chunk(&"x".repeat(1000))));
    let mut reader = app.client.connect().await;
    let body = chat_body(r#","stream":true"#);
    let head = format!("Content-Length: {}", body.len());
    let call = post(&key.secret, &head, &body);
    reader.write_all(call.as_bytes()).await.unwrap();
    reader.read_exact(&mut [0; 15]).await.unwrap();
    let since = Instant::now();
    until("its call is booked", async || app.count_booked().await == 1).await;
    let borne = since.elapsed();
    app.provider.cancelled(1).await;
    assert!(borne > Duration::from_secs(55), "cut after {borne:?}");
    let call = &app.booked(1).await[0];
    assert!(call.total_tokens > 1000, "{call:?}");
    // What was on its way is read; the end is none.
    let mut rest = Vec::new();
    let _ = reader.read_to_end(&mut rest).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"));
}
