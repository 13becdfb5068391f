//! A stop in the middle of everything: what was taken on is served to its end and booked.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Method;
use tokio_util::task::TaskTracker;

use super::report;
use crate::ledger::calls::{self, Made};
use crate::ledger::few_or_many;
use crate::ledger::load::Load;
use crate::ledger::site::Site;
use crate::provider::{EventStream, Gate, Provider, Script, Seen, sse};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(a_stop_under_load_fails_no_call_that_was_taken_on_and_books_them_all);

/// A stream that waits in its middle.
fn gated(seen: &Seen, gate: &Gate) -> Script {
    let usage = calls::usage(calls::number_of(seen));
    let begun = EventStream::of([sse::role(), sse::chunk("po")]).gate(gate);
    let rest = [
        sse::chunk("ng"),
        sse::finish("stop"),
        sse::usage(usage),
        sse::done(),
    ];
    rest.into_iter().fold(begun, EventStream::frame).finish()
}

async fn a_stop_under_load_fails_no_call_that_was_taken_on_and_books_them_all(database: TestDb) {
    let (streams, rate) = (few_or_many(30, 100), few_or_many(100, 500));
    let gate = Gate::closed();
    let behind = gate.clone();
    // The streams are the odd ones of the first numbers.
    let is_gated = move |seen: &Seen| {
        seen.method == Method::POST && {
            let number = calls::number_of(seen);
            number % 2 == 1 && number < 2 * streams
        }
    };
    let provider = Provider::start(move |seen| {
        if is_gated(seen) {
            gated(seen, &behind)
        } else {
            calls::answer(seen)
        }
    });
    let site = Site::new(database, provider.await, "");
    let key = site.budgeted_key();
    let machine = site.machine();
    let process = machine.serve().await;
    let tasks = TaskTracker::new();
    let stream = |number: usize| {
        let (client, secret) = (process.client.clone(), key.secret.clone());
        tasks.spawn(async move { calls::make(&client, &secret, 2 * number + 1).await })
    };
    let open: Vec<_> = (0..streams).map(stream).collect();
    gate.waiting(streams).await;

    let load = Load::from(2 * streams);
    let clients = load.at_rate(&process.client, &key, rate);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (served, stopping) = (load.served(), Instant::now());
    process.signal("TERM");
    process.says("stopping");
    tokio::time::sleep(Duration::from_millis(700)).await;
    gate.release();
    let open: Vec<Made> = join_all(open)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    process.ended().await;
    let took = stopping.elapsed();
    clients.stop().await;

    let made = load.made();
    let failed: Vec<_> = made.iter().filter(|made| !made.is_fine()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let cut: Vec<_> = open.iter().filter(|made| made.usage.is_none()).collect();
    assert!(cut.is_empty(), "{cut:?}");
    let all = [made, open].concat();
    let figures = site.audit(&all).await;
    figures.print("a stop under load");
    let booked = site.events().await;
    let reported = booked.iter().filter(|event| event.source == "reported");
    let ended = all.iter().filter(|made| made.usage.is_some()).count();
    assert_eq!((reported.count(), booked.len()), (ended, ended));
    report(&format!(
        "{streams} streams, {rate} calls/s asked for, {served} calls served in the 2 s before; stopped in {took:?}"
    ));
}
