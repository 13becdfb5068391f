//! Streams that say nothing for long, as those of thinking models do: cheap, no trouble for others, and
//! gone when their clients are.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpStream;

use super::caller::Caller;
use super::figures::{Gauges, Machine, percentile, spread};
use super::report;
use crate::ledger::site::Site;
use crate::ledger::{few_or_many, until};
use crate::provider::{EventStream, Provider, honest, sse};
use crate::support::client::chat_body;
use crate::support::db::TestDb;

/// What one may cost.
const KILOBYTES: usize = 64;
const AT_ONCE: usize = 50;
/// Descriptors that the process may open for itself meanwhile: readers of the database have two each, and
/// a kept connection to the provider one. A stream has two.
const ITS_OWN: usize = 16;

/// Both ends of each stream at the test's side need a descriptor.
fn raise_the_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

async fn open_many(opener: &Caller, count: usize) -> Vec<TcpStream> {
    let mut open = Vec::new();
    while open.len() < count {
        let more = (0..AT_ONCE).map(|_| opener.begin(b"\"hm\""));
        open.extend(join_all(more).await.into_iter().map(Result::unwrap));
    }
    open
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_streams_are_cheap_disturb_nobody_and_end_with_their_clients() {
    raise_the_descriptor_limit();
    let (streams, calls) = (few_or_many(300, 8000), few_or_many(100, 1000));
    let provider = Provider::start(|seen| {
        if seen.body.windows(6).any(|word| word == b"stream") {
            EventStream::of([sse::role(), sse::chunk("hm")]).stall()
        } else {
            honest(seen)
        }
    });
    let site = Site::new(TestDb::sqlite().await, provider.await, "");
    let key = site.key(&[]);
    let machine = site.machine();
    let process = machine.serve().await;
    let gauges = Gauges::of(&process);
    let mut bystander = Caller::new(&process, &key.secret, &chat_body(""));
    bystander.calls(calls / 2).await;
    let alone = bystander.calls(calls).await;
    let before = Machine::of(&process);

    let opener = Caller::new(&process, &key.secret, &chat_body(r#","stream":true"#));
    let open = open_many(&opener, streams).await;
    let with = Machine::of(&process);
    assert_eq!(
        gauges.read("tollgate_calls_in_flight").await,
        i64::try_from(streams).unwrap()
    );
    let beside = bystander.calls(calls).await;

    let died = Instant::now();
    drop(open);
    until("nothing is left of them", async || {
        let is_free = Machine::of(&process).descriptors <= before.descriptors + ITS_OWN;
        is_free && gauges.read("tollgate_calls_in_flight").await == 0
    })
    .await;
    let freed = died.elapsed();
    let each = (with.rss_kb - before.rss_kb) / streams;
    // What they took stays with the allocator, and the next ones use most of it again.
    let again = open_many(&opener, streams).await;
    let second = Machine::of(&process);
    drop(again);
    report(&format!(
        "{streams} streams: {each} KB each ({before:?}, {with:?}, again {second:?}); others alone {}, beside {}; \
         freed in {freed:?}",
        spread(&alone),
        spread(&beside)
    ));
    assert!(each <= KILOBYTES, "{each} KB each");
    assert!(second.rss_kb * 2 <= with.rss_kb * 3, "{with:?}, {second:?}");
    assert!(freed < Duration::from_secs(5), "{freed:?}");
    let slack = Duration::from_millis(50);
    let (was, is) = (percentile(&alone, 99), percentile(&beside, 99));
    assert!(is < was * 12 / 10 + slack, "{is:?} after {was:?}");
    process.stop();
    let events = site.events().await;
    let estimated = events.iter().filter(|event| event.source == "estimated");
    assert_eq!(estimated.count(), 2 * streams);
    assert_eq!(events.len(), site.sent().len());
    site.verify();
}
