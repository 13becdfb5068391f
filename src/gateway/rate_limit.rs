//! Requests and tokens per minute and calls in flight, for organisation, project and key in that
//! order. A cell burnt on an outer scope by an inner refusal is accepted; tokens and places in
//! flight are given back.

use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use http::Response;
use smallvec::SmallVec;
use tower::{Layer, Service};

use super::answer::Answer;
use super::model_access::Routed;
use super::refusal::Refusal;
use crate::limiters::Taken;
use crate::limiters::in_flight::Place;

/// A routed call within its rate limits.
pub struct Limited {
    /// The call so far.
    pub routed: Routed,
    /// What its limits lent it.
    pub permit: Permit,
}

/// What a call took from its rate limits. Dropped unsettled, its tokens go back if it was not sent.
#[derive(Default)]
pub struct Permit {
    is_sent: bool,
    tokens: SmallVec<[Taken; 1]>,
    places: SmallVec<[Place; 1]>,
}

/// See the module.
#[derive(Clone, Copy)]
pub struct RateLimitLayer;

/// See the module.
#[derive(Clone)]
pub struct RateLimit<S>(S);

impl Permit {
    /// Whether its provider may know of the call: from then on it uses something.
    pub fn set_sent(&mut self, is_sent: bool) {
        self.is_sent = is_sent;
    }

    /// Corrects the estimate taken at admission by what the call really used.
    pub fn settle(&mut self, used: i64) {
        for taken in self.tokens.drain(..) {
            taken.correct(used);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_sent {
            self.tokens.drain(..).for_each(Taken::keep);
        }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit(inner)
    }
}

impl<S> Service<Routed> for RateLimit<S>
where
    S: Service<Limited, Response = Response<Answer>, Error = Refusal>,
{
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Either<S::Future, Ready<Result<Response<Answer>, Refusal>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, routed: Routed) -> Self::Future {
        match admit(&routed) {
            Ok(permit) => Either::Left(self.0.call(Limited { routed, permit })),
            Err(refusal) => Either::Right(ready(Err(refusal))),
        }
    }
}

fn admit(routed: &Routed) -> Result<Permit, Refusal> {
    let estimate = routed.prompt_estimate();
    let mut permit = Permit::default();
    for scope in routed.inspected.caller.scopes() {
        let kind = scope.id.kind();
        scope.gates.admit_request(kind)?;
        permit
            .tokens
            .extend(scope.gates.take_tokens(kind, estimate)?);
        permit.places.extend(scope.gates.enter(kind)?);
    }
    Ok(permit)
}

impl Routed {
    /// About how many tokens the prompt has: a token is four bytes of text on average.
    pub fn prompt_estimate(&self) -> i64 {
        let facts = &self.inspected.facts;
        let parts = facts.parts.saturating_mul(self.route.facts.part_tokens);
        (facts.text_bytes.saturating_add(3) / 4).saturating_add(parts)
    }
}
