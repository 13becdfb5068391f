//! Connections over their life: what is kept, what is closed, and what their last word is.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};
use crate::support::db::TestDb;

const LIVE: &str = "GET /livez HTTP/1.1\r\nHost: t\r\n\r\n";

async fn app(server: &str) -> TestApp {
    let extra = format!("[server]\n{server}");
    TestApp::with(TestDb::sqlite().await, Provider::honest().await, &extra).await
}

/// Asks for a sign of life; `None` if the connection is closed.
async fn alive(socket: &mut TcpStream) -> Option<()> {
    socket.write_all(LIVE.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"ok\n") {
        let read = socket.read_buf(&mut answer).await.ok()?;
        (read > 0).then_some(())?;
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    Some(())
}

#[tokio::test]
async fn quick_calls_do_not_use_up_the_time_for_one_head() {
    let app = app("header_timeout = \"300ms\"\nidle_timeout = \"60s\"").await;
    let mut socket = app.client.connect().await;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(900) {
        alive(&mut socket).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Idle for longer than a head may take.
    tokio::time::sleep(Duration::from_millis(600)).await;
    alive(&mut socket).await.unwrap();
}

#[tokio::test]
async fn a_kept_connection_may_be_too_slow_with_its_next_head_only_once() {
    let app = app("header_timeout = \"300ms\"\nidle_timeout = \"60s\"").await;
    let mut socket = app.client.connect().await;
    alive(&mut socket).await.unwrap();
    socket.write_all(b"GET /li").await.unwrap();
    let began = Instant::now();
    let _ = socket.read_to_end(&mut Vec::new()).await;
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_address_over_its_cap_leaves_room_for_others() {
    let app = app("max_connections_per_address = 2").await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut socket = app.client.connect().await;
        alive(&mut socket).await.unwrap();
        open.push(socket);
    }
    assert!(alive(&mut app.client.connect().await).await.is_none());
    let elsewhere = TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut elsewhere = elsewhere.connect(app.client.address).await.unwrap();
    assert!(alive(&mut elsewhere).await.is_some());
    open.clear();
    app.until("the place is free", async || {
        alive(&mut app.client.connect().await).await
    })
    .await;
}

#[tokio::test]
async fn a_client_that_sends_all_before_it_reads_still_reads_why_it_is_refused() {
    let app = app("max_body_bytes = 65536").await;
    let key = app.key().await;
    let long = "x".repeat(10 * 1024 * 1024);
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        key.secret,
        long.len()
    );
    let answer = app.client.raw(head + &long).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    for kilobytes in [64, 256, 10 * 1024] {
        let long = "x".repeat(kilobytes * 1024);
        let head =
            format!("GET /v1/models HTTP/1.1\r\nHost: t\r\nConnection: close\r\nX: {long}\r\n");
        let answer = app.client.raw(head + "\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{kilobytes}: {answer}");
    }
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn nobody_is_asked_to_send_a_body_that_will_not_be_read() {
    let app = app("max_body_bytes = 65536").await;
    let key = app.key().await;
    let body = chat_body("");
    let ask = async |secret: &str, length: usize| {
        let mut socket = app.client.connect().await;
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nHost: t\r\nConnection: close\r\nExpect: 100-continue\r\n\
             Authorization: Bearer {secret}\r\nContent-Length: {length}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 12];
        socket.read_exact(&mut answer).await.unwrap();
        (String::from_utf8(answer).unwrap(), socket)
    };
    assert_eq!(ask("sk-wrong", body.len()).await.0, "HTTP/1.1 401");
    assert_eq!(ask(&key.secret, 65537).await.0, "HTTP/1.1 413");
    let (asked, mut socket) = ask(&key.secret, body.len()).await;
    assert_eq!(asked, "HTTP/1.1 100");
    socket.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn the_head_of_an_answer_can_be_had_without_its_body() {
    let app = app("").await;
    let key = app.key().await;
    let head = format!(
        "HEAD /v1/models HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {}\r\n\r\n",
        key.secret
    );
    let last = "GET /livez HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    let answer = app.client.raw(head + last).await;
    let (first, second) = answer.split_once("\r\n\r\n").unwrap();
    assert!(first.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(second.starts_with("HTTP/1.1 200 "), "{answer}");
}
