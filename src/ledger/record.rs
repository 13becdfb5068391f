//! From the journal's words to the store's: what a call's opening and closing say is an event.

use std::borrow::Cow;

use super::journal::{Closing, Opening};
use crate::domain::quota::Unit;
use crate::domain::usage::{Charge, Ending, Source};
use crate::store::events::{BudgetDraw, Event};

/// What a call's client saw, if anything, when its gateway died.
const DIED: u16 = 500;
const INTERRUPTED: &str = "interrupted";

impl Closing {
    /// What is charged in `unit`.
    pub fn charged(&self, unit: Unit) -> i64 {
        match unit {
            Unit::Tokens => self.charge.tokens,
            Unit::Requests => self.charge.requests,
            Unit::NanoUsd => self.cost_nano,
        }
    }

    /// The end of a call that nobody settled, of which `delivered` output tokens were seen.
    pub(super) fn interrupted(opening: &Opening, delivered: i64) -> Self {
        let ending = Ending::Ran {
            usage: None,
            delivered,
        };
        let charge = Charge {
            source: Source::Interrupted,
            ..Charge::of(ending, opening.held)
        };
        Self {
            cost_nano: charge.cost(opening.price.as_ref(), opening.held_nano),
            charge,
            status: DIED,
            code: Some(Cow::Borrowed(INTERRUPTED)),
            is_disconnected: false,
            duration_ms: 0,
            first_token_ms: None,
        }
    }
}

/// The row of a call that ended.
pub(super) fn event((opening, closing): &(Opening, Closing)) -> Event<'_> {
    let draws = opening.draws.iter().map(|drawn| BudgetDraw {
        budget: drawn.budget,
        lease: drawn.lease,
        unit: drawn.unit,
    });
    let charge = &closing.charge;
    Event {
        id: opening.id,
        at: opening.at,
        organisation_id: opening.organisation_id,
        project_id: opening.project_id,
        key_id: opening.key_id,
        secret_hash: Some(opening.secret),
        provider: Cow::Borrowed(&opening.provider),
        model: Cow::Borrowed(&opening.model),
        upstream_model: Cow::Borrowed(&opening.upstream_model),
        endpoint: Cow::Borrowed(&opening.endpoint),
        status: closing.status,
        code: closing.code.as_deref().map(Cow::Borrowed),
        source: charge.source,
        is_stream: opening.is_stream,
        requests: charge.requests,
        input_tokens: charge.usage.input,
        output_tokens: charge.usage.output,
        total_tokens: charge.tokens,
        cached_tokens: charge.usage.cached_input,
        reasoning_tokens: charge.usage.reasoning,
        cost_nano: closing.cost_nano,
        held_tokens: opening.held.tokens,
        is_suspicious: charge.is_suspicious,
        is_disconnected: closing.is_disconnected,
        duration_ms: closing.duration_ms,
        first_token_ms: closing.first_token_ms,
        budgets: draws.collect(),
    }
}
