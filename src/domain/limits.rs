//! The limits that a key, a project or an organisation may carry. In every one `None` means that
//! none is set and `0` that none is allowed.

use serde::{Deserialize, Serialize};

use super::quota::Period;

/// All limits of one scope, in the shape that the store and the management API share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// A hard limit on tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenQuota {
    /// Always `tokens`; named so that a reader of the JSON need not guess.
    #[serde(default)]
    pub unit: TokenUnit,
    /// Tokens per period.
    #[serde(deserialize_with = "amount")]
    pub amount: i64,
    /// When counting starts anew.
    #[serde(default)]
    pub period: Period,
}

/// The unit of a [`TokenQuota`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenUnit {
    /// Input and output tokens together.
    #[default]
    Tokens,
}

/// The largest amount that any limit takes: far above every use, far below where sums overflow.
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
    fn absent_limits_are_none() {
        let limits: Limits = serde_json::from_str("{}").unwrap();
        assert_eq!(limits, Limits::default());
    }
}
