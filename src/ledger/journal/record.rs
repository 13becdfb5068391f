//! What the journal says about a call: how it opened and how it closed. An opening is complete in
//! itself, and so is a closing together with its opening, so that neither needs anything else to be
//! booked.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;
use uuid::Uuid;

use crate::domain::key::SecretHash;
use crate::domain::price::Price;
use crate::domain::quota::Unit;
use crate::domain::tenant::{CallId, KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::domain::usage::{Charge, Held};

/// Everything about a call that is fixed before it is sent and outlives edits, moves and deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The call.
    pub id: CallId,
    /// When it came in.
    pub at: Timestamp,
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
    pub model: Arc<str>,
    /// The model as the provider names it.
    pub upstream_model: Arc<str>,
    /// The route.
    pub endpoint: Cow<'static, str>,
    /// Whether the answer is a stream.
    pub is_stream: bool,
    /// What its tokens cost.
    pub price: Option<Price>,
    /// Tokens held, and what its prompt probably has.
    pub held: Held,
    /// Nano-USD held.
    pub held_nano: i64,
    /// How many completions it asks for.
    pub choices: i64,
    /// Output tokens per completion.
    pub cap: i64,
    /// What it holds of each budget that covers it.
    pub draws: SmallVec<[Drawn; 4]>,
}

/// What a call holds of one budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The budget row.
    pub budget: Uuid,
    /// The lease row it is held on; none where the budget has no limit.
    pub lease: Option<Uuid>,
    /// What the budget counts.
    pub unit: Unit,
    /// How much is held.
    pub held: i64,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// What it is charged.
    pub charge: Charge,
    /// What that costs, in nano-USD.
    pub cost_nano: i64,
    /// The status that the client saw, or would have seen.
    pub status: u16,
    /// The code of the failure, if it was one.
    pub code: Option<Cow<'static, str>>,
    /// Whether the client left before the end.
    pub is_disconnected: bool,
    /// How long it took.
    pub duration_ms: i64,
    /// When the first token came.
    pub first_token_ms: Option<i64>,
}
