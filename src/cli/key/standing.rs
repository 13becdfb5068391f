//! How a key's budgets stand, as they are printed.

use serde::Serialize;

use crate::cli::session::Session;
use crate::domain::limits::Limits;
use crate::domain::price::format_usd;
use crate::domain::quota::{BudgetKey, BudgetLimit, Unit};
use crate::domain::tenant::{KeyId, ScopeId};
use crate::domain::time::Timestamp;
use crate::store::budgets::{self, BudgetRow};
use crate::store::leases;

/// A quota, in tokens.
#[derive(Serialize)]
pub(super) struct QuotaState {
    pub(super) used: i64,
    held: i64,
    remaining: i64,
    resets_at: Option<Timestamp>,
}

/// A budget, in US dollars.
#[derive(Serialize)]
pub(super) struct BudgetState {
    pub(super) used_usd: String,
    held_usd: String,
    remaining_usd: String,
    resets_at: Option<Timestamp>,
}

/// A limit with what is used of it.
struct Standing {
    used: i64,
    held: i64,
    remaining: i64,
    resets_at: Option<Timestamp>,
}

impl QuotaState {
    /// The quota among `limits`, if there is one.
    pub(super) async fn read(
        session: &Session,
        key: KeyId,
        limits: &Limits,
        now: Timestamp,
    ) -> anyhow::Result<Option<Self>> {
        let standing = Standing::read(session, key, limits, Unit::Tokens, now).await?;
        Ok(standing.map(|standing| Self {
            used: standing.used,
            held: standing.held,
            remaining: standing.remaining,
            resets_at: standing.resets_at,
        }))
    }
}

impl BudgetState {
    /// The budget among `limits`, if there is one.
    pub(super) async fn read(
        session: &Session,
        key: KeyId,
        limits: &Limits,
        now: Timestamp,
    ) -> anyhow::Result<Option<Self>> {
        let standing = Standing::read(session, key, limits, Unit::NanoUsd, now).await?;
        Ok(standing.map(|standing| Self {
            used_usd: format_usd(standing.used),
            held_usd: format_usd(standing.held),
            remaining_usd: format_usd(standing.remaining),
            resets_at: standing.resets_at,
        }))
    }
}

impl Standing {
    async fn read(
        session: &Session,
        key: KeyId,
        limits: &Limits,
        unit: Unit,
        now: Timestamp,
    ) -> anyhow::Result<Option<Self>> {
        let Some(limit) = limits.budgets().find(|limit| limit.unit == unit) else {
            return Ok(None);
        };
        let BudgetRow { id, used } = row(session, key, &limit, now).await?;
        let held = leases::held(&session.db, id).await?;
        let taken = used.saturating_add(held);
        Ok(Some(Self {
            used,
            held,
            remaining: limit.amount.saturating_sub(taken).max(0),
            resets_at: limit.period.end(now),
        }))
    }
}

async fn row(
    session: &Session,
    key: KeyId,
    limit: &BudgetLimit,
    now: Timestamp,
) -> anyhow::Result<BudgetRow> {
    let budget = BudgetKey {
        scope: ScopeId::Key(key),
        unit: limit.unit,
        period: limit.period,
        start: limit.period.start(now),
    };
    let rows = budgets::current(&session.db, budget.scope, now).await?;
    if let Some((_, row, _)) = rows.iter().find(|(found, ..)| *found == budget) {
        return Ok(*row);
    }
    // A new row begins with what was used before there was a limit: only opening it tells.
    let opened = budgets::open(&session.db, &budget, Some(limit.amount), now);
    Ok(opened.await?)
}
