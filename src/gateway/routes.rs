//! Which path leads where. What takes other methods, or is nowhere, is answered by [`NotServed`].

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, any_service, get_service};
use tower::ServiceBuilder;

use super::head_limits::HeadLimitsLayer;
use super::limit_headers::LimitHeadersLayer;
use super::models::Models;
use super::not_served::NotServed;
use super::probes::Probe;
use super::{Gateway, access_log, authenticate};
use crate::domain::endpoint::Endpoint;

const CALLS: [(&str, Endpoint); 3] = [
    ("/v1/chat/completions", Endpoint::ChatCompletions),
    ("/v1/completions", Endpoint::Completions),
    ("/v1/embeddings", Endpoint::Embeddings),
];

impl Gateway {
    /// All routes.
    pub fn router(&self) -> Router {
        let ready = Probe::Ready(Arc::clone(&self.lifecycle));
        let router = Router::new()
            .route("/v1/models", self.models("/v1/models"))
            .route("/v1/models/{*id}", self.models("/v1/models/{id}"))
            .route("/livez", self.probe("/livez", Probe::Live))
            .route("/readyz", self.probe("/readyz", ready))
            .fallback_service(self.not_served("-", NotServed::route()));
        CALLS.into_iter().fold(router, |router, (route, endpoint)| {
            let path = self.path(route, endpoint);
            router.route(route, self.only("POST", route, path))
        })
    }

    /// What a key may call.
    fn models(&self, route: &'static str) -> MethodRouter {
        let path = ServiceBuilder::new()
            .layer(access_log::layer(route, &self.clock, &self.metrics, None))
            .layer(HeadLimitsLayer)
            .layer(authenticate::layer(&self.callers))
            .layer(LimitHeadersLayer)
            .service(Models::new(&self.catalog));
        self.only("GET, HEAD", route, get_service(path))
    }

    fn probe(&self, route: &'static str, probe: Probe) -> MethodRouter {
        let path = ServiceBuilder::new()
            .layer(access_log::layer(route, &self.clock, &self.metrics, None))
            .layer(HeadLimitsLayer)
            .service(probe);
        self.only("GET, HEAD", route, get_service(path))
    }

    fn only(
        &self,
        methods: &'static str,
        route: &'static str,
        served: MethodRouter,
    ) -> MethodRouter {
        let others = self.not_served(route, NotServed::method(methods));
        served.fallback_service(others)
    }

    fn not_served(&self, route: &'static str, answer: NotServed) -> MethodRouter {
        let path = ServiceBuilder::new()
            .layer(access_log::layer(route, &self.clock, &self.metrics, None))
            .layer(HeadLimitsLayer)
            .service(answer);
        any_service(path)
    }
}
