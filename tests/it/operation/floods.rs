//! Floods of keys that are nobody's, and of readers that do not read. Good clients do not notice.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::task::TaskTracker;
use tollgate::domain::key::PlainKey;

use super::caller::Caller;
use super::figures::{Gauges, Machine, percentile, spread};
use super::report;
use crate::ledger::few_or_many;
use crate::ledger::site::{Process, Site};
use crate::provider::{EventStream, Provider, honest, sse};
use crate::support::client::{CHAT, chat_body};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(bad_keys_are_refused_without_the_database_or_with_one_look_at_it);

/// How many clients a flood has.
const FLOODING: usize = 8;
/// By how much a flood of keys may make memory grow: the bounded cache, full, takes 10 MB.
const KILOBYTES: usize = 20_000;

/// A well-formed key that is nobody's.
fn unknown() -> String {
    let plain = PlainKey::generate(|bytes| getrandom::fill(bytes).unwrap());
    plain.expose().to_owned()
}

/// A key whose checksum is wrong.
fn garbage() -> String {
    let mut key = unknown();
    let last = key.pop().unwrap();
    key.push(if last == '0' { '1' } else { '0' });
    key
}

/// Makes `count` calls, each with the key that `make` gives it: all are refused as unknown.
async fn flood(
    process: &Process,
    count: usize,
    make: impl Fn() -> String + Clone + Send + 'static,
) {
    let tasks = TaskTracker::new();
    let client = |_| {
        let (make, body) = (make.clone(), chat_body(""));
        let mut caller = Caller::new(process, "", &body);
        tasks.spawn(async move {
            for _ in 0..count / FLOODING {
                caller.bear(&make(), &body);
                assert_eq!(caller.call().await.unwrap().status, 401);
            }
        })
    };
    let clients: Vec<_> = (0..FLOODING).map(client).collect();
    join_all(clients).await.into_iter().for_each(Result::unwrap);
}

async fn bad_keys_are_refused_without_the_database_or_with_one_look_at_it(database: TestDb) {
    let count = few_or_many(2000, 100_000);
    let site = Site::new(database, Provider::honest().await, "");
    let key = site.key(&[]);
    let machine = site.machine();
    let process = machine.serve().await;
    let gauges = Gauges::of(&process);
    let mut bystander = Caller::new(&process, &key.secret, &chat_body(""));
    let alone = bystander.calls(100).await;
    let before = Machine::of(&process);
    let asked = async || gauges.read("tollgate_key_lookups_total").await;

    let first = asked().await;
    flood(&process, count, garbage).await;
    assert_eq!(asked().await, first, "garbage is looked up");

    let (same, began) = (unknown(), Instant::now());
    flood(&process, count, move || same.clone()).await;
    let seconds = i64::try_from(began.elapsed().as_secs()).unwrap();
    let second = asked().await;
    assert!(
        second - first <= 2 + seconds,
        "{} in {seconds} s",
        second - first
    );

    let (flooding, beside) = tokio::join!(
        flood(&process, count, unknown),
        bystander.calls(few_or_many(100, 1000))
    );
    let () = flooding;
    let third = asked().await;
    assert!(third - second <= i64::try_from(count).unwrap());
    let with = Machine::of(&process);
    report(&format!(
        "{count} keys of each kind: {before:?}, {with:?}; good ones alone {}, beside unknown ones {}",
        spread(&alone),
        spread(&beside)
    ));
    assert!(
        with.rss_kb <= before.rss_kb + KILOBYTES,
        "{before:?}, {with:?}"
    );
    let slack = Duration::from_millis(100);
    assert!(percentile(&beside, 90) < percentile(&alone, 90) * 2 + slack);
    process.stop();
    assert_eq!(site.events().await.len(), site.sent().len());
}

/// What a reader that does not read may cost.
const EACH_KILOBYTES: usize = 256;

/// A stream that does not end, asked for by `count` clients of which none reads its answer.
async fn stalled(count: usize, process: &Process, secret: &str) -> Vec<TcpStream> {
    let body = chat_body(r#","stream":true"#);
    let call = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {secret}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut open = Vec::new();
    for _ in 0..count {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut socket = socket.connect(process.client.address).await.unwrap();
        socket.write_all(call.as_bytes()).await.unwrap();
        open.push(socket);
    }
    open
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_do_not_read_cost_a_bounded_amount_each() {
    let readers = few_or_many(40, 400);
    let provider = Provider::start(|seen| {
        if seen.body.windows(6).any(|word| word == b"stream") {
            EventStream::new().forever(&sse::chunk(&"x".repeat(1000)))
        } else {
            honest(seen)
        }
    });
    let site = Site::new(TestDb::sqlite().await, provider.await, "");
    let key = site.key(&[]);
    let machine = site.machine();
    let process = machine.serve().await;
    let mut bystander = Caller::new(&process, &key.secret, &chat_body(""));

    // A process grows by some megabytes whoever comes first. So the first half is not counted.
    let first = stalled(readers, &process, &key.secret).await;
    bystander.calls(200).await;
    let before = Machine::of(&process);
    let second = stalled(readers, &process, &key.secret).await;
    // All of them have come to a stand when the gateway is served as before.
    let beside = bystander.calls(200).await;
    let with = Machine::of(&process);
    let each = with.rss_kb.saturating_sub(before.rss_kb) / readers;
    report(&format!(
        "{readers} readers more: {each} KB each ({before:?}, {with:?}); others beside {}",
        spread(&beside)
    ));
    assert!(each <= EACH_KILOBYTES, "{each} KB each");
    drop((first, second));
    process.stop();
    site.verify();
}
