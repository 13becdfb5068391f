//! The limit flags, which organisations, projects and keys share. A flag that is absent leaves its
//! limit alone, `none` removes it.

use clap::{Args, ValueEnum};

use super::failure::UsageError;
use crate::domain::limits::{Limits, MoneyBudget, TokenQuota, TokenUnit};
use crate::domain::price::format_usd;
use crate::domain::quota::Period;

mod limit;

use limit::{Limit, usd};

/// Limits; the value `none` removes one, 0 allows nothing.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Limits (`none` removes one, 0 allows nothing)")]
pub(super) struct LimitFlags {
    /// Tokens per period, never exceeded
    #[arg(long, value_name = "TOKENS")]
    quota: Option<Limit<i64>>,
    /// When the quota starts anew (UTC)
    #[arg(long, value_name = "PERIOD", value_enum)]
    quota_period: Option<PeriodFlag>,
    /// US dollars per period, never exceeded
    #[arg(long, value_name = "USD", value_parser = usd)]
    budget: Option<Limit<i64>>,
    /// When the budget starts anew (UTC)
    #[arg(long, value_name = "PERIOD", value_enum)]
    budget_period: Option<PeriodFlag>,
    /// Requests a minute
    #[arg(long, value_name = "N")]
    rpm: Option<Limit<u32>>,
    /// Tokens a minute
    #[arg(long, value_name = "N")]
    tpm: Option<Limit<u32>>,
    /// Requests a day (UTC)
    #[arg(long, value_name = "N")]
    rpd: Option<Limit<u32>>,
    /// Calls in flight at once
    #[arg(long, value_name = "N")]
    concurrency: Option<Limit<u32>>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PeriodFlag {
    None,
    Day,
    Week,
    Month,
}

impl LimitFlags {
    /// `limits` as the flags change them; `None` if there is no flag.
    pub(super) fn change(&self, limits: &Limits) -> Result<Option<Limits>, UsageError> {
        let changed = self.apply(limits.clone())?;
        Ok(self.is_any().then_some(changed))
    }

    /// `limits` with the flags applied.
    pub(super) fn apply(&self, mut limits: Limits) -> Result<Limits, UsageError> {
        limits.quota = self.quota(limits.quota)?;
        limits.budget = self.budget(limits.budget)?;
        for (flag, limit) in [
            (self.rpm, &mut limits.requests_per_minute),
            (self.tpm, &mut limits.tokens_per_minute),
            (self.rpd, &mut limits.requests_per_day),
            (self.concurrency, &mut limits.concurrency),
        ] {
            *limit = Limit::over(flag, *limit);
        }
        Ok(limits)
    }

    fn is_any(&self) -> bool {
        let rates = [self.rpm, self.tpm, self.rpd, self.concurrency];
        let amounts = [self.quota, self.budget];
        let periods = [self.quota_period, self.budget_period];
        let has_rate = rates.iter().any(Option::is_some);
        has_rate || amounts.iter().any(Option::is_some) || periods.iter().any(Option::is_some)
    }

    fn quota(&self, old: Option<TokenQuota>) -> Result<Option<TokenQuota>, UsageError> {
        let amount = Limit::over(self.quota, old.map(|quota| quota.amount));
        let period = period(self.quota_period, old.map(|quota| quota.period));
        if amount.is_none() && self.quota_period.is_some() {
            return Err(needs("--quota-period needs a quota; add --quota TOKENS"));
        }
        Ok(amount.map(|amount| TokenQuota {
            unit: TokenUnit::Tokens,
            amount,
            period,
        }))
    }

    fn budget(&self, old: Option<MoneyBudget>) -> Result<Option<MoneyBudget>, UsageError> {
        let amount = Limit::over(self.budget, old.map(|budget| budget.amount_nano));
        let period = period(self.budget_period, old.map(|budget| budget.period));
        if amount.is_none() && self.budget_period.is_some() {
            return Err(needs("--budget-period needs a budget; add --budget USD"));
        }
        Ok(amount.map(|amount_nano| MoneyBudget {
            amount_nano,
            period,
        }))
    }
}

fn period(flag: Option<PeriodFlag>, old: Option<Period>) -> Period {
    flag.map(Period::from).or(old).unwrap_or_default()
}

fn needs(rule: &str) -> UsageError {
    UsageError(rule.to_owned())
}

impl From<PeriodFlag> for Period {
    fn from(flag: PeriodFlag) -> Self {
        match flag {
            PeriodFlag::None => Self::None,
            PeriodFlag::Day => Self::Day,
            PeriodFlag::Week => Self::Week,
            PeriodFlag::Month => Self::Month,
        }
    }
}

/// Limits in a few words, for tables.
pub(super) fn summary(limits: &Limits) -> String {
    let quota = limits
        .quota
        .map(|quota| per(format!("{} tokens", quota.amount), quota.period));
    let budget = limits.budget.map(|budget| {
        per(
            format!("{} USD", format_usd(budget.amount_nano)),
            budget.period,
        )
    });
    let rates = [
        (limits.requests_per_minute, "rpm"),
        (limits.tokens_per_minute, "tpm"),
        (limits.requests_per_day, "rpd"),
        (limits.concurrency, "at once"),
    ];
    let rates = rates.into_iter();
    let rates = rates.filter_map(|(limit, unit)| Some(format!("{} {unit}", limit?)));
    let words: Vec<String> = quota.into_iter().chain(budget).chain(rates).collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    }
}

fn per(amount: String, period: Period) -> String {
    let period = match period {
        Period::None => return amount,
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
    };
    format!("{amount}/{period}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: LimitFlags,
    }

    fn flags(line: &str) -> Result<LimitFlags, clap::Error> {
        let arguments = ["x"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(arguments).map(|line| line.flags)
    }

    fn limits(json: &str) -> Limits {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn flags_change_only_what_they_name() {
        let old = limits(
            r#"{"requests_per_minute":1,"concurrency":2,"quota":{"amount":5,"period":"week"}}"#,
        );
        let new = flags("--rpm none --tpm 1_000 --quota 9").unwrap();
        let expected = limits(
            r#"{"tokens_per_minute":1000,"concurrency":2,"quota":{"amount":9,"period":"week"}}"#,
        );
        assert_eq!(new.change(&old).unwrap(), Some(expected));
    }

    #[test]
    fn no_flag_is_no_change() {
        assert_eq!(flags("").unwrap().change(&Limits::default()).unwrap(), None);
    }

    #[test]
    fn a_quota_and_its_period_can_be_removed_and_kept() {
        let old = limits(r#"{"quota":{"amount":5,"period":"week"}}"#);
        let removed = flags("--quota none").unwrap().change(&old).unwrap();
        assert_eq!(removed, Some(Limits::default()));
        let moved = flags("--quota-period month").unwrap().change(&old).unwrap();
        let expected = limits(r#"{"quota":{"amount":5,"period":"month"}}"#);
        assert_eq!(moved, Some(expected));
        assert!(
            flags("--quota-period day")
                .unwrap()
                .change(&Limits::default())
                .is_err()
        );
    }

    #[test]
    fn a_budget_is_set_kept_and_removed_like_a_quota() {
        let old = limits(r#"{"budget":{"amount_usd":"25.00","period":"month"}}"#);
        let new = flags("--budget 1_000.5").unwrap().apply(old.clone());
        let expected = limits(r#"{"budget":{"amount_usd":"1000.50","period":"month"}}"#);
        assert_eq!(new.unwrap(), expected);
        assert_eq!(summary(&expected), "1000.50 USD/month");
        let kept = flags("--budget-period none").unwrap().apply(old.clone());
        assert_eq!(summary(&kept.unwrap()), "25.00 USD");
        let removed = flags("--budget none").unwrap().change(&old).unwrap();
        assert_eq!(removed, Some(Limits::default()));
        let homeless = flags("--budget-period day").unwrap();
        assert!(homeless.apply(Limits::default()).is_err());
    }

    #[test]
    fn zero_is_a_limit() {
        let zero = flags("--rpm 0 --quota 0").unwrap();
        let limits = zero.apply(Limits::default()).unwrap();
        assert_eq!(limits.requests_per_minute, Some(0));
        assert_eq!(limits.quota.map(|quota| quota.amount), Some(0));
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "--rpm -1",
            "--rpm=-1",
            "--rpm 4294967296",
            "--quota=-5",
            "--quota 1.5",
            "--quota 1000000000000001",
            "--quota-period year",
            "--budget=-1",
            "--budget 1e3",
            "--budget 0.0000000001",
            "--budget 1000000000.01",
            "--tpm all",
        ] {
            assert!(flags(line).is_err(), "{line}");
        }
    }
}
