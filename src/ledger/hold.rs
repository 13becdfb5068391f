//! What one call may use, from before it is sent until its cost is known. A hold settles exactly
//! once: by [`Hold::settle`], or by being dropped, which charges what can be told then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::Ledger;
use super::budget::Draws;
use crate::domain::key::SecretHash;
use crate::domain::price::Price;
use crate::domain::quota::{Need, Unit};
use crate::domain::tenant::{CallId, KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::domain::usage::{Charge, Ending, Held};
use crate::store::events::Event;

/// Everything about a call that is fixed before it is sent and outlives edits, moves and deletion.
pub struct Intent {
    /// The call.
    pub id: CallId,
    /// When it came in.
    pub at: Timestamp,
    /// The same on the monotonic clock.
    pub started: Instant,
    /// Its key's organisation.
    pub organisation_id: OrganisationId,
    /// Its key's project.
    pub project_id: ProjectId,
    /// Its key.
    pub key_id: KeyId,
    /// The secret it used.
    pub secret: SecretHash,
    /// Who serves it.
    pub provider: Arc<str>,
    /// The model as the client named it.
    pub model: String,
    /// The model as the provider names it.
    pub upstream_model: String,
    /// The route.
    pub endpoint: &'static str,
    /// Whether the answer is a stream.
    pub is_stream: bool,
    /// What its prompt probably has.
    pub prompt_estimate: i64,
    /// What its tokens cost.
    pub price: Option<Price>,
}

/// How a call ended, besides its cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// The status that the client saw, or would have seen.
    pub status: u16,
    /// The code of the failure, if it was one.
    pub code: Option<&'static str>,
    /// From the call's start to the first byte of its answer.
    pub first_byte: Option<Duration>,
    /// Whether the client left before the end.
    pub is_disconnected: bool,
}

/// nginx's number for a client that closed the connection; no client ever sees it.
const CLIENT_CLOSED: u16 = 499;

/// See the module.
pub struct Hold {
    ledger: Arc<Ledger>,
    open: Option<Box<Open>>,
    held: Held,
    held_nano: i64,
    shrunk_cap: Option<i64>,
}

struct Open {
    intent: Intent,
    draws: Draws,
    is_sent: bool,
}

impl Hold {
    pub(super) fn new(
        ledger: &Arc<Ledger>,
        intent: Intent,
        need: Need,
        cap: i64,
        draws: Draws,
    ) -> Self {
        let prompt_estimate = intent.prompt_estimate;
        Self {
            ledger: Arc::clone(ledger),
            held: Held {
                tokens: need.hold(Unit::Tokens, cap),
                prompt_estimate,
            },
            held_nano: need.hold(Unit::NanoUsd, cap),
            shrunk_cap: (cap < need.cap).then_some(cap),
            open: Some(Box::new(Open {
                intent,
                draws,
                is_sent: false,
            })),
        }
    }

    /// The output cap that the call has to be sent with, if it had to shrink.
    pub fn shrunk_cap(&self) -> Option<i64> {
        self.shrunk_cap
    }

    /// The call is about to be handed to its provider: from here on it costs something.
    pub fn dispatch(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_sent = true;
        }
    }

    /// Charges the call and gives back what it did not use.
    pub fn settle(mut self, ending: Ending, report: Report) -> Charge {
        let charge = Charge::of(ending, self.held);
        if let Some(open) = self.open.take() {
            let cost = charge.cost(open.intent.price.as_ref(), self.held_nano);
            open.close(&self.ledger, &charge, cost, self.held, report);
        }
        charge
    }
}

impl Drop for Hold {
    /// Nobody is left to say how the call ended: the client went away, or something broke.
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        let ending = if open.is_sent {
            Ending::Ran {
                usage: None,
                delivered: 0,
            }
        } else {
            Ending::NeverSent
        };
        let report = Report {
            status: CLIENT_CLOSED,
            is_disconnected: true,
            ..Report::default()
        };
        let charge = Charge::of(ending, self.held);
        let cost = charge.cost(open.intent.price.as_ref(), self.held_nano);
        open.close(&self.ledger, &charge, cost, self.held, report);
    }
}

impl Open {
    /// The event is handed over before the draws end: a budget that is drawn from is never
    /// forgotten, so its charge is always either in memory or in the store.
    fn close(self, ledger: &Ledger, charge: &Charge, cost_nano: i64, held: Held, report: Report) {
        let Self { intent, draws, .. } = self;
        let amounts = draws.iter().map(|draw| draw.amount(charge, cost_nano));
        let amounts: SmallVec<[i64; 4]> = amounts.collect();
        let rows = draws.iter().map(|draw| draw.budget().row);
        let budgets = rows.zip(amounts.iter().copied()).collect();
        ledger.settle(intent.event(charge, cost_nano, held, report, budgets));
        for (draw, amount) in draws.into_iter().zip(amounts) {
            draw.settle(amount);
        }
    }
}

impl Intent {
    fn event(
        self,
        charge: &Charge,
        cost_nano: i64,
        held: Held,
        report: Report,
        budgets: Vec<(uuid::Uuid, i64)>,
    ) -> Event {
        Event {
            id: self.id,
            at: self.at,
            organisation_id: self.organisation_id,
            project_id: self.project_id,
            key_id: self.key_id,
            secret_hash: Some(self.secret),
            provider: self.provider.to_string(),
            model: self.model,
            upstream_model: self.upstream_model,
            endpoint: self.endpoint.to_owned(),
            status: report.status,
            code: report.code.map(str::to_owned),
            source: charge.source,
            is_stream: self.is_stream,
            requests: charge.requests,
            input_tokens: charge.usage.input,
            output_tokens: charge.usage.output,
            total_tokens: charge.tokens,
            cached_tokens: charge.usage.cached_input,
            reasoning_tokens: charge.usage.reasoning,
            cost_nano,
            held_tokens: held.tokens,
            is_suspicious: charge.is_suspicious,
            is_disconnected: report.is_disconnected,
            duration_ms: millis(self.started.elapsed()),
            first_token_ms: report.first_byte.map(millis),
            budgets,
        }
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
