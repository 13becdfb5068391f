//! What writing a call down costs: books many events and prints CPU time of this process an event.
//! `cargo bench --bench booking -- --help` names the options; see README.md in this folder.

use std::io::Write;
use std::time::{Duration, Instant};

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
use tollgate::store::leases::{self, Ask, Holder};
use tollgate::store::organisations::{self, Organisation};
use tollgate::store::{Db, budgets};
use uuid::Uuid;

/// The kernel counts CPU time in ticks of 10 ms, on every common architecture.
const TICK: Duration = Duration::from_millis(10);
const START: Timestamp = Timestamp(1_800_000_000_000_000);
const APART: Duration = Duration::from_micros(250);
const AMOUNT: i64 = 1_000_000_000;
const MODELS: [&str; 2] = ["gpt-4o-mini", "gpt-4o"];

#[derive(Parser)]
struct Options {
    /// Where to book; a `SQLite` file of its own if not given
    #[arg(long)]
    database: Option<String>,
    /// How many events
    #[arg(long, default_value_t = 200_000)]
    events: u32,
    /// How many of them in one transaction
    #[arg(long, default_value_t = 2000)]
    batch: usize,
    /// How many keys they come from, in turn
    #[arg(long, default_value_t = 100)]
    keys: usize,
    /// How many organisations those belong to, in turn
    #[arg(long, default_value_t = 1)]
    organisations: usize,
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
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build()?;
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> Result<()> {
    let directory = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let file = format!("sqlite://{}", directory.path().join("books.db").display());
    let db = Db::connect(options.database.as_ref().unwrap_or(&file)).await?;
    db.migrate().await?;
    let payers = payers(&db, options).await?;
    let calls = payers.iter().cycle().zip(MODELS.iter().cycle());
    let times = (0..options.events).map(|n| START.plus(APART * n));
    let events: Vec<Event<'_>> = calls.zip(times).map(|(call, at)| event(call, at)).collect();
    let booker = Booker::new(db);
    let (before, began) = (cpu_time()?, Instant::now());
    for batch in events.chunks(options.batch) {
        let new = booker.book(Batch::of(batch)).await?;
        anyhow::ensure!(new == batch.len(), "{new} of {} were new", batch.len());
    }
    let (cpu, wall) = (cpu_time()?.saturating_sub(before), began.elapsed());
    writeln!(
        std::io::stdout(),
        "{} events by {}: {:?} CPU, {:?} an event",
        options.events,
        options.batch,
        cpu / options.events,
        wall / options.events,
    )?;
    Ok(())
}

/// Keys, each drawing from a budget of its own and from that of its organisation.
async fn payers(db: &Db, options: &Options) -> Result<Vec<Payer>> {
    let holder = Holder {
        instance: Uuid::now_v7(),
        epoch: 1,
    };
    leases::register(db, &holder, START).await?;
    let mut owners = Vec::new();
    for _ in 0..options.organisations {
        let name = format!("booking {}", Uuid::now_v7());
        let owner = organisations::create(db, &name, &Limits::default(), START).await?;
        let draw = draw(db, &holder, ScopeId::Organisation(owner.id)).await?;
        owners.push((owner, draw));
    }
    let mut payers = Vec::new();
    for (owner, of_all) in owners.iter().cycle().take(options.keys) {
        let (key, secret) = key(db, owner).await?;
        let of_key = draw(db, &holder, ScopeId::Key(key.id)).await?;
        let draws = vec![*of_all, of_key];
        payers.push(Payer { key, secret, draws });
    }
    Ok(payers)
}

async fn key(db: &Db, owner: &Organisation) -> Result<(Key, SecretHash)> {
    let new = NewKey {
        organisation_id: owner.id,
        project_id: None,
        name: "booking".to_owned(),
        models: None,
        limits: Limits::default(),
        expires_at: None,
    };
    let secret = [*Uuid::now_v7().as_bytes(), *Uuid::now_v7().as_bytes()].concat();
    let secret = SecretHash(secret.as_slice().try_into()?);
    let key = keys::create(db, new, &secret, "sk-booking", START).await?;
    Ok((key, secret))
}

/// A draw from half of what a budget of `scope` allows.
async fn draw(db: &Db, holder: &Holder, scope: ScopeId) -> Result<BudgetDraw> {
    let (unit, period) = (Unit::Tokens, Period::Month);
    let start = period.start(START);
    let key = BudgetKey {
        scope,
        unit,
        period,
        start,
    };
    let budget = budgets::open(db, &key, Some(AMOUNT), START).await?.id;
    let (lease, need) = (Uuid::now_v7(), 1);
    let ask = Ask {
        lease,
        budget,
        need,
    };
    leases::grant(db, holder, &[ask], START).await?;
    Ok(BudgetDraw {
        budget,
        lease: Some(lease),
        unit,
    })
}

fn event<'a>((payer, model): (&Payer, &'a &str), at: Timestamp) -> Event<'a> {
    Event {
        id: CallId::new(),
        at,
        organisation_id: payer.key.organisation_id,
        project_id: payer.key.project_id,
        key_id: payer.key.id,
        secret_hash: Some(payer.secret),
        provider: "openai".into(),
        model: (*model).into(),
        upstream_model: (*model).into(),
        endpoint: "chat.completions".into(),
        status: 200,
        code: None,
        source: Source::Reported,
        is_stream: true,
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
fn cpu_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().context("a name in brackets")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks = ticks.map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(TICK * ticks)
}
