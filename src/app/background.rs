//! What runs beside the calls: the store is opened, limits and clocks are followed, and the process
//! says whether calls are welcome.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::audit::Audit;
use super::lag::Lag;
use super::retention;
use super::watch;
use crate::cache::Callers;
use crate::config::{self, Config};
use crate::domain::time::Clock;
use crate::gateway::{BodyLimits, Gateway};
use crate::ledger::{Ledger, RecoverError};
use crate::lifecycle::Lifecycle;
use crate::limiters::capacity::Capacity;
use crate::metrics::Metrics;
use crate::providers::{Catalog, fetch_listings};
use crate::store::Db;
use crate::tokenizer::Tokenizer;
use crate::traces::Tracer;
use crate::upstream::Upstream;

/// Booking what earlier processes left seldom takes this long; longer, and probes are answered
/// meanwhile.
const OPENING: Duration = Duration::from_secs(5);

/// What has to end before calls are welcome.
pub(super) type Opening = BoxFuture<'static, Result<(), RecoverError>>;

/// What runs beside the calls.
pub(super) struct Background {
    pub(super) db: Db,
    pub(super) ledger: Arc<Ledger>,
    /// What is left of that, if the store was away or there was much to book.
    pub(super) opening: Option<Opening>,
    pub(super) clock: Clock,
    pub(super) callers: Arc<Callers>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) upstream: Arc<Upstream>,
    pub(super) capacity: Arc<Capacity>,
    pub(super) audit: Audit,
    pub(super) lag: Lag,
    pub(super) retention: config::Retention,
}

impl Background {
    /// The gateway that relies on it.
    pub(super) fn gateway(
        &self,
        config: &Config,
        lifecycle: &Arc<Lifecycle>,
        metrics: &Arc<Metrics>,
        tracer: Option<Arc<Tracer>>,
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
            tracer,
            capacity: Arc::clone(&self.capacity),
            body_limits: BodyLimits {
                bytes: config.server.max_body_bytes,
                time: config.server.body_timeout,
            },
            default_max_output_tokens: config.quota.default_max_output_tokens,
        }
    }

    /// The store is there: calls are welcome.
    pub(super) fn admit(&self, lifecycle: &Lifecycle) {
        self.callers.open();
        lifecycle.set_ready(true);
    }

    /// Opens the store if it was away, then keeps fresh what calls rely on. Ends only if this process
    /// must not serve.
    pub(super) async fn run(mut self, lifecycle: Arc<Lifecycle>) -> anyhow::Result<()> {
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
                retention::run(db.clone(), clock.clone(), self.retention),
                watch::key_uses(db.clone(), clock.clone()),
                watch::clock(db.clone(), clock),
                self.audit.run(db.clone()),
                watch::lag(self.lag, Arc::clone(&ledger)),
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

/// Opens what is there at once; answers what takes longer.
pub(super) async fn begin(db: &Db, mut opening: Opening) -> Result<Option<Opening>, RecoverError> {
    if !watch::migrate(db).await? {
        return Ok(Some(opening));
    }
    match tokio::time::timeout(OPENING, &mut opening).await {
        Ok(opened) => opened.map(|()| None),
        Err(_) => Ok(Some(opening)),
    }
}
