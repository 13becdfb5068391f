//! A key as it is shown, by the API, the dashboard and the command line alike: never its secret.

use serde::Serialize;
use uuid::Uuid;

use crate::domain::limits::Limits;
use crate::domain::price::format_usd;
use crate::domain::quota::Unit;
use crate::domain::tenant::{KeyId, KeyStatus, ProjectId};
use crate::domain::time::Timestamp;
use crate::store::keys::{self, Key, KeyStanding, PreviousSecret};
use crate::store::{Db, StoreError};

/// A key without its secret.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Key)]
pub struct KeyView {
    /// What its usage names.
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// Its secret as it may be shown, such as `sk-AbCd…wxyz`.
    pub display: String,
    /// Whether it may call.
    pub status: KeyStatus,
    /// Where it belongs.
    pub project_id: ProjectId,
    /// The user or token whose it is; null for the command line's.
    pub owner_id: Option<Uuid>,
    /// The models it may call: exact names and globs; null for all.
    pub models: Option<Vec<String>>,
    /// When it stops working.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// What it may use.
    pub limits: Limits,
    /// How its quota stands; null without one.
    pub quota_state: Option<QuotaState>,
    /// How its budget stands; null without one.
    pub budget_state: Option<BudgetState>,
    /// What it used lately.
    pub usage: UsageState,
    /// Who made it.
    pub created_by: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last called, to the minute; null before its first call.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// Grows with every change.
    pub version: i64,
    /// The secret that was rotated away, while it still works.
    pub previous_secret: Option<PreviousSecretView>,
}

/// A quota, in tokens.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct QuotaState {
    /// What calls of the period used.
    pub used: i64,
    /// What calls in flight hold, as last heard, up to ten seconds ago.
    pub held: i64,
    /// What is left.
    pub remaining: i64,
    /// When counting starts anew; null for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resets_at: Option<Timestamp>,
}

/// A budget, in US dollars.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct BudgetState {
    /// What calls of the period cost.
    pub used_usd: String,
    /// What calls in flight hold, as last heard, up to ten seconds ago.
    pub held_usd: String,
    /// What is left.
    pub remaining_usd: String,
    /// When counting starts anew; null for never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resets_at: Option<Timestamp>,
}

/// What a key used in the last 30 days.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
pub struct UsageState {
    /// Calls handed to a provider.
    pub requests_30d: i64,
    /// Their tokens.
    pub tokens_30d: i64,
}

/// A secret that was rotated away and still works.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PreviousSecret)]
pub struct PreviousSecretView {
    /// As it may be shown.
    pub display: String,
    /// Until when it works.
    #[schema(value_type = String, format = DateTime)]
    pub grace_until: Timestamp,
    /// Calls made with it since the rotation.
    pub calls_since_rotation: i64,
}

/// What is used, held and left of a limit.
struct Standing {
    used: i64,
    held: i64,
    remaining: i64,
    resets_at: Option<Timestamp>,
}

impl KeyView {
    /// All of `keys`, in their order.
    pub async fn all(db: &Db, keys: Vec<Key>, now: Timestamp) -> Result<Vec<Self>, StoreError> {
        let standings = keys::standings(db, &keys, now).await?;
        let views = keys.into_iter().zip(standings);
        Ok(views
            .map(|(key, standing)| Self::of(key, &standing, now))
            .collect())
    }

    fn of(key: Key, standing: &KeyStanding, now: Timestamp) -> Self {
        let previous = key.previous.filter(|secret| secret.grace_until > now);
        let of = |unit| Standing::of(&key.limits, standing, unit, now);
        Self {
            id: key.id,
            name: key.name,
            display: key.display,
            status: key.status,
            project_id: key.project_id,
            owner_id: key.owner_id,
            models: key.models,
            expires_at: key.expires_at,
            quota_state: of(Unit::Tokens).map(QuotaState::from),
            budget_state: of(Unit::NanoUsd).map(BudgetState::from),
            limits: key.limits,
            usage: UsageState {
                requests_30d: standing.requests_30d,
                tokens_30d: standing.tokens_30d,
            },
            created_by: key.created_by,
            created_at: key.created_at,
            last_used_at: standing.last_used_at,
            version: key.version,
            previous_secret: previous.map(PreviousSecretView::from),
        }
    }
}

impl Standing {
    fn of(limits: &Limits, standing: &KeyStanding, unit: Unit, now: Timestamp) -> Option<Self> {
        let limit = limits.budgets().find(|limit| limit.unit == unit)?;
        let (used, held) = standing.of(&limit);
        let taken = used.saturating_add(held);
        Some(Self {
            used,
            held,
            remaining: limit.amount.saturating_sub(taken).max(0),
            resets_at: limit.period.end(now),
        })
    }
}

impl From<Standing> for QuotaState {
    fn from(standing: Standing) -> Self {
        Self {
            used: standing.used,
            held: standing.held,
            remaining: standing.remaining,
            resets_at: standing.resets_at,
        }
    }
}

impl From<Standing> for BudgetState {
    fn from(standing: Standing) -> Self {
        Self {
            used_usd: format_usd(standing.used),
            held_usd: format_usd(standing.held),
            remaining_usd: format_usd(standing.remaining),
            resets_at: standing.resets_at,
        }
    }
}

impl From<PreviousSecret> for PreviousSecretView {
    fn from(secret: PreviousSecret) -> Self {
        Self {
            display: secret.display,
            grace_until: secret.grace_until,
            calls_since_rotation: secret.calls,
        }
    }
}
