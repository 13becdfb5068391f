//! The path of a call. Each stage is a tower service whose request type is what the stage before it
//! proved, `Call → Known → Inspected → Routed → Limited → Held`: a stage cannot be left out or put
//! in the wrong place, and only what is held can reach a provider.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::{MethodRouter, any_service, get_service, post_service};
use http::Request;
use tower::{Service, ServiceBuilder};

use crate::cache::Callers;
use crate::domain::time::Clock;
use crate::ledger::Ledger;
use crate::lifecycle::Lifecycle;
use crate::providers::Catalog;

mod access_log;
mod answer;
mod authenticate;
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

pub use forward::Upstream;
pub use inspect::{BodyLimits, Endpoint};
pub use rate_limit::{Gates, Limiters};
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
    /// How providers are reached.
    pub upstream: Upstream,
    /// What must finish before the process ends.
    pub lifecycle: Arc<Lifecycle>,
    /// How much of a body is taken.
    pub body_limits: BodyLimits,
    /// Output tokens where neither client nor model says.
    pub default_max_output_tokens: i64,
}

impl Gateway {
    /// The life of a call, outermost stage first.
    fn call(&self, route: &'static str, endpoint: Endpoint) -> MethodRouter {
        let path = ServiceBuilder::new()
            .layer(access_log::layer(route, &self.clock)) //     request → Call: its id, one line at its end
            .layer(HeadLimitsLayer) //                           heads of a size that clients send
            .layer(authenticate::layer(&self.callers)) //        → Known: one credential, whose it is
            .layer(LimitHeadersLayer) //                         where its limits stand, on every answer
            .layer(inspect::layer(endpoint, self.body_limits)) // → Inspected: the body, once, and what it asks
            .layer(model_access::layer(&self.catalog)) //        → Routed: what the key may call, who serves it
            .layer(RateLimitLayer) //                            → Limited: requests, tokens, calls in flight
            .layer(quota::layer(&self.ledger, self.default_max_output_tokens)) // → Held: room in every budget
            .layer(meter::layer(&self.lifecycle)) //             the answer, read as it passes, settled once
            .service(forward::Forward::new(&self.upstream)); //  the provider
        self.only("POST", route, post_service(path))
    }

    /// What a key may call.
    fn models(&self, route: &'static str) -> MethodRouter {
        let path = ServiceBuilder::new()
            .layer(access_log::layer(route, &self.clock))
            .layer(HeadLimitsLayer)
            .layer(authenticate::layer(&self.callers))
            .layer(LimitHeadersLayer)
            .service(models::Models::new(&self.catalog));
        self.only("GET, HEAD", route, get_service(path))
    }

    fn probe(&self, route: &'static str, probe: probes::Probe) -> MethodRouter {
        let path = ServiceBuilder::new()
            .layer(access_log::layer(route, &self.clock))
            .service(probe);
        self.only("GET, HEAD", route, get_service(path))
    }

    fn only(
        &self,
        methods: &'static str,
        route: &'static str,
        served: MethodRouter,
    ) -> MethodRouter {
        served.fallback_service(self.not_served(route, not_served::NotServed::method(methods)))
    }

    fn not_served(
        &self,
        route: &'static str,
        answer: not_served::NotServed,
    ) -> impl Service<
        Request<Body>,
        Response = http::Response<Body>,
        Error = std::convert::Infallible,
        Future: Send,
    > + Clone
    + Send
    + Sync
    + 'static {
        let layers = ServiceBuilder::new()
            .layer(access_log::layer(route, &self.clock))
            .layer(HeadLimitsLayer);
        layers.service(answer)
    }

    /// All routes.
    pub fn router(&self) -> Router {
        const CHAT: &str = "/v1/chat/completions";
        const COMPLETIONS: &str = "/v1/completions";
        const EMBEDDINGS: &str = "/v1/embeddings";
        let ready = probes::Probe::Ready(Arc::clone(&self.lifecycle));
        Router::new()
            .route(CHAT, self.call(CHAT, Endpoint::ChatCompletions))
            .route(COMPLETIONS, self.call(COMPLETIONS, Endpoint::Completions))
            .route(EMBEDDINGS, self.call(EMBEDDINGS, Endpoint::Embeddings))
            .route("/v1/models", self.models("/v1/models"))
            .route("/v1/models/{*id}", self.models("/v1/models/{id}"))
            .route("/livez", self.probe("/livez", probes::Probe::Live))
            .route("/readyz", self.probe("/readyz", ready))
            .fallback_service(any_service(
                self.not_served("-", not_served::NotServed::route()),
            ))
    }
}
