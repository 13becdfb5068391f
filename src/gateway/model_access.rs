//! Caller × model → route. What the key may not call and what nobody serves answer alike, so that
//! names cannot be probed.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use http::Response;
use tower::{Layer, Service};

use super::answer::Answer;
use super::inspect::Inspected;
use super::refusal::Refusal;
use crate::domain::price::Price;
use crate::providers::{Catalog, Route};

/// A call that may reach its provider.
pub struct Routed {
    /// The call so far.
    pub inspected: Box<Inspected>,
    /// Where it goes.
    pub route: Route,
    /// What its tokens cost at most, whichever of the models it allows answers; `None` if one of
    /// them has no price.
    pub price: Option<Price>,
}

/// See the module.
#[derive(Clone)]
pub struct ModelAccessLayer(Arc<Catalog>);

/// See the module.
#[derive(Clone)]
pub struct ModelAccess<S> {
    catalog: Arc<Catalog>,
    inner: S,
}

/// Routes by `catalog`.
pub fn layer(catalog: &Arc<Catalog>) -> ModelAccessLayer {
    ModelAccessLayer(Arc::clone(catalog))
}

impl<S> Layer<S> for ModelAccessLayer {
    type Service = ModelAccess<S>;

    fn layer(&self, inner: S) -> ModelAccess<S> {
        ModelAccess {
            catalog: Arc::clone(&self.0),
            inner,
        }
    }
}

impl<S> Service<Box<Inspected>> for ModelAccess<S>
where
    S: Service<Routed, Response = Response<Answer>, Error = Refusal>,
{
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Either<S::Future, Ready<Result<Response<Answer>, Refusal>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, inspected: Box<Inspected>) -> Self::Future {
        match route(&self.catalog, inspected) {
            Ok(routed) => Either::Left(self.inner.call(routed)),
            Err(refusal) => Either::Right(ready(Err(refusal))),
        }
    }
}

fn route(catalog: &Catalog, inspected: Box<Inspected>) -> Result<Routed, Refusal> {
    let (model, caller) = (&inspected.facts.model, &inspected.caller);
    let allowed = caller.may_call(model);
    let Some(route) = allowed.then(|| catalog.route(model)).flatten() else {
        return Err(Refusal::ModelNotFound(model.to_string()));
    };
    let mut fallbacks = inspected.facts.fallbacks.iter();
    if let Some(forbidden) = fallbacks.find(|name| !caller.may_call(name)) {
        return Err(fallback_refused(forbidden));
    }
    inspected.record.route(model, &route.provider.name);
    let price = dearest(catalog, &route, &inspected.facts.fallbacks);
    Ok(Routed {
        inspected,
        route,
        price,
    })
}

/// Which of the models answered is the provider's choice.
fn dearest(catalog: &Catalog, route: &Route, fallbacks: &[String]) -> Option<Price> {
    fallbacks
        .iter()
        .try_fold(route.facts.price?, |price, name| {
            Some(price.dearest(&catalog.route(name)?.facts.price?))
        })
}

/// A provider that falls back by itself must not reach what the key may not.
fn fallback_refused(name: &str) -> Refusal {
    if name.is_empty() {
        return Refusal::InvalidValue {
            param: "models",
            expected: "a list of model names, and so must `fallbacks`",
        };
    }
    Refusal::ModelNotFound(name.chars().take(256).collect())
}
