//! The one assembly of the gateway, for the binary and for every test: store, ledger, cache, path and
//! server from a configuration and bound sockets, and the order in which they end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, maybe_done};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cache::Callers;
use crate::config::{Config, Durability};
use crate::domain::time::Clock;
use crate::gateway::{BodyLimits, Capacity, Gateway, Limiters, Upstream};
use crate::ledger::journal::{self, Journal};
use crate::ledger::{Ledger, RecoverError};
use crate::lifecycle::Lifecycle;
use crate::metrics::{Gauges, Metrics};
use crate::providers::{Catalog, fetch_listings};
use crate::server::Server;
use crate::store::Db;
use crate::store::instance::InstanceLock;
use crate::tokenizer::Tokenizer;

mod watch;

/// Streams that were told to end get this long to say so.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Booking what earlier processes left seldom takes this long; longer, and probes are answered
/// meanwhile.
const OPENING: Duration = Duration::from_secs(5);

/// A gateway that is ready to run, even while its store is away.
pub struct App {
    db: Db,
    ledger: Arc<Ledger>,
    server: Arc<Server>,
    lifecycle: Arc<Lifecycle>,
    metrics: Arc<Metrics>,
    drain: Duration,
    background: Background,
    /// The right to serve.
    lock: InstanceLock,
}

/// What has to end before calls are welcome.
type Opening = BoxFuture<'static, Result<(), RecoverError>>;

/// What runs beside the calls.
struct Background {
    db: Db,
    ledger: Arc<Ledger>,
    /// What is left of that, if the store was away or there was much to book.
    opening: Option<Opening>,
    clock: Clock,
    callers: Arc<Callers>,
    catalog: Arc<Catalog>,
    upstream: Arc<Upstream>,
    capacity: Arc<Capacity>,
}

impl App {
    /// Assembles, and migrates if the store is there. Fails if it can never serve.
    pub async fn build(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let db = Db::connect(config.database_url().expose_secret()).await?;
        let lock = InstanceLock::acquire(&db)?;
        let (journal, predecessors) = Journal::open(&config.data_dir, options(config))?;
        let lifecycle = Arc::new(Lifecycle::default());
        let ledger = Ledger::new(db.clone(), clock.clone(), journal);
        let limiters = Arc::new(Limiters::default());
        let callers = Callers::new(db.clone(), Arc::clone(&ledger), limiters, config.auth.grace);
        let opening = watch::open(db.clone(), clock.clone(), Arc::clone(&ledger), predecessors);
        let background = Background {
            db: db.clone(),
            ledger: Arc::clone(&ledger),
            opening: begin(&db, Box::pin(opening)).await?,
            clock,
            callers,
            catalog: Arc::new(Catalog::build(config)?),
            upstream: Arc::new(Upstream::new()?),
            capacity: Capacity::new(
                config.server.max_connections,
                config.server.max_buffered_bytes,
            ),
        };
        let metrics = Metrics::new();
        metrics.collect(gauges(&lifecycle, &background));
        let gateway = background.gateway(config, &lifecycle, &metrics);
        Ok(Self {
            server: Server::new(&config.server, gateway.router(), &lifecycle),
            db,
            ledger,
            lifecycle,
            metrics,
            drain: config.server.drain,
            background,
            lock,
        })
    }

    /// Where to ask for the end.
    pub fn lifecycle(&self) -> Arc<Lifecycle> {
        Arc::clone(&self.lifecycle)
    }

    /// What it counts.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Serves on `listener` until the end is asked for. The ledger ends last: whatever is served
    /// until then is booked.
    pub async fn run(self, listener: TcpListener) -> anyhow::Result<()> {
        let Self {
            db,
            ledger,
            server,
            lifecycle,
            drain,
            background,
            lock: _lock,
            ..
        } = self;
        let beside = TaskTracker::new();
        let stop = CancellationToken::new();
        let booking = beside.spawn(ledger.run(stop.child_token()));
        if background.opening.is_none() {
            background.admit(&lifecycle);
        }
        let watching = beside.spawn(background.run(Arc::clone(&lifecycle)));
        serve(&server, listener, &lifecycle, drain).await;
        lifecycle.drained().await;
        stop.cancel();
        booking.await?;
        if watching.is_finished() {
            watching.await??;
        } else {
            watching.abort();
        }
        // One that hangs would never let go of its connections.
        let _ = tokio::time::timeout(LAST_WORDS, db.close()).await;
        Ok(())
    }
}

/// How the journal is kept.
fn options(config: &Config) -> journal::Options {
    journal::Options {
        durability: match config.ledger.durability {
            Durability::Process => journal::Durability::Process,
            Durability::Disk => journal::Durability::Disk,
        },
        max_bytes: config.ledger.journal_max_bytes,
    }
}

/// Opens what is there at once; answers what takes longer.
async fn begin(db: &Db, mut opening: Opening) -> Result<Option<Opening>, RecoverError> {
    if !watch::migrate(db).await? {
        return Ok(Some(opening));
    }
    match tokio::time::timeout(OPENING, &mut opening).await {
        Ok(opened) => opened.map(|()| None),
        Err(_) => Ok(Some(opening)),
    }
}

/// Serves to the end: first all calls may finish, those without a client too; then streams are told
/// to end; then all is cut.
async fn serve(
    server: &Arc<Server>,
    listener: TcpListener,
    lifecycle: &Arc<Lifecycle>,
    drain: Duration,
) {
    let mut serving = std::pin::pin!(maybe_done(Arc::clone(server).accept(listener)));
    let finishing = async {
        serving.as_mut().await;
        lifecycle.drained().await;
    };
    let deadline = async {
        lifecycle.stopping().await;
        tokio::time::sleep(drain).await;
    };
    let is_finished = tokio::select! {
        () = finishing => true,
        () = deadline => false,
        () = lifecycle.stopped() => false,
    };
    lifecycle.stop_now();
    if !is_finished {
        let _ = tokio::time::timeout(LAST_WORDS, serving.as_mut()).await;
        server.cut();
        // What is cut settles as it is dropped, and only then is everything there to be booked.
        serving.await;
    }
}

/// What the process knows about itself, for whoever reads the metrics.
fn gauges(lifecycle: &Arc<Lifecycle>, background: &Background) -> Gauges {
    let (ready, detached) = (Arc::clone(lifecycle), Arc::clone(lifecycle));
    let callers = Arc::clone(&background.callers);
    let [healthy, bytes, waiting] = [(); 3].map(|()| Arc::clone(&background.ledger));
    let capacity = Arc::clone(&background.capacity);
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    Gauges::default()
        .with("ready", "1 if calls are welcome", move || {
            i64::from(ready.is_ready())
        })
        .with(
            "calls_in_flight",
            "Calls that are not over, those without their client included",
            move || count(capacity.calls()),
        )
        .with(
            "calls_without_client",
            "Calls that go on although their client left",
            move || count(detached.detached()),
        )
        .with(
            "cached_keys",
            "Keys in memory, unknown ones included",
            move || count(callers.len()),
        )
        .with(
            "journal_healthy",
            "1 if calls can be written down",
            move || i64::from(healthy.health().is_ok()),
        )
        .with(
            "journal_unbooked_bytes",
            "Bytes of the journal that the database does not have",
            move || i64::try_from(bytes.backlog().bytes).unwrap_or(i64::MAX),
        )
        .with(
            "journal_unbooked_calls",
            "Calls that ended and that the database does not have",
            move || i64::try_from(waiting.backlog().settled).unwrap_or(i64::MAX),
        )
}

impl Background {
    fn gateway(
        &self,
        config: &Config,
        lifecycle: &Arc<Lifecycle>,
        metrics: &Arc<Metrics>,
    ) -> Gateway {
        Gateway {
            clock: self.clock.clone(),
            callers: Arc::clone(&self.callers),
            catalog: Arc::clone(&self.catalog),
            ledger: Arc::clone(&self.ledger),
            tokenizer: Tokenizer::new(),
            upstream: Arc::clone(&self.upstream),
            lifecycle: Arc::clone(lifecycle),
            metrics: Arc::clone(metrics),
            capacity: Arc::clone(&self.capacity),
            body_limits: BodyLimits {
                bytes: config.server.max_body_bytes,
                time: config.server.body_timeout,
            },
            default_max_output_tokens: config.quota.default_max_output_tokens,
        }
    }

    /// The store is there: calls are welcome.
    fn admit(&self, lifecycle: &Lifecycle) {
        self.callers.open();
        lifecycle.set_ready(true);
    }

    /// Opens the store if it was away, then keeps fresh what calls rely on. Ends only if this process
    /// must not serve.
    async fn run(mut self, lifecycle: Arc<Lifecycle>) -> anyhow::Result<()> {
        if let Some(opening) = self.opening.take() {
            opening.await.inspect_err(|_| lifecycle.stop_now())?;
            self.admit(&lifecycle);
        }
        let Self {
            db, ledger, clock, ..
        } = self;
        let watching = async {
            tokio::join!(
                self.callers.follow(),
                fetch_listings(self.catalog, self.upstream),
                watch::clock(db.clone(), clock),
                watch::readiness(db, Arc::clone(&ledger), Arc::clone(&lifecycle)),
            );
        };
        tokio::select! {
            () = watching => Ok(()),
            () = ledger.fenced() => {
                lifecycle.stop();
                anyhow::bail!("another process took over this one's journal")
            }
        }
    }
}
