//! What limits calls in this process alone: requests and tokens per minute and calls in flight of
//! organisations, projects and keys, and what the process takes on at once.
//!
//! Limiters are kept by scope and limit, so that a reload of a key, an edit of something else or a
//! rotation does not give a second burst. What nobody refers to and is full again is forgotten.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use governor::clock::MonotonicClock;
use parking_lot::Mutex;

use crate::domain::limits::Limits;
use crate::domain::tenant::{OrganisationId, ScopeId};

pub mod capacity;
mod gates;
pub mod in_flight;
mod requests;
mod tokens;

pub use gates::{Gates, RateLimited, RateStanding, RateUnit, TooManyInFlight};
pub use tokens::Taken;

use capacity::Portion;
use gates::Gate;
use in_flight::InFlight;
use requests::RequestGate;
use tokens::TokenBucket;

/// All limiters of this process.
#[derive(Default)]
pub struct Limiters(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    requests: HashMap<(ScopeId, u32), Arc<RequestGate>>,
    tokens: HashMap<(ScopeId, u32), Arc<TokenBucket>>,
    in_flight: HashMap<ScopeId, Arc<InFlight>>,
    portions: HashMap<OrganisationId, Arc<Portion>>,
}

impl Limiters {
    /// The gates of `scope`.
    pub fn gates(&self, scope: ScopeId, limits: &Limits) -> Gates {
        let kept = &mut *self.0.lock();
        let in_flight = kept.in_flight.entry(scope).or_default();
        Gates {
            requests: gate(
                limits.requests_per_minute,
                &mut kept.requests,
                scope,
                |limit| RequestGate::new(limit, MonotonicClock),
            ),
            tokens: gate(limits.tokens_per_minute, &mut kept.tokens, scope, |limit| {
                TokenBucket::new(limit.get(), Instant::now())
            }),
            in_flight: Arc::clone(in_flight),
            concurrency: limits.concurrency.unwrap_or(u32::MAX),
        }
    }

    /// What the calls of `organisation` take of this process.
    pub fn portion(&self, organisation: OrganisationId) -> Arc<Portion> {
        Arc::clone(self.0.lock().portions.entry(organisation).or_default())
    }

    /// Forgets what no cached key refers to and what has nothing left to remember.
    pub fn prune(&self) {
        let kept = &mut *self.0.lock();
        let now = Instant::now();
        kept.requests
            .retain(|_, gate| is_used(gate) || gate.standing().reset > std::time::Duration::ZERO);
        kept.tokens
            .retain(|_, bucket| is_used(bucket) || !bucket.is_full(now));
        kept.in_flight.retain(|_, calls| is_used(calls));
        kept.portions.retain(|_, portion| is_used(portion));
    }

    /// How many limiters are kept.
    pub fn len(&self) -> usize {
        let kept = self.0.lock();
        kept.requests.len() + kept.tokens.len() + kept.in_flight.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn gate<T>(
    limit: Option<u32>,
    kept: &mut HashMap<(ScopeId, u32), Arc<T>>,
    scope: ScopeId,
    make: impl FnOnce(NonZeroU32) -> T,
) -> Gate<T> {
    let Some(limit) = limit else {
        return Gate::Open;
    };
    let Some(nonzero) = NonZeroU32::new(limit) else {
        return Gate::Shut;
    };
    let gate = kept
        .entry((scope, limit))
        .or_insert_with(|| Arc::new(make(nonzero)));
    Gate::Counted(limit, Arc::clone(gate))
}

/// The registry holds one reference itself.
fn is_used<T>(kept: &Arc<T>) -> bool {
    Arc::strong_count(kept) > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tenant::KeyId;

    #[test]
    fn a_reload_keeps_what_was_used() {
        let (limiters, scope) = (Limiters::default(), ScopeId::Key(KeyId::new()));
        let limits = Limits {
            requests_per_minute: Some(2),
            ..Limits::default()
        };
        for _ in 0..2 {
            assert!(limiters.gates(scope, &limits).admit_request("key").is_ok());
        }
        assert!(limiters.gates(scope, &limits).admit_request("key").is_err());
        limiters.prune();
        assert!(limiters.gates(scope, &limits).admit_request("key").is_err());
    }

    #[test]
    fn what_is_idle_is_forgotten() {
        let limiters = Limiters::default();
        let limits = Limits {
            tokens_per_minute: Some(2),
            ..Limits::default()
        };
        drop(limiters.gates(ScopeId::Key(KeyId::new()), &limits));
        limiters.prune();
        assert!(limiters.is_empty());
    }
}
