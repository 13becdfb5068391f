//! Frames of HTTP/2 that no client would send, as fast as they go: they neither fill the gateway's memory
//! nor keep others from being served.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::caller::Caller;
use super::figures::{Machine, percentile, spread};
use super::report;
use crate::gateway::http2::{DATA, PREFACE, SETTINGS, frame, head};
use crate::ledger::few_or_many;
use crate::ledger::site::Site;
use crate::provider::Provider;
use crate::support::client::chat_body;
use crate::support::db::TestDb;

const PING: u8 = 6;
/// By how much memory may grow: a peer has 64 KB of a connection's, and the allocator its gaps.
const KILOBYTES: usize = 20_000;
const PATIENCE: Duration = Duration::from_secs(10);

/// Floods a gateway with `more`, after what is `begun` with a key, without reading what it says. It may close, stop reading,
/// or read on.
async fn flood(what: &str, begun: impl Fn(&str) -> Vec<u8>, more: Vec<u8>) {
    let site = Site::new(TestDb::sqlite().await, Provider::honest().await, "");
    let key = site.key(&[]);
    let machine = site.machine();
    let process = machine.serve().await;
    let mut bystander = Caller::new(&process, &key.secret, &chat_body(""));
    bystander.calls(100).await;
    let alone = bystander.calls(100).await;
    let before = Machine::of(&process);

    let mut socket = process.client.connect().await;
    socket.write_all(PREFACE).await.unwrap();
    socket.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    socket.write_all(&begun(&key.secret)).await.unwrap();
    let many = more.repeat(1000);
    let count = few_or_many(200, 5000);
    let flooding = async {
        for sent in 0..count {
            if socket.write_all(&many).await.is_err() {
                return sent;
            }
        }
        count
    };
    let flooding = tokio::time::timeout(PATIENCE, flooding);
    let (sent, beside) = tokio::join!(flooding, bystander.calls(100));
    let with = Machine::of(&process);
    let sent = sent.map_or("it took no more".to_owned(), |sent| {
        format!("{sent} 000 sent")
    });
    report(&format!(
        "{what}: {sent}; {before:?}, {with:?}; others alone {}, beside {}",
        spread(&alone),
        spread(&beside)
    ));
    assert!(
        with.rss_kb <= before.rss_kb + KILOBYTES,
        "{before:?}, {with:?}"
    );
    assert!(percentile(&beside, 90) < Duration::from_millis(500));
    drop(socket);
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_pings_is_answered_or_held_back() {
    flood("PING", |_| Vec::new(), frame(PING, 0, 0, &[0; 8])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_settings_is_answered_or_held_back() {
    let header_table = [0, 1, 0, 0, 16, 0];
    flood(
        "SETTINGS",
        |_| Vec::new(),
        frame(SETTINGS, 0, 0, &header_table),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_empty_data_fills_nothing_in_a_call_or_after_its_refusal() {
    let empty = frame(DATA, 0, 1, &[]);
    flood("DATA of a call", |secret| head(secret, 1), empty.clone()).await;
    flood("DATA of a refused call", |_| head("sk-nobody", 1), empty).await;
}
