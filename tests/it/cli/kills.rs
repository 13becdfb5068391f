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

/// At each of the places where the program was built to be killed.
#[cfg(feature = "killpoints")]
mod at {
    use std::collections::{BTreeMap, HashSet};

    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::support::client::Reply;

    const POINTS: [&str; 8] = [
        "intended:11",
        "headers:11",
        "mid_stream:30",
        "usage_seen:11",
        "settled:11",
        "synced:2",
        "booking:2",
        "booked:2",
    ];

    /// Streams and whole answers, until the server is gone; the ids of those that were seen to end.
    async fn calls(gateway: Client, secret: String, mut is_stream: bool) -> Vec<String> {
        let mut ended = Vec::new();
        loop {
            is_stream = !is_stream;
            let body = chat_body(if is_stream { STREAM } else { "" });
            let headers = [("authorization", format!("Bearer {secret}"))];
            let headers = headers
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            let Ok(reply) = gateway.try_post(CHAT, &headers, &body).await else {
                return ended;
            };
            if has_ended(&reply, is_stream) {
                ended.push(reply.header("x-request-id").unwrap().to_owned());
            }
        }
    }

    fn has_ended(reply: &Reply, is_stream: bool) -> bool {
        let is_done = !is_stream || reply.text().ends_with("data: [DONE]\n\n");
        reply.status == 200 && is_done
    }

    fn by_id(calls: &Value) -> BTreeMap<String, (String, i64)> {
        let row = |call: &Value| {
            let id = call["id"].as_str().unwrap().to_owned();
            let source = call["source"].as_str().unwrap().to_owned();
            (id, (source, call["total_tokens"].as_i64().unwrap()))
        };
        calls.as_array().unwrap().iter().map(row).collect()
    }

    async fn die(point: &str) {
        let tollgate = Installation::new();
        let secret = tollgate.limited_secret("10000000");
        let (provider, gate) = gated().await;
        gate.release();
        tollgate.configure(&provider, "");
        let mut running = Running::start(tollgate.server().env("KILLPOINT", point));
        let gateway = client(&running).await;
        let tasks = TaskTracker::new();
        let call = |n: usize| tasks.spawn(calls(gateway.clone(), secret.clone(), n % 2 == 0));
        let calling: Vec<_> = (0..4).map(call).collect();
        let mut ended = HashSet::new();
        for call in calling {
            ended.extend(call.await.unwrap());
        }
        assert_eq!(running.ended().0.code(), None, "{point} was not reached");
        let sent = provider
            .calls()
            .iter()
            .filter(|call| call.seen.method == "POST")
            .count();

        let mut running = tollgate.serve(&provider, "");
        running.address();
        running.signal("TERM");
        assert_eq!(running.ended().0.code(), Some(0), "{point}");
        let booked = by_id(&tollgate.calls());
        let seen = booked
            .values()
            .filter(|(source, _)| source != "none")
            .count();
        assert!(
            (sent..=sent + 4).contains(&seen),
            "{point}: {seen} of {sent}"
        );
        for id in &ended {
            assert_eq!(booked[id], ("reported".to_owned(), 11), "{point}");
        }
        let reported = booked.values().filter(|(source, _)| source == "reported");
        assert!(reported.clone().all(|(_, tokens)| *tokens == 11), "{point}");
        assert!(reported.count() >= ended.len(), "{point}");
        tollgate.text(&["ledger", "verify"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_place_nothing_is_lost_and_nothing_counted_twice() {
        for point in POINTS {
            die(point).await;
        }
    }
}
