//! Budgets and holds as arithmetic: which period an instant falls in, and how much a call may hold
//! of what is left, so that quotas are hard without being early.

use std::time::Duration;

use chrono::{DateTime, Datelike, Days, Months, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

use super::limits::Limits;
use super::tenant::ScopeId;
use super::time::Timestamp;

/// When a budget's counting starts anew: by the calendar, in UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
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
    /// What calls cost, in billionths of a US dollar.
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

/// What a call asks of the token budgets that cover it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The most tokens its prompt can have.
    pub prompt: i64,
    /// How many completions it asks for.
    pub choices: i64,
    /// Output tokens per completion: what the client asked, else the model's maximum.
    pub cap: i64,
}

/// How a limited token budget stands when a call arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the period allows.
    pub amount: i64,
    /// What is neither used nor held.
    pub left: i64,
    /// Holds open on it.
    pub open: i64,
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
        tokens.into_iter().chain(requests)
    }
}

impl Need {
    /// What the call holds with `cap` output tokens per completion.
    pub fn hold(&self, cap: i64) -> i64 {
        self.prompt.saturating_add(self.choices.saturating_mul(cap))
    }

    /// The output cap that leaves room for others on `standing`: what was asked if that fits its
    /// share, else the share, but never below the floor and never above what was asked.
    pub fn cap_within(&self, standing: &Standing) -> i64 {
        let asked = self.choices.saturating_mul(self.cap);
        let share = standing.left / standing.open.saturating_add(2);
        let after_prompt = standing.left.saturating_sub(self.prompt);
        if self.choices <= 0 || asked <= share.min(after_prompt) {
            return self.cap;
        }
        let fair = share.min(after_prompt) / self.choices;
        fair.max(self.floor(standing.amount)).min(self.cap)
    }

    /// The smallest cap that is still worth sending on a budget of `amount`.
    pub fn floor(&self, amount: i64) -> i64 {
        self.cap.min(1024).min((amount / 64).max(128))
    }

    /// Whether the call could never run on `standing`, even with every open hold given back unused.
    pub fn is_hopeless(&self, amount: i64, used: i64) -> bool {
        used.saturating_add(self.hold(self.floor(amount))) > amount
    }
}

/// Until when a refused caller of a budget with `period` has to wait.
pub fn until_reset(period: Period, now: Timestamp) -> Option<Duration> {
    period.end(now).map(|end| end.since(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    #[test]
    fn a_cap_that_fits_its_share_is_left_alone() {
        let need = Need {
            prompt: 100,
            choices: 1,
            cap: 1000,
        };
        let standing = Standing {
            amount: 100_000,
            left: 100_000,
            open: 3,
        };
        assert_eq!(need.cap_within(&standing), 1000);
    }

    #[test]
    fn an_open_ended_call_shrinks_to_its_share() {
        let need = Need {
            prompt: 100,
            choices: 2,
            cap: 16_384,
        };
        let standing = Standing {
            amount: 30_000,
            left: 30_000,
            open: 1,
        };
        assert_eq!(need.cap_within(&standing), 5000);
    }

    #[test]
    fn a_cap_never_shrinks_below_the_floor() {
        let need = Need {
            prompt: 10,
            choices: 1,
            cap: 16_384,
        };
        let standing = Standing {
            amount: 64_000,
            left: 500,
            open: 9,
        };
        assert_eq!(need.cap_within(&standing), 1000);
        let small = Need { cap: 100, ..need };
        assert_eq!(small.cap_within(&standing), 100);
    }

    #[test]
    fn a_prompt_that_takes_more_than_half_still_runs() {
        let need = Need {
            prompt: 700,
            choices: 1,
            cap: 16_384,
        };
        let standing = Standing {
            amount: 1000,
            left: 1000,
            open: 0,
        };
        assert_eq!(need.cap_within(&standing), 300);
        assert!(!need.is_hopeless(1000, 0));
        assert!(need.is_hopeless(1000, 200));
    }

    proptest! {
        #[test]
        fn on_an_idle_budget_a_call_fits_or_is_hopeless(
            prompt in 0i64..5000, choices in 0i64..5, cap in 1i64..20_000, amount in 0i64..50_000, used in 0i64..50_000,
        ) {
            let need = Need { prompt, choices, cap };
            let left = (amount - used).max(0);
            let cap = need.cap_within(&Standing { amount, left, open: 0 });
            prop_assert_eq!(need.hold(cap) > left, need.is_hopeless(amount, used.min(amount)));
        }
    }
}
