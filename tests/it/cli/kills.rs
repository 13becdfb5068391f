//! A server that is killed in the middle of its calls: nothing that a client saw is lost, and nothing
//! is counted twice.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::Installation;
use crate::provider::{EventStream, Gate, Provider, Usage, completion, sse};
use crate::support::client::{CHAT, Client, chat_body};
use crate::support::running::Running;

const STREAM: &str = r#","stream":true,"max_tokens":500"#;

/// A provider whose streams wait after their first event, and whose other answers do not.
async fn gated() -> (Provider, Gate) {
    let gate = Gate::closed();
    let behind = gate.clone();
    let provider = Provider::start(move |seen| {
        if !seen.wants_stream() {
            return completion(seen, Usage::new(5, 6)).script();
        }
        let begun = EventStream::of([sse::chunk("12345678")]).gate(&behind);
        let usage = sse::usage(Usage::new(5, 6));
        let rest = [sse::finish("stop"), usage, sse::done()];
        rest.into_iter().fold(begun, EventStream::frame).finish()
    });
    (provider.await, gate)
}

impl Installation {
    fn limited_secret(&self, quota: &str) -> String {
        self.organisation("Acme");
        let line = [
            "key", "create", "--org", "Acme", "--name", "k", "--quota", quota,
        ];
        self.json(&line)["secret"].as_str().unwrap().to_owned()
    }
}

fn sources(calls: &Value) -> Vec<(String, i64)> {
    let calls = calls.as_array().unwrap().iter();
    let row = |call: &Value| {
        let source = call["source"].as_str().unwrap().to_owned();
        (source, call["total_tokens"].as_i64().unwrap())
    };
    let mut rows: Vec<_> = calls.map(row).collect();
    rows.sort();
    rows
}

async fn client(running: &Running) -> Client {
    Client::new(running.address().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_books_every_call_once_when_it_is_back() {
    let tollgate = Installation::new();
    let secret = tollgate.limited_secret("100000");
    let (provider, gate) = gated().await;
    let mut running = tollgate.serve(&provider, "");
    let gateway = client(&running).await;
    let body = chat_body(STREAM);
    let mut open = gateway.open(CHAT, &secret, &body).await;
    open.next().await.unwrap();
    for _ in 0..3 {
        assert_eq!(gateway.chat(&secret).await.status, 200);
    }
    running.signal("KILL");
    running.ended();
    gate.release();

    let began = Instant::now();
    let running = tollgate.serve(&provider, "");
    let gateway = client(&running).await;
    assert_eq!(gateway.chat(&secret).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(5), "recovery is slow");
    let calls = loop {
        let calls = sources(&tollgate.calls());
        if calls.len() >= 5 {
            break calls;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let reported = ("reported".to_owned(), 11);
    let (interrupted, rest) = calls.split_first().unwrap();
    assert_eq!(rest, [(); 4].map(|()| reported.clone()));
    assert_eq!(interrupted.0, "interrupted");
    let estimate = i64::try_from(body.len().div_ceil(4)).unwrap();
    assert!(
        (1..=estimate + 2).contains(&interrupted.1),
        "{interrupted:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_with_everything_leased_serves_again_at_once() {
    let tollgate = Installation::new();
    let secret = tollgate.limited_secret("1000");
    let (provider, _gate) = gated().await;
    let mut running = tollgate.serve(&provider, "");
    let gateway = client(&running).await;
    let body = chat_body(STREAM);
    let mut streams = Vec::new();
    loop {
        let mut stream = gateway.open(CHAT, &secret, &body).await;
        if stream.0.status() != 200 {
            stream.read().await.assert_refused(429, "quota_held");
            break;
        }
        stream.next().await.unwrap();
        streams.push(stream);
    }
    running.signal("KILL");
    running.ended();

    let began = Instant::now();
    let running = tollgate.serve(&provider, "");
    let gateway = client(&running).await;
    assert_eq!(gateway.chat(&secret).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(5));
}
