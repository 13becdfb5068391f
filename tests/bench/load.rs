//! A closed loop of keep-alive connections: each sends its next call when the last one is
//! answered. What is in flight at the end is waited for, so that every call is counted by
//! both sides.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tokio::{task::LocalSet, time::timeout};

use crate::{
    calls::Kind,
    figures::{Percentiles, Seen, figure},
    wire::{Answer, Connection},
};

/// A target that fails this often is not worth measuring on.
const MAX_ERRORS: u64 = 100;

#[derive(clap::Args)]
pub struct Options {
    #[arg(long)]
    pub target: SocketAddr,
    #[arg(long, value_enum, default_value = "json")]
    pub kind: Kind,
    #[arg(long, default_value_t = 32)]
    pub connections: usize,
    #[arg(long, default_value_t = 4.0)]
    pub seconds: f64,
    #[arg(long, default_value_t = 0.5)]
    pub warmup: f64,
    /// Calls a second over all connections; 0 = as fast as they are answered
    #[arg(long, default_value_t = 0.0)]
    pub rate: f64,
    /// A file of API keys, one a line, used in turn
    #[arg(long)]
    pub keys_file: Option<PathBuf>,
}

struct Run {
    target: SocketAddr,
    requests: Vec<Vec<u8>>,
    next: Cell<usize>,
    /// Between two calls of one connection; zero for as fast as they are answered.
    pace: Duration,
    warm: Instant,
    end: Instant,
    tally: RefCell<Tally>,
}

#[derive(Default)]
struct Tally {
    latencies: Vec<Duration>,
    first_bytes: Vec<Duration>,
    answered: u64,
    errors: u64,
    first_error: Option<String>,
    body_bytes: Option<(usize, usize)>,
}

/// Loads the target for the given time and prints what was seen as JSON.
pub fn run(options: &Options) -> Result<()> {
    let run = Rc::new(Run::new(options)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let tasks = LocalSet::new();
    for _ in 0..options.connections {
        tasks.spawn_local(Rc::clone(&run).keep_calling());
    }
    let limit = Duration::from_secs_f64(options.warmup + options.seconds + 15.0);
    runtime
        .block_on(async { timeout(limit, tasks).await })
        .context("calls were still unanswered 15 s after the end")?;
    serde_json::to_writer(std::io::stdout(), &run.seen(options.seconds))?;
    Ok(())
}

impl Options {
    fn pace(&self) -> Duration {
        if self.rate <= 0.0 {
            return Duration::ZERO;
        }
        let connections = u32::try_from(self.connections).unwrap_or(u32::MAX);
        Duration::from_secs_f64(1.0 / self.rate) * connections
    }
}

impl Run {
    fn new(options: &Options) -> Result<Self> {
        let host = options.target.to_string();
        let keys = match &options.keys_file {
            Some(path) => std::fs::read_to_string(path)?,
            None => "sk-bench".to_owned(),
        };
        let warm = Instant::now() + Duration::from_secs_f64(options.warmup);
        Ok(Self {
            target: options.target,
            requests: keys
                .lines()
                .map(|key| options.kind.request(&host, key))
                .collect(),
            next: Cell::new(0),
            pace: options.pace(),
            warm,
            end: warm + Duration::from_secs_f64(options.seconds),
            tally: RefCell::default(),
        })
    }

    async fn keep_calling(self: Rc<Self>) {
        while self.goes_on() {
            if let Err(error) = self.one_connection().await {
                self.tally.borrow_mut().fail(&error);
            }
        }
    }

    async fn one_connection(&self) -> Result<()> {
        let mut connection = Connection::open(self.target).await?;
        let mut due = Instant::now();
        while self.goes_on() {
            // A connection that fell behind does not make up for it: that would be a burst.
            due = (due + self.pace).max(Instant::now());
            if !self.pace.is_zero() {
                tokio::time::sleep_until(due.into()).await;
            }
            let start = Instant::now();
            let answer = connection.call(self.request()?).await?;
            let end = Instant::now();
            let measured = start >= self.warm && end <= self.end;
            self.tally
                .borrow_mut()
                .note(&answer, measured.then_some((start, end)))?;
            if answer.last {
                break;
            }
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        Instant::now() < self.end && self.tally.borrow().errors < MAX_ERRORS
    }

    fn request(&self) -> Result<&[u8]> {
        let at = self.next.get();
        self.next.set((at + 1) % self.requests.len());
        Ok(self.requests.get(at).context("the file of keys is empty")?)
    }

    fn seen(&self, seconds: f64) -> Seen {
        let tally = self.tally.take();
        let calls = tally.latencies.len().try_into().unwrap_or(u64::MAX);
        Seen {
            calls,
            answered: tally.answered,
            errors: tally.errors,
            first_error: tally.first_error,
            calls_per_second: figure(calls) / seconds,
            latency_us: Percentiles::of(tally.latencies),
            first_byte_us: Percentiles::of(tally.first_bytes),
            body_bytes: tally.body_bytes.unwrap_or_default(),
        }
    }
}

impl Tally {
    fn note(&mut self, answer: &Answer, measured: Option<(Instant, Instant)>) -> Result<()> {
        anyhow::ensure!(answer.status == 200, "answered {}", answer.status);
        self.answered += 1;
        let bytes = answer.body_bytes;
        let (least, most) = self.body_bytes.unwrap_or((bytes, bytes));
        self.body_bytes = Some((least.min(bytes), most.max(bytes)));
        if let Some((start, end)) = measured {
            self.latencies.push(end - start);
            self.first_bytes.push(answer.first_byte - start);
        }
        Ok(())
    }

    fn fail(&mut self, error: &anyhow::Error) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| error.to_string());
    }
}
