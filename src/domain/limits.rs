//! The limits that a key, a project or an organisation may carry. In every one `None` means that
//! none is set and `0` that none is allowed.

use serde::{Deserialize, Serialize};

use super::quota::Period;

pub mod patch;
mod within;

pub use patch::LimitsPatch;

/// All limits of one scope, in the shape that the store and the management API share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Calls admitted a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens admitted a minute, estimated before a call and corrected after it.
    pub tokens_per_minute: Option<u32>,
    /// Calls handed to a provider a calendar day (UTC).
    pub requests_per_day: Option<u32>,
    /// Calls in flight at once.
    pub concurrency: Option<u32>,
    /// Tokens per period; never exceeded.
    pub quota: Option<TokenQuota>,
    /// Money per period; never exceeded.
    pub budget: Option<MoneyBudget>,
}

/// A hard limit on tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenQuota {
    /// Always `tokens`; named so that a reader of the JSON need not guess.
    #[serde(default)]
    pub unit: TokenUnit,
    /// Tokens per period.
    #[serde(deserialize_with = "amount")]
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000i64)]
    pub amount: i64,
    /// When counting starts anew.
    #[serde(default)]
    pub period: Period,
}

/// The unit of a [`TokenQuota`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenUnit {
    /// Input and output tokens together.
    #[default]
    Tokens,
}

/// A hard limit on money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyBudget {
    /// Nano-USD per period, written as a decimal number of US dollars.
    #[serde(rename = "amount_usd", with = "usd")]
    #[schema(value_type = String, pattern = r"^\d{1,10}(\.\d{1,9})?$", example = "25.00")]
    pub amount_nano: i64,
    /// When counting starts anew.
    #[serde(default)]
    pub period: Period,
}

/// The largest budget, in nano-USD: a billion dollars.
pub const LARGEST_BUDGET: i64 = 1_000_000_000_000_000_000;

/// The largest amount that any other limit takes: far above every use, far below where sums overflow.
pub const LARGEST_AMOUNT: i64 = 1_000_000_000_000_000;

fn amount<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let amount = i64::deserialize(deserializer)?;
    if (0..=LARGEST_AMOUNT).contains(&amount) {
        return Ok(amount);
    }
    Err(serde::de::Error::custom(format!(
        "an amount lies between 0 and {LARGEST_AMOUNT}"
    )))
}

/// Dollars as text, because a JSON number may pass through a float.
mod usd {
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    use super::LARGEST_BUDGET;
    use crate::domain::price::{format_usd, parse_nano_usd};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature is serde's"
    )]
    pub(super) fn serialize<S: Serializer>(nano: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_usd(*nano))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let nano = parse_nano_usd(&String::deserialize(deserializer)?).map_err(Error::custom)?;
        if nano <= LARGEST_BUDGET {
            return Ok(nano);
        }
        Err(Error::custom("a budget is at most a billion dollars"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negative_amount_is_refused() {
        let limits = serde_json::from_str::<Limits>(r#"{"quota":{"amount":-1}}"#);
        assert!(limits.is_err());
    }

    #[test]
    fn an_unknown_limit_is_refused() {
        assert!(serde_json::from_str::<Limits>(r#"{"request_per_minute":1}"#).is_err());
    }

    #[test]
    fn a_budget_is_written_in_dollars_and_counted_exactly() {
        let text = r#"{"amount_usd":"25.00","period":"month"}"#;
        let budget: MoneyBudget = serde_json::from_str(text).unwrap();
        assert_eq!(budget.amount_nano, 25_000_000_000);
        assert_eq!(serde_json::to_string(&budget).unwrap(), text);
        for wrong in ["25", r#""-1""#, r#""1000000000.01""#, r#""1e3""#] {
            let text = format!(r#"{{"amount_usd":{wrong}}}"#);
            assert!(
                serde_json::from_str::<MoneyBudget>(&text).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn absent_limits_are_none() {
        let limits: Limits = serde_json::from_str("{}").unwrap();
        assert_eq!(limits, Limits::default());
    }
}
