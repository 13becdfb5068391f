//! Budgets as arithmetic: what they count, which period an instant falls in, and how much a call
//! may hold.
use chrono::{DateTime, Datelike, Days, Months, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::price::format_usd;
use super::tenant::ScopeId;
use super::time::Timestamp;

mod need;

pub use need::{Need, Standing};

/// When a budget's counting starts anew: by the calendar, in UTC.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Never.
    #[default]
    None,
    /// At midnight.
    Day,
    /// On Monday.
    Week,
    /// On the first of the month.
    Month,
}

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Input and output tokens.
    Tokens,
    /// Calls handed to a provider.
    Requests,
    /// What they cost, in billionths of a US dollar.
    NanoUsd,
}

/// The name of one budget row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetKey {
    /// Whose budget it is.
    pub scope: ScopeId,
    /// What it counts.
    pub unit: Unit,
    /// How often it starts anew.
    pub period: Period,
    /// When the current period began; the epoch for [`Period::None`].
    pub start: Timestamp,
}

/// A limit that is counted in a budget row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLimit {
    /// What it counts.
    pub unit: Unit,
    /// How often it starts anew.
    pub period: Period,
    /// How much a period allows.
    pub amount: i64,
}

impl Period {
    /// The start of the period that `at` lies in.
    pub fn start(self, at: Timestamp) -> Timestamp {
        let now = at.datetime();
        let today = now.date_naive();
        let start = match self {
            Self::None => return Timestamp(0),
            Self::Day => Some(today),
            Self::Week => {
                let days = u64::from(today.weekday().num_days_from_monday());
                today.checked_sub_days(Days::new(days))
            }
            Self::Month => today.with_day(1),
        };
        let midnight = start.unwrap_or(today).and_time(NaiveTime::MIN);
        Timestamp(midnight.and_utc().timestamp_micros())
    }

    /// The end of the period that `at` lies in; `None` if it has none.
    pub fn end(self, at: Timestamp) -> Option<Timestamp> {
        let start = self.start(at).datetime();
        let end: Option<DateTime<Utc>> = match self {
            Self::None => None,
            Self::Day => start.checked_add_days(Days::new(1)),
            Self::Week => start.checked_add_days(Days::new(7)),
            Self::Month => start.checked_add_months(Months::new(1)),
        };
        end.map(|end| Timestamp(end.timestamp_micros()))
    }
}

impl Limits {
    /// The limits that are counted in budget rows.
    pub fn budgets(&self) -> impl Iterator<Item = BudgetLimit> + use<> {
        let tokens = self.quota.map(|quota| BudgetLimit {
            unit: Unit::Tokens,
            period: quota.period,
            amount: quota.amount,
        });
        let requests = self.requests_per_day.map(|amount| BudgetLimit {
            unit: Unit::Requests,
            period: Period::Day,
            amount: i64::from(amount),
        });
        let money = self.budget.map(|budget| BudgetLimit {
            unit: Unit::NanoUsd,
            period: budget.period,
            amount: budget.amount_nano,
        });
        tokens.into_iter().chain(requests).chain(money)
    }
}

impl std::fmt::Display for BudgetLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.unit {
            Unit::Tokens => write!(f, "{} tokens", self.amount)?,
            Unit::Requests => write!(f, "{} requests", self.amount)?,
            Unit::NanoUsd => write!(f, "{} USD", format_usd(self.amount))?,
        }
        f.write_str(match self.period {
            Period::None => " in total",
            Period::Day => " per day",
            Period::Week => " per week",
            Period::Month => " per month",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn periods_follow_the_calendar_in_utc() {
        let now = at("2026-11-22T23:59:59Z"); // a Sunday
        let cases = [
            (Period::Day, "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"),
            (Period::Week, "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"),
            (
                Period::Month,
                "2026-11-01T00:00:00Z",
                "2026-12-01T00:00:00Z",
            ),
        ];
        for (period, start, end) in cases {
            assert_eq!(period.start(now), at(start));
            assert_eq!(period.end(now), Some(at(end)));
        }
        assert_eq!(Period::None.start(now), Timestamp(0));
        assert_eq!(Period::None.end(now), None);
    }
}
