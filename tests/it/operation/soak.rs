//! Many calls, and many clients that leave: no memory more at the end than early on, and nothing is left
//! behind.

use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::task::TaskTracker;

use super::caller::Caller;
use super::figures::{Gauges, Machine};
use super::plain::{Plain, body};
use super::report;
use crate::ledger::load::random;
use crate::ledger::site::{Key, Process, Site};
use crate::ledger::{few_or_many, until};
use crate::provider::Provider;
use crate::support::db::TestDb;

const CALLERS: usize = 16;
const LEAVERS: usize = 4;
/// The first of them is what the others are compared with.
const ROUNDS: usize = 5;
/// The longest call.
const WHOLE: Duration = Duration::from_millis(12);
const STREAM: &str = r#","stream":true"#;
/// A process that made few calls has not filled its caches yet.
const WARM: (usize, usize) = (105, 125);

/// `calls` whole ones, and a tenth as many that are left, half of them streams.
async fn round(process: &Process, key: &Key, calls: usize) {
    let tasks = TaskTracker::new();
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let mut caller = Caller::new(process, &key.secret, &body(""));
        let count = calls / CALLERS;
        callers.push(tasks.spawn(async move {
            for _ in 0..count {
                let answered = caller.call().await.unwrap();
                assert_eq!(answered.status, 200, "{}", caller.said());
            }
        }));
    }
    for place in 0..LEAVERS {
        let extra = if place % 2 == 0 { STREAM } else { "" };
        let caller = Caller::new(process, &key.secret, &body(extra));
        let count = calls / 10 / LEAVERS;
        callers.push(tasks.spawn(async move {
            for _ in 0..count {
                caller.leave(random(WHOLE)).await.unwrap();
            }
        }));
    }
    join_all(callers).await.into_iter().for_each(Result::unwrap);
}

/// What the process is made of when nobody calls it.
async fn at_rest(site: &Site, process: &Process, gauges: &Gauges) -> (Machine, i64) {
    for nothing in [
        "calls_in_flight",
        "calls_without_client",
        "journal_unbooked_calls",
    ] {
        let name = format!("tollgate_{nothing}");
        until(&name, async || gauges.read(&name).await == 0).await;
    }
    until("nothing is held", async || site.held().await == 0).await;
    (Machine::of(process), gauges.read("tollgate_tasks").await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_as_it_is_after_the_first_fifth_and_nothing_is_left_behind() {
    let calls = few_or_many(20_000, 1_000_000);
    let provider = Plain::start(Duration::ZERO).await;
    let honest = Provider::honest().await;
    let site = Site::new(TestDb::sqlite().await, honest, &provider.config());
    let key = site.budgeted_key();
    let machine = site.machine();
    let process = machine.serve().await;
    let gauges = Gauges::of(&process);
    let mut rests = vec![at_rest(&site, &process, &gauges).await];
    for _ in 0..ROUNDS {
        round(&process, &key, calls / ROUNDS).await;
        rests.push(at_rest(&site, &process, &gauges).await);
        report(&format!("{:?}", rests.last().unwrap()));
    }
    let (early, early_tasks) = rests[1];
    let (last, tasks) = rests[ROUNDS];
    let most = early.rss_kb * few_or_many(WARM.1, WARM.0) / 100;
    assert!(
        last.rss_kb <= most,
        "{} KB after {} KB",
        last.rss_kb,
        early.rss_kb
    );
    let kept = CALLERS + LEAVERS;
    assert!(last.descriptors <= early.descriptors + kept, "{rests:?}");
    assert!(tasks <= early_tasks + 2, "{rests:?}");
    process.stop();
    site.verify();
    assert!(site.budgets().await.iter().all(|budget| budget.leased == 0));
    let events = site.events().await.len();
    let most = calls + calls / 10;
    assert!(events >= calls && events <= most, "{events} events");
}
