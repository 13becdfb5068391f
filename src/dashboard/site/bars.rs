//! Where limits stand, as bars and rows.

use super::limits::per;
use crate::dashboard::components::{QuotaBar, Time, Unit};
use crate::dashboard::format;
use crate::dashboard::pages::RateRow;
use crate::domain::limits::Limits;
use crate::domain::price::parse_nano_usd;
use crate::domain::quota;
use crate::management::keys::KeyView;
use crate::management::{BudgetStanding, Standings};

/// The bar of a key in a table: its quota or, without one, its budget.
pub(super) fn of_key(key: &KeyView) -> Option<QuotaBar> {
    quota_of(key).or_else(|| budget_of(key))
}

/// The one of a key's two bars that is closer to its end.
pub(super) fn nearest(key: &KeyView) -> Option<QuotaBar> {
    // Of two alike the last is taken, which is the quota.
    let bars = budget_of(key).into_iter().chain(quota_of(key));
    bars.max_by_key(|bar| format::permille(bar.used, bar.amount))
}

fn quota_of(key: &KeyView) -> Option<QuotaBar> {
    let (limit, state) = key.limits.quota.zip(key.quota_state.as_ref())?;
    Some(QuotaBar {
        label: String::new(),
        unit: Unit::Tokens,
        used: state.used,
        held: state.held,
        amount: limit.amount,
        resets_at: state.resets_at.map(Time::exact),
        is_compact: true,
    })
}

fn budget_of(key: &KeyView) -> Option<QuotaBar> {
    let (limit, state) = key.limits.budget.zip(key.budget_state.as_ref())?;
    Some(QuotaBar {
        label: String::new(),
        unit: Unit::Usd,
        used: parse_nano_usd(&state.used_usd).unwrap_or(0),
        held: parse_nano_usd(&state.held_usd).unwrap_or(0),
        amount: limit.amount_nano,
        resets_at: state.resets_at.map(Time::exact),
        is_compact: true,
    })
}

/// All bars of a scope.
pub(super) fn all(standings: &Standings) -> Vec<QuotaBar> {
    let bars = standings.budgets.iter();
    bars.map(|standing| bar(standing, Some(standings.scope)))
        .collect()
}

/// The first bar of a scope, for a table.
pub(super) fn first(standings: &Standings) -> Option<QuotaBar> {
    standings
        .budgets
        .first()
        .map(|standing| bar(standing, None))
}

/// The rates of a scope.
pub(super) fn rates(standings: &Standings) -> Vec<RateRow> {
    let row = |rate: &crate::management::RateStanding| RateRow {
        name: rule(rate.rule),
        scope: scope(standings.scope),
        limit: format::grouped(i64::from(rate.limit)),
        remaining: format::grouped(i64::from(rate.remaining)),
        full_at: rate.full_at.map(Time::relative),
    };
    standings.rates.iter().map(row).collect()
}

/// The limits that have no bar: name and value.
pub(super) fn others(limits: &Limits) -> Vec<(&'static str, String)> {
    let named = [
        ("requests_per_minute", limits.requests_per_minute),
        ("tokens_per_minute", limits.tokens_per_minute),
        ("concurrency", limits.concurrency),
    ];
    let mut rows = Vec::new();
    for (name, limit) in named {
        if let Some(limit) = limit {
            rows.push((rule(name), format::grouped(i64::from(limit))));
        }
    }
    rows
}

fn bar(standing: &BudgetStanding, whose: Option<&'static str>) -> QuotaBar {
    let (name, unit) = match standing.limit.unit {
        quota::Unit::Tokens => ("Token quota", Unit::Tokens),
        quota::Unit::Requests => ("Requests", Unit::Requests),
        quota::Unit::NanoUsd => ("Budget", Unit::Usd),
    };
    let per = per(standing.limit.period);
    QuotaBar {
        label: whose
            .map(|whose| format!("{name} of the {whose},{per}"))
            .unwrap_or_default(),
        unit,
        used: standing.used,
        held: standing.held,
        amount: standing.limit.amount,
        resets_at: standing.resets_at.map(Time::relative),
        is_compact: whose.is_none(),
    }
}

/// A limit's name for people.
pub(super) fn rule(name: &str) -> &'static str {
    match name {
        "requests_per_minute" => "Requests a minute",
        "tokens_per_minute" => "Tokens a minute",
        "requests_per_day" => "Requests a day",
        "concurrency" => "Calls at once",
        "quota" => "Token quota",
        "budget" => "Budget",
        _ => "Limit",
    }
}

fn scope(name: &str) -> &'static str {
    match name {
        "key" => "Key",
        "project" => "Project",
        _ => "Organisation",
    }
}
