//! What writing a call down costs: books many events and prints CPU time of this process an event.
//! `cargo bench --bench booking -- --help` names the options; see README.md in this folder.

use std::time::Instant;

use anyhow::{Context, Result};
use clap::Parser;
use tollgate::domain::key::SecretHash;
use tollgate::domain::limits::Limits;
use tollgate::domain::quota::{BudgetKey, Period, Unit};
use tollgate::domain::tenant::{CallId, ScopeId};
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::Source;
use tollgate::store::events::{Batch, Booker, BudgetDraw, Event};
use tollgate::store::keys::{self, Key, NewKey};
use tollgate::store::{Db, budgets, organisations};

/// The kernel counts CPU time in ticks of 10 ms, on every common architecture.
const TICK_MICROS: u64 = 10_000;
const START: i64 = 1_800_000_000_000_000;

#[derive(Parser)]
struct Options {
    /// Where to book; a SQLite file of its own if not given
    #[arg(long)]
    database: Option<String>,
    /// How many events
    #[arg(long, default_value_t = 200_000)]
    events: usize,
    /// How many of them in one transaction
    #[arg(long, default_value_t = 2000)]
    batch: usize,
    /// How many keys they come from, in turn
    #[arg(long, default_value_t = 100)]
    keys: usize,
    /// Added by `cargo bench`; without it nothing is measured
    #[arg(long, hide = true)]
    bench: bool,
}

/// A key and what its calls draw from.
struct Payer {
    key: Key,
    secret: SecretHash,
    draws: Vec<BudgetDraw>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if !options.bench {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> Result<()> {
    let directory = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let file = format!("sqlite://{}", directory.path().join("books.db").display());
    let db = Db::connect(options.database.as_ref().unwrap_or(&file)).await?;
    db.migrate().await?;
    let payers = payers(&db, options.keys).await?;
    let events: Vec<Event<'static>> = (0..options.events)
        .map(|n| event(&payers[n % payers.len()], n))
        .collect();
    let booker = Booker::new(db);
    let (before, began) = (cpu_micros()?, Instant::now());
    for batch in events.chunks(options.batch) {
        let new = booker.book(Batch::of(batch)).await?;
        anyhow::ensure!(new == batch.len(), "{new} of {} were new", batch.len());
    }
    let (cpu, wall) = (cpu_micros()? - before, began.elapsed());
    let each = |micros: f64| micros / options.events as f64;
    println!(
        "{} events by {}: {:.2} µs CPU, {:.2} µs an event",
        options.events,
        options.batch,
        each(cpu as f64),
        each(wall.as_secs_f64() * 1e6),
    );
    Ok(())
}

/// Keys of one organisation, each with budgets of tokens and requests, and those of all.
async fn payers(db: &Db, count: usize) -> Result<Vec<Payer>> {
    let now = Timestamp(START);
    let name = format!("booking {}", CallId::new().0);
    let organisation = organisations::create(db, &name, &Limits::default(), now).await?;
    let mut payers = Vec::new();
    for n in 0..count {
        let new = NewKey {
            organisation_id: organisation.id,
            project_id: None,
            name: format!("key {n}"),
            models: None,
            limits: Limits::default(),
            expires_at: None,
        };
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(CallId::new().0.as_bytes());
        let secret = SecretHash(secret);
        let key = keys::create(db, new, &secret, "sk-bench", now).await?;
        let mut draws = Vec::new();
        for scope in [ScopeId::Organisation(organisation.id), ScopeId::Key(key.id)] {
            draws.push(open(db, scope, Unit::Tokens, now).await?);
        }
        payers.push(Payer { key, secret, draws });
    }
    Ok(payers)
}

async fn open(db: &Db, scope: ScopeId, unit: Unit, now: Timestamp) -> Result<BudgetDraw> {
    let (period, start) = (Period::Month, Period::Month.start(now));
    let key = BudgetKey {
        scope,
        unit,
        period,
        start,
    };
    let row = budgets::open(db, &key, Some(1_000_000_000), now).await?;
    Ok(BudgetDraw {
        budget: row.id,
        lease: None,
        unit,
    })
}

fn event(payer: &Payer, n: usize) -> Event<'static> {
    Event {
        id: CallId::new(),
        at: Timestamp(START + n as i64 * 250),
        organisation_id: payer.key.organisation_id,
        project_id: payer.key.project_id,
        key_id: payer.key.id,
        secret_hash: Some(payer.secret),
        provider: "openai".into(),
        model: ["gpt-4o-mini", "gpt-4o"][n % 2].into(),
        upstream_model: ["gpt-4o-mini", "gpt-4o"][n % 2].into(),
        endpoint: "chat/completions".into(),
        status: 200,
        code: None,
        source: Source::Reported,
        is_stream: n % 3 == 0,
        requests: 1,
        input_tokens: 120,
        output_tokens: 240,
        total_tokens: 360,
        cached_tokens: 0,
        reasoning_tokens: 0,
        cost_nano: 162_000,
        held_tokens: 1400,
        is_suspicious: false,
        is_disconnected: false,
        duration_ms: 812,
        first_token_ms: Some(90),
        budgets: payer.draws.iter().copied().collect(),
    }
}

/// User and system time of this process so far.
fn cpu_micros() -> Result<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().context("a name in brackets")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<u64>, _> = ticks.map(str::parse).collect();
    Ok(ticks?.iter().sum::<u64>() * TICK_MICROS)
}
