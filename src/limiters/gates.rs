//! The rate limits of one scope, ready to be asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::in_flight::{InFlight, Place};
use super::requests::RequestGate;
use super::tokens::{Taken, TokenBucket};

/// How a limit stands, for the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateStanding {
    /// The limit a minute.
    pub limit: u32,
    /// What is left of it now.
    pub remaining: u32,
    /// When all of it is there again.
    pub reset: Duration,
}

/// A tripped rate limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimited {
    /// The scope's kind.
    pub scope: &'static str,
    /// Requests or tokens a minute.
    pub unit: RateUnit,
    /// The limit.
    pub limit: u32,
    /// When the next call passes; `None` for a limit of 0.
    pub retry_after: Option<Duration>,
}

/// What a rate limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateUnit {
    /// Requests per minute.
    Requests,
    /// Tokens per minute.
    Tokens,
}

/// All places in flight are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyInFlight {
    /// The scope's kind.
    pub scope: &'static str,
    /// The limit.
    pub limit: u32,
}

/// A limit that may be none, nothing at all, or a counted one.
pub enum Gate<T> {
    /// No limit.
    Open,
    /// A limit of 0.
    Shut,
    /// A limit.
    Counted(u32, Arc<T>),
}

/// See the module.
pub struct Gates {
    pub(super) requests: Gate<RequestGate>,
    pub(super) tokens: Gate<TokenBucket>,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) concurrency: u32,
}

impl Gates {
    /// Admits one request.
    pub fn admit_request(&self, scope: &'static str) -> Result<(), RateLimited> {
        let refused = |limit, retry_after| limited(scope, RateUnit::Requests, limit, retry_after);
        match &self.requests {
            Gate::Open => Ok(()),
            Gate::Shut => Err(refused(0, None)),
            Gate::Counted(limit, gate) => gate.admit().map_err(|wait| refused(*limit, Some(wait))),
        }
    }

    /// Takes an estimate of tokens.
    pub fn take_tokens(
        &self,
        scope: &'static str,
        estimate: i64,
    ) -> Result<Option<Taken>, RateLimited> {
        let refused = |limit, retry_after| limited(scope, RateUnit::Tokens, limit, retry_after);
        match &self.tokens {
            Gate::Open => Ok(None),
            Gate::Shut => Err(refused(0, None)),
            Gate::Counted(limit, bucket) => match bucket.take(estimate, Instant::now()) {
                Ok(taken) => Ok(Some(taken)),
                Err(wait) => Err(refused(*limit, Some(wait))),
            },
        }
    }

    /// Takes a place among the calls in flight.
    pub fn enter(&self, scope: &'static str) -> Result<Option<Place>, TooManyInFlight> {
        let limit = self.concurrency;
        let place = self.in_flight.enter(limit);
        if place.is_none() {
            return Err(TooManyInFlight { scope, limit });
        }
        Ok(place)
    }

    /// The calls in flight.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.taken()
    }

    /// How the requests limit stands, if there is one.
    pub fn requests(&self) -> Option<RateStanding> {
        self.requests.standing(RequestGate::standing)
    }

    /// How the tokens limit stands, if there is one.
    pub fn tokens(&self, now: Instant) -> Option<RateStanding> {
        self.tokens.standing(|bucket| bucket.standing(now))
    }
}

impl<T> Gate<T> {
    fn standing(&self, of: impl FnOnce(&T) -> RateStanding) -> Option<RateStanding> {
        match self {
            Self::Open => None,
            Self::Shut => Some(RateStanding {
                limit: 0,
                remaining: 0,
                reset: Duration::ZERO,
            }),
            Self::Counted(_, gate) => Some(of(gate)),
        }
    }
}

fn limited(
    scope: &'static str,
    unit: RateUnit,
    limit: u32,
    retry_after: Option<Duration>,
) -> RateLimited {
    RateLimited {
        scope,
        unit,
        limit,
        retry_after,
    }
}
