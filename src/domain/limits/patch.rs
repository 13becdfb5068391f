//! A change of limits: what is absent stays, `null` removes, down into quota and budget (RFC 7396).

use serde::{Deserialize, Deserializer, Serialize};

use super::{Limits, MoneyBudget, TokenQuota, TokenUnit, amount, usd};
use crate::domain::quota::Period;

/// What becomes of each limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsPatch {
    /// Calls admitted a minute.
    #[serde(default, deserialize_with = "given")]
    pub requests_per_minute: Option<Option<u32>>,
    /// Tokens admitted a minute.
    #[serde(default, deserialize_with = "given")]
    pub tokens_per_minute: Option<Option<u32>>,
    /// Calls handed to a provider a calendar day (UTC).
    #[serde(default, deserialize_with = "given")]
    pub requests_per_day: Option<Option<u32>>,
    /// Calls in flight at once.
    #[serde(default, deserialize_with = "given")]
    pub concurrency: Option<Option<u32>>,
    /// Tokens per period.
    #[serde(default, deserialize_with = "given")]
    pub quota: Option<Option<QuotaPatch>>,
    /// Money per period.
    #[serde(default, deserialize_with = "given")]
    pub budget: Option<Option<BudgetPatch>>,
}

/// What becomes of a quota; a new one needs its amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotaPatch {
    /// Always `tokens`.
    #[serde(default)]
    pub unit: TokenUnit,
    /// Tokens per period.
    #[serde(default, deserialize_with = "some_amount")]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000i64)]
    pub amount: Option<i64>,
    /// When counting starts anew.
    pub period: Option<Period>,
}

/// What becomes of a budget; a new one needs its amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetPatch {
    /// Nano-USD per period, written as a decimal number of US dollars.
    #[serde(rename = "amount_usd", default, deserialize_with = "some_usd")]
    #[schema(value_type = Option<String>, pattern = r"^\d{1,10}(\.\d{1,9})?$", example = "25.00")]
    pub amount_nano: Option<i64>,
    /// When counting starts anew.
    pub period: Option<Period>,
}

/// A new quota or budget without an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{0} is required where there was none")]
pub struct AmountMissing(pub &'static str);

impl LimitsPatch {
    /// The limits that `old` become.
    pub fn apply(&self, old: &Limits) -> Result<Limits, AmountMissing> {
        Ok(Limits {
            requests_per_minute: self.requests_per_minute.unwrap_or(old.requests_per_minute),
            tokens_per_minute: self.tokens_per_minute.unwrap_or(old.tokens_per_minute),
            requests_per_day: self.requests_per_day.unwrap_or(old.requests_per_day),
            concurrency: self.concurrency.unwrap_or(old.concurrency),
            quota: match self.quota {
                None => old.quota,
                Some(None) => None,
                Some(Some(patch)) => Some(patch.apply(old.quota)?),
            },
            budget: match self.budget {
                None => old.budget,
                Some(None) => None,
                Some(Some(patch)) => Some(patch.apply(old.budget)?),
            },
        })
    }
}

impl QuotaPatch {
    fn apply(self, old: Option<TokenQuota>) -> Result<TokenQuota, AmountMissing> {
        let amount = self.amount.or(old.map(|old| old.amount));
        Ok(TokenQuota {
            unit: self.unit,
            amount: amount.ok_or(AmountMissing("limits.quota.amount"))?,
            period: self
                .period
                .or(old.map(|old| old.period))
                .unwrap_or_default(),
        })
    }
}

impl BudgetPatch {
    fn apply(self, old: Option<MoneyBudget>) -> Result<MoneyBudget, AmountMissing> {
        let amount = self.amount_nano.or(old.map(|old| old.amount_nano));
        Ok(MoneyBudget {
            amount_nano: amount.ok_or(AmountMissing("limits.budget.amount_usd"))?,
            period: self
                .period
                .or(old.map(|old| old.period))
                .unwrap_or_default(),
        })
    }
}

/// These limits, whatever they were.
impl From<Limits> for LimitsPatch {
    fn from(limits: Limits) -> Self {
        Self {
            requests_per_minute: Some(limits.requests_per_minute),
            tokens_per_minute: Some(limits.tokens_per_minute),
            requests_per_day: Some(limits.requests_per_day),
            concurrency: Some(limits.concurrency),
            quota: Some(limits.quota.map(|quota| QuotaPatch {
                unit: quota.unit,
                amount: Some(quota.amount),
                period: Some(quota.period),
            })),
            budget: Some(limits.budget.map(|budget| BudgetPatch {
                amount_nano: Some(budget.amount_nano),
                period: Some(budget.period),
            })),
        }
    }
}

/// Tells a field that is `null` from one that is absent.
pub fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// The same for limits as a whole: `null` takes all of them away.
pub fn all_or_given<'de, D>(deserializer: D) -> Result<Option<LimitsPatch>, D::Error>
where
    D: Deserializer<'de>,
{
    let patch = Option::<LimitsPatch>::deserialize(deserializer)?;
    Ok(Some(patch.unwrap_or_else(|| Limits::default().into())))
}

fn some_amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    amount(deserializer).map(Some)
}

fn some_usd<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    usd::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(json: &str) -> Limits {
        serde_json::from_str(json).unwrap()
    }

    fn patch(json: &str) -> LimitsPatch {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_absent_stays_and_null_removes_down_into_the_quota() {
        let old = limits(
            r#"{"requests_per_minute":60,"concurrency":5,"quota":{"amount":10,"period":"day"}}"#,
        );
        let change = patch(r#"{"concurrency":null,"quota":{"amount":20},"budget":null}"#);
        let expected = limits(r#"{"requests_per_minute":60,"quota":{"amount":20,"period":"day"}}"#);
        assert_eq!(change.apply(&old), Ok(expected));
        assert_eq!(patch("{}").apply(&old), Ok(old.clone()));
        assert_eq!(
            LimitsPatch::from(old.clone()).apply(&Limits::default()),
            Ok(old)
        );
    }

    #[test]
    fn a_new_quota_needs_its_amount() {
        let change = patch(r#"{"quota":{"period":"day"}}"#);
        let missing = AmountMissing("limits.quota.amount");
        assert_eq!(change.apply(&Limits::default()), Err(missing));
    }
}
