//! What is remembered of a call that was refused.

use super::tenant::{CallId, KeyId, OrganisationId};
use super::time::Timestamp;

/// A call of a known key that reached no provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The call.
    pub id: CallId,
    /// Its key's organisation.
    pub organisation_id: OrganisationId,
    /// Its key.
    pub key_id: KeyId,
    /// When it was refused.
    pub at: Timestamp,
    /// The code that the client saw.
    pub code: &'static str,
    /// The limit that stood in its way, if one did.
    pub tripped: Option<Tripped>,
}

/// A limit that stood in a call's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tripped {
    /// Whose it is: `organisation`, `project` or `key`.
    pub scope: &'static str,
    /// Its name among the limits, such as `tokens_per_minute`.
    pub rule: &'static str,
    /// What it allows; nano-USD for a `budget`.
    pub amount: i64,
    /// When there is room again; `None` if that depends on other calls or on an edit.
    pub frees_at: Option<Timestamp>,
}
