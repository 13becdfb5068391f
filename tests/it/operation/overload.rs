//! Ten times more than a gateway takes on: what it takes on it serves as before, the rest is refused at
//! once, and when it is over, it is over. A flood of one organisation is not felt by another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::caller::{Answered, Caller};
use super::figures::{percentile, spread};
use super::plain::{Plain, body};
use super::report;
use crate::ledger::few_or_many;
use crate::ledger::site::{Machine, Process, Site};
use crate::provider::Provider;
use crate::support::db::TestDb;

/// How long the provider thinks about a call.
const LATENCY: Duration = Duration::from_millis(200);
/// Refusals are answered within this: half of them in a short run, which may be one of a debug build on a
/// machine that does other things, and nine in ten in a long one.
const AT_ONCE: Duration = Duration::from_millis(10);

/// A gateway with so many places, of which one organisation can have eight ninths.
struct Full {
    site: Site,
    process: Process,
    _machine: Machine,
    _provider: Plain,
    places: usize,
}

/// Callers at work.
struct Flood {
    callers: Vec<JoinHandle<Vec<Answered>>>,
    is_over: Arc<AtomicBool>,
}

impl Full {
    async fn with(ninth: usize) -> Self {
        let provider = Plain::start(LATENCY).await;
        let site = Site::new(
            TestDb::sqlite().await,
            Provider::honest().await,
            &provider.config(),
        );
        let calls = (9 * ninth).to_string();
        let environment = [("TOLLGATE_SERVER__MAX_CALLS", calls.as_str())];
        let machine = site.machine();
        Self {
            process: machine.serve_with(&environment).await,
            _machine: machine,
            site,
            _provider: provider,
            places: 8 * ninth,
        }
    }

    /// `count` callers, each of which calls every `pace`, or as soon as it has its answer.
    fn flood(&self, secret: &str, count: usize, pace: Duration) -> Flood {
        let is_over = Arc::new(AtomicBool::new(false));
        let tasks = TaskTracker::new();
        let share = pace / u32::try_from(count).unwrap();
        let start = |place| {
            let caller = Caller::new(&self.process, secret, &body(""));
            let first = share * u32::try_from(place).unwrap();
            tasks.spawn(press(caller, first, pace, Arc::clone(&is_over)))
        };
        Flood {
            callers: (0..count).map(start).collect(),
            is_over,
        }
    }
}

async fn press(
    mut caller: Caller,
    first: Duration,
    pace: Duration,
    is_over: Arc<AtomicBool>,
) -> Vec<Answered> {
    let mut answers = Vec::new();
    let mut due = Instant::now() + first;
    while !is_over.load(Ordering::Relaxed) {
        tokio::time::sleep_until(due.into()).await;
        let answered = caller.call().await.unwrap();
        if answered.status != 200 {
            assert_eq!(answered.status, 503, "{}", caller.said());
            assert!(
                caller.said().contains("\"overloaded\""),
                "{}",
                caller.said()
            );
        }
        answers.push(answered);
        due = (due + pace).max(Instant::now());
    }
    answers
}

impl Flood {
    /// Lets it go on for `time` and ends it: what was served, and what was refused.
    async fn after(self, time: Duration) -> (Vec<Duration>, Vec<Duration>) {
        tokio::time::sleep(time).await;
        self.end().await
    }

    async fn end(self) -> (Vec<Duration>, Vec<Duration>) {
        self.is_over.store(true, Ordering::Relaxed);
        let answers = join_all(self.callers).await.into_iter();
        let answers: Vec<_> = answers.flat_map(Result::unwrap).collect();
        let of = |is_served: bool| {
            let answers = answers.iter();
            let answers = answers.filter(|answered| (answered.status == 200) == is_served);
            answers.map(|answered| answered.took).collect()
        };
        (of(true), of(false))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_times_what_a_gateway_takes_costs_no_goodput_and_is_refused_at_once() {
    let time = Duration::from_secs(if few_or_many(0, 1) == 0 { 3 } else { 15 });
    let full = Full::with(few_or_many(1, 3)).await;
    let key = full.site.key(&[]);
    let (peak, none) = full
        .flood(&key.secret, full.places, Duration::ZERO)
        .after(time)
        .await;
    assert!(none.is_empty(), "{none:?}");

    // Each place serves one call in the time in which ten come.
    let flooding = full.flood(&key.secret, 12 * full.places, LATENCY * 12 / 10);
    let (served, refused) = flooding.after(time).await;
    let since = Instant::now();
    let mut caller = Caller::new(&full.process, &key.secret, &body(""));
    let after = caller.calls(3).await;
    let recovered = since.elapsed();

    report(&format!(
        "{} places; alone {} calls in {time:?} ({}); beside ten times as many {} ({}) and {} refused ({}); \
         three calls {recovered:?} later ({after:?})",
        full.places,
        peak.len(),
        spread(&peak),
        served.len(),
        spread(&served),
        refused.len(),
        spread(&refused),
    ));
    assert!(
        served.len() * 10 >= peak.len() * 8,
        "{} of {}",
        served.len(),
        peak.len()
    );
    assert!(
        refused.len() >= served.len() * 5,
        "no flood: {}",
        refused.len()
    );
    let most = percentile(&refused, few_or_many(50, 90));
    assert!(most < AT_ONCE, "{}", spread(&refused));
    assert!(recovered < Duration::from_secs(5), "{recovered:?}");
    full.process.stop();
    full.site.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_organisation_is_not_felt_by_another() {
    let full = Full::with(few_or_many(2, 3)).await;
    let flooding = full.site.key(&[]);
    full.site.run(&["org", "create", "Quiet"]);
    let quiet = full
        .site
        .run(&["key", "create", "--org", "Quiet", "--name", "k"]);
    let secret = quiet["secret"].as_str().unwrap();
    let mut caller = Caller::new(&full.process, secret, &body(""));
    let count = few_or_many(15, 100);
    let alone = caller.calls(count).await;

    let flood = full.flood(&flooding.secret, 12 * full.places, LATENCY * 12 / 10);
    tokio::time::sleep(LATENCY * 2).await;
    // None of them is refused.
    let beside = caller.calls(count).await;
    let (served, refused) = flood.end().await;
    report(&format!(
        "alone {}; beside a flood, of which {} were served and {} refused, {}",
        spread(&alone),
        served.len(),
        refused.len(),
        spread(&beside)
    ));
    assert!(
        refused.len() > served.len() * 3,
        "no flood: {}",
        refused.len()
    );
    let slack = Duration::from_millis(50);
    let (before, now) = (percentile(&alone, 99), percentile(&beside, 99));
    assert!(now < before * 12 / 10 + slack, "{now:?} after {before:?}");
    full.process.stop();
}
