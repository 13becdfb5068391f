//! Reserves from every budget that covers the call, or refuses. What passes here holds what it may
//! use until it is settled, exactly once.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Response};
use smallvec::SmallVec;
use tower::{Layer, Service};

use super::access_log::Answering;
use super::answer::Answer;
use super::rate_limit::Limited;
use super::refusal::{Refusal, TrippedBudget};
use crate::domain::quota::{BudgetLimit, Need};
use crate::ledger::{Budget, Cover, Hold, Intent, Ledger, Shortage, Unavailable};
use crate::tokenizer::Tokenizer;

mod prompt;

/// What a provider may add to an open-ended prompt when the model declares no window.
const OPEN_ENDED_TOKENS: i64 = 16_384;

/// A call that holds what it may use; only such a call can reach a provider.
pub struct Held {
    /// The call so far.
    pub limited: Limited,
    /// What it holds.
    pub hold: Hold,
}

impl Held {
    /// Writes the call down, which must be done before it is sent.
    pub async fn dispatch(&mut self) -> Result<(), Unavailable> {
        self.hold.dispatch().await
    }

    /// Whether its provider may know of the call: from then on it costs something.
    pub fn set_sent(&mut self, is_sent: bool) {
        self.hold.set_sent(is_sent);
        self.limited.permit.set_sent(is_sent);
    }
}

/// See the module.
#[derive(Clone)]
pub struct QuotaLayer {
    ledger: Arc<Ledger>,
    tokenizer: Arc<Tokenizer>,
    default_cap: i64,
}

/// See the module.
#[derive(Clone)]
pub struct Quota<S> {
    ledger: Arc<Ledger>,
    tokenizer: Arc<Tokenizer>,
    default_cap: i64,
    inner: S,
}

/// Reserves from `ledger` what `tokenizer` says of long prompts, taking `default_cap` output tokens where neither client nor model says.
pub fn layer(ledger: &Arc<Ledger>, tokenizer: &Arc<Tokenizer>, default_cap: i64) -> QuotaLayer {
    QuotaLayer {
        ledger: Arc::clone(ledger),
        tokenizer: Arc::clone(tokenizer),
        default_cap,
    }
}

impl<S> Layer<S> for QuotaLayer {
    type Service = Quota<S>;

    fn layer(&self, inner: S) -> Quota<S> {
        Quota {
            ledger: Arc::clone(&self.ledger),
            tokenizer: Arc::clone(&self.tokenizer),
            default_cap: self.default_cap,
            inner,
        }
    }
}

impl<S> Service<Limited> for Quota<S>
where
    S: Service<Held, Response = Response<Answer>, Error = Refusal, Future: Send>
        + Clone
        + Send
        + 'static,
{
    type Response = Response<Answer>;
    type Error = Refusal;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, limited: Limited) -> Answering {
        let (ledger, default_cap) = (Arc::clone(&self.ledger), self.default_cap);
        let tokenizer = Arc::clone(&self.tokenizer);
        let mut inner = self.inner.clone();
        Box::pin(async move {
            let hold = reserve(&ledger, &tokenizer, &limited, default_cap).await?;
            let cap = hold.shrunk_cap();
            let mut response = inner.call(Held { limited, hold }).await?;
            if let Some(cap) = cap {
                response
                    .headers_mut()
                    .insert("x-tollgate-output-cap", HeaderValue::from(cap));
            }
            Ok(response)
        })
    }
}

async fn reserve(
    ledger: &Arc<Ledger>,
    tokenizer: &Arc<Tokenizer>,
    limited: &Limited,
    default_cap: i64,
) -> Result<Hold, Refusal> {
    let covers = covers(ledger, limited).await?;
    let need = limited.need(default_cap);
    let need = prompt::bounded(need, limited, &covers, tokenizer).await;
    let room = ledger.reserve(&need, &covers).await;
    let room = room.map_err(|shortage| limited.refusal(shortage))?;
    Ok(ledger.hold(limited.intent(), &need, room))
}

/// The budgets of organisation, project and key; read anew only when a period has ended.
async fn covers(ledger: &Ledger, limited: &Limited) -> Result<SmallVec<[Arc<Cover>; 3]>, Refusal> {
    let inspected = &limited.routed.inspected;
    let mut covers = SmallVec::new();
    for scope in inspected.caller.scopes() {
        let cover = scope.cover(ledger, inspected.at).await;
        covers.push(cover.map_err(|error| {
            tracing::error!(%error, scope = scope.id.kind(), "a budget could not be read");
            Refusal::LedgerUnavailable
        })?);
    }
    Ok(covers)
}

impl Limited {
    fn need(&self, default_cap: i64) -> Need {
        let facts = &self.routed.inspected.facts;
        let model = &self.routed.route.facts;
        let parts = facts.parts.saturating_mul(model.part_tokens);
        let window = model.context_window.unwrap_or(OPEN_ENDED_TOKENS);
        let added = if facts.is_open_ended { window } else { 0 };
        let prompt = [facts.text_bytes, parts, added, model.prompt_overhead];
        Need {
            prompt: prompt.into_iter().fold(0, i64::saturating_add),
            choices: facts.choices,
            cap: facts.cap.or(model.max_output_tokens).unwrap_or(default_cap),
            price: self.routed.price,
        }
    }

    fn intent(&self) -> Intent {
        let (inspected, route) = (&self.routed.inspected, &self.routed.route);
        let caller = &inspected.caller;
        let model = &inspected.facts.model;
        Intent {
            id: inspected.id,
            at: inspected.at,
            started: inspected.started,
            organisation_id: caller.organisation_id,
            project_id: caller.project_id,
            key_id: caller.key_id,
            secret: caller.secret,
            provider: Arc::clone(&route.provider.name),
            model: Arc::clone(model),
            upstream_model: Arc::clone(route.upstream.as_ref().unwrap_or(model)),
            endpoint: inspected.endpoint.name(),
            is_stream: inspected.facts.is_stream,
            prompt_estimate: self.routed.prompt_estimate(),
            price: self.routed.price.or(route.facts.price),
        }
    }

    fn refusal(&self, shortage: Shortage) -> Refusal {
        match shortage {
            Shortage::Held(budget) => Refusal::QuotaHeld {
                budget: tripped(&budget),
                is_lost: false,
            },
            Shortage::Suspect(budget) => Refusal::QuotaHeld {
                budget: tripped(&budget),
                is_lost: true,
            },
            Shortage::Exhausted(budget) => Refusal::QuotaExhausted {
                budget: tripped(&budget),
            },
            Shortage::Unpriced(budget) => Refusal::ModelUnpriced {
                model: self.routed.inspected.facts.model.to_string(),
                scope: budget.key.scope.kind(),
            },
            Shortage::Unavailable => Refusal::LedgerUnavailable,
        }
    }
}

fn tripped(budget: &Budget) -> TrippedBudget {
    let key = &budget.key;
    let limit = BudgetLimit {
        unit: key.unit,
        period: key.period,
        amount: budget.amount().unwrap_or_default(),
    };
    TrippedBudget {
        scope: key.scope.kind(),
        limit,
        resets_at: key.period.end(key.start),
    }
}
