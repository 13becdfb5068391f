//! The one assembly of the gateway, for the binary and for every test: store, ledger, cache, path and
//! server from a configuration and bound sockets, and the order in which they end.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cache::Callers;
use crate::config::Config;
use crate::domain::time::Clock;
use crate::gateway::{BodyLimits, Gateway, Limiters, Upstream};
use crate::ledger::Ledger;
use crate::lifecycle::Lifecycle;
use crate::providers::{Catalog, fetch_listings};
use crate::server::Server;
use crate::store::Db;
use crate::store::instance::InstanceLock;

mod watch;

/// Streams that were told to end get this long to say so.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A gateway that is ready to run.
pub struct App {
    db: Db,
    ledger: Arc<Ledger>,
    server: Arc<Server>,
    lifecycle: Arc<Lifecycle>,
    lock: InstanceLock,
    drain: Duration,
    background: Background,
}

/// What runs beside the calls.
struct Background {
    clock: Clock,
    callers: Arc<Callers>,
    catalog: Arc<Catalog>,
    upstream: Arc<Upstream>,
}

impl App {
    /// Connects, migrates and assembles.
    pub async fn build(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let db = Db::connect(config.database_url().expose_secret()).await?;
        watch::until_migrated(&db).await?;
        let lock = InstanceLock::acquire(&db, &config.data_dir).await?;
        let lifecycle = Arc::new(Lifecycle::default());
        let ledger = Ledger::new(db.clone(), clock.clone());
        let limiters = Arc::new(Limiters::default());
        let callers = Callers::new(db.clone(), Arc::clone(&ledger), limiters, config.auth.grace);
        let background = Background {
            clock,
            callers,
            catalog: Arc::new(Catalog::build(config)?),
            upstream: Arc::new(Upstream::new()?),
        };
        let gateway = background.gateway(config, &ledger, &lifecycle);
        Ok(Self {
            server: Server::new(&config.server, gateway.router(), &lifecycle),
            db,
            ledger,
            lifecycle,
            lock,
            drain: config.server.drain,
            background,
        })
    }

    /// Where to ask for the end.
    pub fn lifecycle(&self) -> Arc<Lifecycle> {
        Arc::clone(&self.lifecycle)
    }

    /// Serves on `listener` until the end is asked for. The ledger ends last: whatever is served
    /// until then is booked.
    pub async fn run(self, listener: TcpListener) -> anyhow::Result<()> {
        let Self {
            db,
            ledger,
            server,
            lifecycle,
            lock,
            drain,
            background,
        } = self;
        let beside = TaskTracker::new();
        let stop = CancellationToken::new();
        let writing = beside.spawn(Arc::clone(&ledger).write(stop.child_token()));
        let watching = background.start(&beside, &db, lock, &lifecycle);
        lifecycle.set_ready(true);
        serve(&server, listener, &lifecycle, drain).await;
        lifecycle.drained().await;
        stop.cancel();
        writing.await?;
        watching.iter().for_each(JoinHandle::abort);
        // One that hangs would never let go of its connections.
        let _ = tokio::time::timeout(LAST_WORDS, db.close()).await;
        Ok(())
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
    let serving = Arc::clone(server).accept(listener);
    tokio::pin!(serving);
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
        let _ = tokio::time::timeout(LAST_WORDS, serving).await;
        server.cut();
    }
}

impl Background {
    fn gateway(
        &self,
        config: &Config,
        ledger: &Arc<Ledger>,
        lifecycle: &Arc<Lifecycle>,
    ) -> Gateway {
        Gateway {
            clock: self.clock.clone(),
            callers: Arc::clone(&self.callers),
            catalog: Arc::clone(&self.catalog),
            ledger: Arc::clone(ledger),
            upstream: Arc::clone(&self.upstream),
            lifecycle: Arc::clone(lifecycle),
            body_limits: BodyLimits {
                bytes: config.server.max_body_bytes,
                time: config.server.body_timeout,
            },
            default_max_output_tokens: config.quota.default_max_output_tokens,
        }
    }

    fn start(
        self,
        beside: &TaskTracker,
        db: &Db,
        lock: InstanceLock,
        lifecycle: &Arc<Lifecycle>,
    ) -> Vec<JoinHandle<()>> {
        let lifecycle = Arc::clone(lifecycle);
        vec![
            beside.spawn(self.callers.follow()),
            beside.spawn(fetch_listings(self.catalog, self.upstream)),
            beside.spawn(watch::clock(db.clone(), self.clock)),
            beside.spawn(watch::store(db.clone(), lock, lifecycle)),
        ]
    }
}
