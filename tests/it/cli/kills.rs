//! A server that is killed in the middle of its calls: nothing that a client saw is lost, and nothing
//! is counted twice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Installation;
use crate::provider::{EventStream, Gate, Provider, Usage, completion, sse};
use crate::support::client::{CHAT, Client, Reply, chat_body};
use crate::support::db::TestDb;
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

fn client(running: &Running) -> Client {
    Client::new(running.address().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_books_every_call_once_when_it_is_back() {
    let tollgate = Installation::new();
    let secret = tollgate.limited_secret("100000");
    let (provider, gate) = gated().await;
    let mut running = tollgate.serve(&provider, "");
    let gateway = client(&running);
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
    let gateway = client(&running);
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
    let gateway = client(&running);
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
    let gateway = client(&running);
    assert_eq!(gateway.chat(&secret).await.status, 200);
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Streams and whole answers to whichever of `gateways` is there, until `stop`; the ids of those that
/// were seen to end.
async fn calls(
    gateways: watch::Receiver<Vec<Client>>,
    secret: String,
    seed: usize,
    stop: CancellationToken,
) -> Vec<String> {
    let mut ended = Vec::new();
    let mut turn = seed;
    while !stop.is_cancelled() {
        turn += 1;
        let is_stream = turn.is_multiple_of(2);
        let gateway = {
            let gateways = gateways.borrow();
            gateways[turn / 2 % gateways.len()].clone()
        };
        let body = chat_body(if is_stream { STREAM } else { "" });
        let bearer = format!("Bearer {secret}");
        let headers = [("authorization", bearer.as_str())];
        match gateway.try_post(CHAT, &headers, &body).await {
            Ok(reply) if has_ended(&reply, is_stream) => {
                ended.push(reply.header("x-request-id").unwrap().to_owned());
            }
            Ok(_) => {}
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    ended
}

fn has_ended(reply: &Reply, is_stream: bool) -> bool {
    let is_done = !is_stream || reply.text().ends_with("data: [DONE]\n\n");
    reply.status == 200 && is_done
}

/// Source and tokens of each call.
fn by_id(calls: &Value) -> BTreeMap<String, (String, i64)> {
    let row = |call: &Value| {
        let id = call["id"].as_str().unwrap().to_owned();
        let source = call["source"].as_str().unwrap().to_owned();
        (id, (source, call["total_tokens"].as_i64().unwrap()))
    };
    calls.as_array().unwrap().iter().map(row).collect()
}

/// Fails unless the books have each of the calls that `provider` saw once, those that `ended` with
/// what it reported, and add up.
fn prove(tollgate: &Installation, provider: &Provider, ended: &[String], what: &str) {
    let sent = provider.calls().into_iter();
    let sent = sent.filter(|call| call.seen.method == "POST").count();
    let booked = by_id(&tollgate.calls());
    let count = |wanted: &str| {
        booked
            .values()
            .filter(|(source, _)| source == wanted)
            .count()
    };
    for id in ended {
        let reported = ("reported".to_owned(), 11);
        assert_eq!(booked.get(id), Some(&reported), "{what}");
    }
    // What was written down may not have been sent any more.
    let (interrupted, unsent) = (count("interrupted"), count("none"));
    assert!(
        booked.len() - unsent >= sent,
        "{what}: {} of {sent}",
        booked.len()
    );
    assert!(booked.len() - unsent - interrupted <= sent, "{what}");
    let reported = booked.values().filter(|(source, _)| source == "reported");
    assert!(
        reported.into_iter().all(|(_, tokens)| *tokens == 11),
        "{what}"
    );
    tollgate.text(&["ledger", "verify"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_come_and_go_share_a_quota_and_lose_no_call() {
    let database = TestDb::postgres().await;
    let tollgate = Installation::on(&database);
    let secret = tollgate.limited_secret("1000000");
    let (provider, gate) = gated().await;
    gate.release();
    tollgate.configure(&provider, "");
    let start = || Running::start(&mut tollgate.server());
    let mut servers = [start(), start(), start()];
    let clients = servers.each_ref().map(client);
    let (gateways, listed) = watch::channel(clients.to_vec());
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let call = |seed| tasks.spawn(calls(listed.clone(), secret.clone(), seed, stop.clone()));
    let calling: Vec<_> = (0..6).map(call).collect();
    for (round, signal) in ["KILL", "TERM", "KILL", "KILL"].into_iter().enumerate() {
        let place = round % servers.len();
        let before = provider.calls().len();
        provider.received(before + 60).await;
        servers[place].signal(signal);
        servers[place].ended();
        servers[place] = start();
        let client = client(&servers[place]);
        gateways.send_modify(|gateways| gateways[place] = client);
    }
    stop.cancel();
    let mut ended = Vec::new();
    for call in calling {
        ended.extend(call.await.unwrap());
    }
    for server in &mut servers {
        server.signal("TERM");
        assert_eq!(server.ended().0.code(), Some(0));
    }
    prove(&tollgate, &provider, &ended, "servers that come and go");
}

/// At each of the places where the program was built to be killed.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_at_any_of_the_named_places_loses_no_call() {
    const POINTS: [&str; 10] = [
        "intended:11",
        "headers:11",
        "mid_stream:30",
        "usage_seen:11",
        "settled:11",
        "synced:2",
        "booking:2",
        "booked:2",
        "rotating:1",
        "deleting:0",
    ];
    let small = "[ledger]\njournal_max_bytes = 1048576\n";
    for point in POINTS {
        let tollgate = Installation::new();
        let secret = tollgate.limited_secret("10000000");
        let (provider, gate) = gated().await;
        gate.release();
        tollgate.configure(&provider, small);
        let start = |point| Running::start(tollgate.server().env("KILLPOINT", point));
        let mut running = start(point);
        let (_gateways, listed) = watch::channel(vec![client(&running)]);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let call = |seed| tasks.spawn(calls(listed.clone(), secret.clone(), seed, stop.clone()));
        let calling: Vec<_> = (0..4).map(call).collect();
        let status = tokio::task::spawn_blocking(move || running.ended().0);
        assert_eq!(
            status.await.unwrap().code(),
            None,
            "{point} was not reached"
        );
        stop.cancel();
        let mut ended = Vec::new();
        for call in calling {
            ended.extend(call.await.unwrap());
        }
        if point.starts_with("synced") {
            assert_eq!(
                start("replaying").ended().0.code(),
                None,
                "nothing is replayed"
            );
        }
        let mut running = start("nowhere");
        running.address();
        running.signal("TERM");
        assert_eq!(running.ended().0.code(), Some(0), "{point}");
        prove(&tollgate, &provider, &ended, point);
    }
}
