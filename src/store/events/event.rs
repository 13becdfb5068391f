//! What is written down of a call.

use std::borrow::Cow;

use smallvec::SmallVec;
use uuid::Uuid;

use super::last::Row;
use crate::domain::key::SecretHash;
use crate::domain::quota::Unit;
use crate::domain::tenant::{CallId, KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::domain::usage::Source;

/// A call that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The call, and the row.
    pub id: CallId,
    /// When it began.
    pub at: Timestamp,
    /// Its key's organisation when it began.
    pub organisation_id: OrganisationId,
    /// Its key's project when it began.
    pub project_id: ProjectId,
    /// Who called.
    pub key_id: KeyId,
    /// With which secret.
    pub secret_hash: Option<SecretHash>,
    /// Who answered.
    pub provider: Cow<'a, str>,
    /// The model as the client named it.
    pub model: Cow<'a, str>,
    /// The model as the provider names it.
    pub upstream_model: Cow<'a, str>,
    /// What was called, such as `chat/completions`.
    pub endpoint: Cow<'a, str>,
    /// The HTTP status answered to the client.
    pub status: u16,
    /// The error code answered to the client.
    pub code: Option<Cow<'a, str>>,
    /// Where the numbers come from.
    pub source: Source,
    /// Whether the answer was a stream.
    pub is_stream: bool,
    /// 1 if it was handed to a provider.
    pub requests: i64,
    /// Prompt tokens.
    pub input_tokens: i64,
    /// Completion tokens.
    pub output_tokens: i64,
    /// Tokens charged.
    pub total_tokens: i64,
    /// Prompt tokens from the provider's cache.
    pub cached_tokens: i64,
    /// Completion tokens that the client never sees.
    pub reasoning_tokens: i64,
    /// What it cost, in nano-USD.
    pub cost_nano: i64,
    /// What it held while it ran.
    pub held_tokens: i64,
    /// The provider reported something that cannot be true.
    pub is_suspicious: bool,
    /// The client left before the end.
    pub is_disconnected: bool,
    /// How long it took.
    pub duration_ms: i64,
    /// When the first token came.
    pub first_token_ms: Option<i64>,
    /// The budget rows it draws from.
    pub budgets: SmallVec<[BudgetDraw; 4]>,
}

/// A budget row that a call draws from; how much follows from the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetDraw {
    /// The row.
    pub budget: Uuid,
    /// The lease that its room came from; `None` if the budget had no limit.
    pub lease: Option<Uuid>,
    /// What the row counts.
    pub unit: Unit,
}

impl Event<'_> {
    /// The order of the table.
    pub(super) fn row(&self) -> Row {
        (self.organisation_id, self.at, self.id)
    }

    /// What it is charged in `unit`.
    pub fn charged(&self, unit: Unit) -> i64 {
        match unit {
            Unit::Tokens => self.total_tokens,
            Unit::Requests => self.requests,
            Unit::NanoUsd => self.cost_nano,
        }
    }
}
