//! A journal full of calls that the database does not have, as a long outage leaves it: the next
//! process books all of it before calls are welcome, in memory that does not depend on how much it is.
//! What a journal that cannot grow any more does is told in `full.rs`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use sqlx::FromRow;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tollgate::domain::key::SecretHash;
use tollgate::domain::quota::Unit;
use tollgate::domain::tenant::{CallId, KeyId, OrganisationId, ProjectId};
use tollgate::domain::time::Clock;
use tollgate::domain::usage::{Charge, Ending, Held, Usage};
use tollgate::ledger::journal::{Closing, Drawn, Durability, Journal, Opening, Options};
use tollgate::store::Db;
use uuid::Uuid;

use super::few_or_many;
use super::site::{Key, Process, Site};
use crate::operation::report;
use crate::provider::Provider;
use crate::support::client::CHAT;
use crate::support::client::chat_body;
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(a_long_backlog_is_booked_at_the_start_in_bounded_memory);

/// Two records each.
const CALLS: (usize, usize) = (30_000, 2_500_000);
/// Room for all of them.
const ROOM: u64 = 8 << 30;
/// By how much booking a backlog may make memory grow beyond that of a process that had none: one batch
/// takes 4 to 6 MB, and all of the few calls take 30.
const KILOBYTES: (usize, usize) = (12_000, 64_000);
/// How long a backlog may take on a machine that is busy with other tests.
const SECONDS: (usize, usize) = (60, 3600);
const HELD: Held = Held {
    tokens: 5000,
    prompt_estimate: 300,
};
const BUDGETS: &str = "SELECT id, unit FROM budgets";
const SCOPES: &str = "SELECT organisation_id, project_id FROM keys";
const COUNT: &str = "SELECT COUNT(*) FROM events";

/// What a call names.
#[derive(FromRow)]
struct Scopes {
    organisation_id: OrganisationId,
    project_id: ProjectId,
}

#[derive(FromRow)]
struct Budget {
    id: Uuid,
    unit: Unit,
}

macro_rules! fetch {
    ($db:expr, $how:ident, $query:expr) => {
        match $db {
            Db::Postgres(pool) => $query.$how(pool).await.unwrap(),
            Db::Sqlite(pools) => $query.$how(pools.writer()).await.unwrap(),
        }
    };
}

/// A call that draws from all budgets there are.
async fn opening(site: &Site, key: &Key) -> Opening {
    let db = &site.database.db;
    let scopes: Scopes = fetch!(db, fetch_one, sqlx::query_as(SCOPES));
    let budgets: Vec<Budget> = fetch!(db, fetch_all, sqlx::query_as(BUDGETS));
    let draw = |budget: &Budget| Drawn {
        budget: budget.id,
        lease: None,
        unit: budget.unit,
        held: if budget.unit == Unit::Tokens {
            HELD.tokens
        } else {
            1
        },
    };
    Opening {
        id: CallId(Uuid::now_v7()),
        at: Clock::default().now(),
        organisation_id: scopes.organisation_id,
        project_id: scopes.project_id,
        key_id: KeyId(key.id.parse().unwrap()),
        secret: SecretHash::of(key.secret.as_bytes()).unwrap(),
        provider: "mock".into(),
        model: "m".into(),
        upstream_model: "m".into(),
        endpoint: "chat/completions".into(),
        is_stream: true,
        price: None,
        held: HELD,
        held_nano: 0,
        choices: 1,
        cap: 4096,
        draws: budgets.iter().map(draw).collect::<SmallVec<_>>(),
    }
}

fn closing() -> Closing {
    let usage = Some(Usage {
        input: 250,
        output: 120,
        total: 370,
        ..Usage::default()
    });
    let ending = Ending::Ran {
        usage,
        delivered: 0,
    };
    Closing {
        charge: Charge::of(ending, HELD),
        cost_nano: 0,
        status: 200,
        code: None,
        is_disconnected: false,
        duration_ms: 1234,
        first_token_ms: Some(321),
    }
}

/// Writes `count` calls to the journal of a process that dies before it books any; the bytes they take.
async fn leave(data: &Path, first: Opening, count: usize) -> u64 {
    let (began, patience) = (Instant::now(), patience());
    let options = Options {
        durability: Durability::Process,
        max_bytes: ROOM,
    };
    let (journal, _predecessors) = Journal::open(data, options).unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let running = tasks.spawn(Arc::clone(&journal).run(stop.clone()));
    let written = Arc::clone(&journal);
    let writing = tasks.spawn_blocking(move || {
        let closing = closing();
        for _ in 0..count {
            let opening = Opening {
                id: CallId(Uuid::now_v7()),
                ..first.clone()
            };
            // The next segment is made meanwhile, and the disk catches up.
            while written.intend(&opening).is_err() {
                assert!(began.elapsed() < patience, "the journal takes no more");
                std::thread::yield_now();
            }
            written.settle(&opening, &closing).unwrap();
        }
    });
    writing.await.unwrap();
    let bytes = journal.backlog().bytes;
    stop.cancel();
    running.await.unwrap();
    bytes
}

fn patience() -> Duration {
    let seconds = few_or_many(SECONDS.0, SECONDS.1);
    Duration::from_secs(seconds.try_into().unwrap())
}

/// The most memory that a process ever had.
fn peak_kb(process: &Process) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.split_whitespace().next());
    peak.unwrap().parse().unwrap()
}

async fn a_long_backlog_is_booked_at_the_start_in_bounded_memory(database: TestDb) {
    let count = few_or_many(CALLS.0, CALLS.1);
    let config = format!("[ledger]\njournal_max_bytes = {ROOM}");
    let site = Site::new(database, Provider::honest().await, &config);
    let key = site.budgeted_key();
    let machine = site.machine();
    // Opens the budgets.
    let process = machine.serve().await;
    let served = process.client.post(CHAT, &key.secret, &chat_body("")).await;
    assert_eq!(served.status, 200, "{}", served.text());
    let usual = peak_kb(&process);
    process.stop();
    let bytes = leave(&machine.data(), opening(&site, &key).await, count).await;

    let began = Instant::now();
    let process = machine.launch(&[]);
    while !process.is_ready().await {
        assert!(began.elapsed() < patience(), "it is not booked");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    let booked: i64 = fetch!(&site.database.db, fetch_one, sqlx::query_scalar(COUNT));
    assert_eq!(booked, i64::try_from(count + 1).unwrap());
    let peak = peak_kb(&process);
    report(&format!(
        "{count} calls, {} MB: booked in {took:?}; {usual} KB without, {peak} KB with them",
        bytes >> 20
    ));
    let most = usual + few_or_many(KILOBYTES.0, KILOBYTES.1);
    assert!(peak <= most, "{peak} KB after {usual} KB");
    let served = process.client.post(CHAT, &key.secret, &chat_body("")).await;
    assert_eq!(served.status, 200, "{}", served.text());
    process.stop();
    site.verify();
    assert!(site.budgets().await.iter().all(|budget| budget.leased == 0));
}
