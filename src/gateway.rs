//! The path of a call. Each stage is a tower service whose request type is what the stage before it
//! proved, `Call → Known → Admitted → Inspected → Routed → Limited → Held`: a stage cannot be left out or put
//! in the wrong place, and only what is held can reach a provider.

use std::sync::Arc;

use axum::routing::{MethodRouter, post_service};
use tower::ServiceBuilder;

use crate::cache::Callers;
use crate::domain::endpoint::Endpoint;
use crate::domain::time::Clock;
use crate::ledger::Ledger;
use crate::lifecycle::Lifecycle;
use crate::limiters::capacity::Capacity;
use crate::metrics::Metrics;
use crate::providers::Catalog;
use crate::tokenizer::Tokenizer;
use crate::traces::Tracer;
use crate::upstream::Upstream;

mod access_log;
mod answer;
mod authenticate;
mod capacity;
mod forward;
mod head_limits;
mod inspect;
mod limit_headers;
mod meter;
mod model_access;
mod models;
mod not_served;
mod probes;
mod quota;
mod rate_limit;
mod refusal;
mod routes;

pub use inspect::BodyLimits;
pub use refusal::Refusal;

use head_limits::HeadLimitsLayer;
use limit_headers::LimitHeadersLayer;
use rate_limit::RateLimitLayer;

/// What the stages are made of.
pub struct Gateway {
    /// Time.
    pub clock: Clock,
    /// Who may call.
    pub callers: Arc<Callers>,
    /// What can be called.
    pub catalog: Arc<Catalog>,
    /// What may be used.
    pub ledger: Arc<Ledger>,
    /// How long prompts are counted.
    pub tokenizer: Arc<Tokenizer>,
    /// How providers are reached.
    pub upstream: Arc<Upstream>,
    /// What must finish before the process ends.
    pub lifecycle: Arc<Lifecycle>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What is traced, if anything.
    pub tracer: Option<Arc<Tracer>>,
    /// How much is taken on at once.
    pub capacity: Arc<Capacity>,
    /// How much of a body is taken.
    pub body_limits: BodyLimits,
    /// Output tokens where neither client nor model says.
    pub default_max_output_tokens: i64,
}

impl Gateway {
    /// The life of a call, outermost stage first.
    fn path(&self, route: &'static str, endpoint: Endpoint) -> MethodRouter {
        let path = ServiceBuilder::new()
            // → Call: its id; one log line, one count and its trace when its answer has ended
            .layer(access_log::layer(
                route,
                &self.clock,
                &self.metrics,
                self.tracer.as_ref(),
            ))
            // heads of a size that clients send
            .layer(HeadLimitsLayer)
            // → Known: one credential, and whose it is
            .layer(authenticate::layer(&self.callers))
            // where its limits stand, on every answer from here on
            .layer(LimitHeadersLayer)
            // → Admitted: a place among the calls that this process takes on
            .layer(capacity::layer(&self.capacity))
            // → Inspected: the body, read once, and what it asks; its caller proved anew if it was slow
            .layer(inspect::layer(&self.callers, endpoint, self.body_limits))
            // → Routed: what the key may call, and who serves it
            .layer(model_access::layer(&self.catalog))
            // → Limited: requests and tokens per minute, calls in flight
            .layer(RateLimitLayer)
            // → Held: room for all it can cost, in every budget that covers it
            .layer(quota::layer(
                &self.ledger,
                &self.tokenizer,
                self.default_max_output_tokens,
            ))
            // the answer, read as it passes and settled exactly once
            .layer(meter::layer(&self.lifecycle))
            // the provider
            .service(forward::Forward::new(&self.upstream));
        post_service(path)
    }
}
