//! Which limit stood in a call's way, for whoever looks at a key's last refusals.

use super::Refusal;
use crate::domain::quota::{BudgetLimit, Unit};
use crate::domain::refused::Tripped;
use crate::domain::time::Timestamp;
use crate::limiters::RateUnit;

/// A budget that has no room for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrippedBudget {
    /// The scope's kind.
    pub scope: &'static str,
    /// What it allows.
    pub limit: BudgetLimit,
    /// When counting starts anew.
    pub resets_at: Option<Timestamp>,
}

impl Refusal {
    /// The limit that refused a call at `at`, if one did.
    pub fn tripped(&self, at: Timestamp) -> Option<Tripped> {
        match self {
            Self::RateLimited(limited) => Some(Tripped {
                scope: limited.scope,
                rule: match limited.unit {
                    RateUnit::Requests => "requests_per_minute",
                    RateUnit::Tokens => "tokens_per_minute",
                },
                amount: i64::from(limited.limit),
                frees_at: limited.retry_after.map(|wait| at.plus(wait)),
            }),
            Self::TooManyInFlight { scope, limit } => Some(Tripped {
                scope,
                rule: "concurrency",
                amount: i64::from(*limit),
                frees_at: None,
            }),
            Self::QuotaHeld { budget, .. } => Some(budget.tripped(None)),
            Self::QuotaExhausted { budget } => Some(budget.tripped(budget.resets_at)),
            _ => None,
        }
    }
}

impl TrippedBudget {
    fn tripped(&self, frees_at: Option<Timestamp>) -> Tripped {
        Tripped {
            scope: self.scope,
            rule: match self.limit.unit {
                Unit::Tokens => "quota",
                Unit::Requests => "requests_per_day",
                Unit::NanoUsd => "budget",
            },
            amount: self.limit.amount,
            frees_at,
        }
    }
}
