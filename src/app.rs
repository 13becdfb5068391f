//! The one assembly of the gateway, for the binary and for every test: store, ledger, cache, path and
//! server from a configuration and bound sockets, and the order in which they end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::maybe_done;
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{self, Api};
use crate::cache::Callers;
use crate::config::{Config, Durability};
use crate::dashboard;
use crate::domain::time::Clock;
use crate::ledger::Ledger;
use crate::ledger::journal::{self, Journal};
use crate::lifecycle::Lifecycle;
use crate::limiters::Limiters;
use crate::limiters::capacity::Capacity;
use crate::management::{Leaks, Management, Passwords, Throttle};
use crate::metrics::Metrics;
use crate::providers::Catalog;
use crate::server::Server;
use crate::store::Db;
use crate::store::instance::InstanceLock;
use crate::traces::{Exporter, Tracer};
use crate::upstream::Upstream;

mod audit;
mod background;
mod gauges;
mod lag;
mod retention;
mod watch;

use audit::Audit;
use background::Background;
use lag::Lag;

/// Streams that were told to end get this long to say so.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A gateway that is ready to run, even while its store is away.
pub struct App {
    db: Db,
    ledger: Arc<Ledger>,
    server: Arc<Server>,
    lifecycle: Arc<Lifecycle>,
    metrics: Arc<Metrics>,
    management: Arc<Management>,
    drain: Duration,
    background: Background,
    exporter: Option<Exporter>,
    /// The right to serve.
    lock: InstanceLock,
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
        let callers = {
            let limiters = Arc::clone(&limiters);
            Callers::new(db.clone(), Arc::clone(&ledger), limiters, config.auth.grace)
        };
        let opening = watch::open(db.clone(), clock.clone(), Arc::clone(&ledger), predecessors);
        let background = Background {
            db: db.clone(),
            ledger: Arc::clone(&ledger),
            opening: background::begin(&db, Box::pin(opening)).await?,
            clock,
            callers,
            catalog: Arc::new(Catalog::build(config)?),
            upstream: Arc::new(Upstream::new()?),
            capacity: Capacity::new(config.server.max_calls, config.server.max_buffered_bytes),
            audit: Audit::default(),
            lag: Lag::default(),
            retention: config.retention.clone(),
        };
        let metrics = Metrics::new();
        metrics.collect(gauges::of(&lifecycle, &background));
        let started = Tracer::start(&config.traces, &background.upstream, &metrics);
        let (tracer, exporter) = started.unzip();
        let gateway = background.gateway(config, &lifecycle, &metrics, tracer);
        let api = manage(config, &background, limiters, &metrics);
        let management = Arc::clone(&api.management);
        let router = gateway.router().merge(dashboard::site(api.clone()));
        let router = router.merge(api::router(api));
        Ok(Self {
            server: Server::new(&config.server, router, &lifecycle),
            db,
            ledger,
            lifecycle,
            metrics,
            management,
            drain: config.server.drain,
            background,
            exporter,
            lock,
        })
    }

    /// Where to ask for the end.
    pub fn lifecycle(&self) -> Arc<Lifecycle> {
        Arc::clone(&self.lifecycle)
    }

    /// Where its calls go.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.background.catalog)
    }

    /// What it counts.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// What manages its organisations.
    pub fn management(&self) -> Arc<Management> {
        Arc::clone(&self.management)
    }

    /// Serves on `listener` until the end is asked for. The ledger ends last: whatever is served
    /// until then is booked.
    pub async fn run(self, listener: TcpListener) -> anyhow::Result<()> {
        let Self {
            db,
            ledger,
            server,
            lifecycle,
            management,
            drain,
            background,
            exporter,
            lock: _lock,
            ..
        } = self;
        let beside = TaskTracker::new();
        let stop = CancellationToken::new();
        let booking = beside.spawn(ledger.run(stop.child_token()));
        let exporting = exporter.map(|exporter| beside.spawn(exporter.run(stop.child_token())));
        if background.opening.is_none() {
            background.admit(&lifecycle);
        }
        let watching = beside.spawn(background.run(Arc::clone(&lifecycle)));
        serve(&server, listener, &lifecycle, drain).await;
        lifecycle.drained().await;
        stop.cancel();
        booking.await?;
        if let Some(exporting) = exporting {
            exporting.await?;
        }
        if watching.is_finished() {
            watching.await??;
        } else {
            watching.abort();
        }
        management.db.close().await;
        db.close().await;
        Ok(())
    }
}

/// What manages organisations and their keys, and the door to it.
fn manage(
    config: &Config,
    background: &Background,
    limiters: Arc<Limiters>,
    metrics: &Arc<Metrics>,
) -> Api {
    let management = Management {
        db: background.db.for_people(),
        clock: background.clock.clone(),
        catalog: Arc::clone(&background.catalog),
        limiters,
        public_url: config.server.public_url.trim_end_matches('/').to_owned(),
        leaks: Leaks::default(),
        passwords: Passwords::default(),
        throttle: Throttle::default(),
        metrics: Arc::clone(metrics),
    };
    Api {
        management: Arc::new(management),
        trusted_proxies: config.server.trusted_proxies.as_slice().into(),
        body_timeout: config.server.body_timeout,
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
