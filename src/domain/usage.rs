//! What a call used and what it is charged: the table of endings.

use serde::{Deserialize, Serialize};

use super::price::Price;

/// Tokens of one call as a provider reports them. The details are parts of the totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens, cached ones included.
    pub input: i64,
    /// Completion tokens, reasoning included.
    pub output: i64,
    /// The provider's own sum.
    pub total: i64,
    /// Prompt tokens served from the provider's cache.
    pub cached_input: i64,
    /// Prompt tokens written to the provider's cache.
    pub cache_write: i64,
    /// Completion tokens that the client never sees.
    pub reasoning: i64,
}

/// Where a charge comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Nothing was used.
    None,
    /// The provider said so.
    Reported,
    /// The provider did not say; counted from what was seen.
    Estimated,
    /// The gateway died in the middle; counted from what it had seen.
    Interrupted,
}

impl Source {
    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Reported => "Reported",
            Self::Estimated => "Estimated",
            Self::Interrupted => "Interrupted",
        }
    }
}

/// How a call ended, as far as its cost is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// No byte of it reached a provider.
    NeverSent,
    /// The provider refused it without reporting usage.
    Refused,
    /// It ran: to its end, or until it was cut.
    Ran {
        /// What the provider reported, if it did.
        usage: Option<Usage>,
        /// Output tokens that were seen passing, for when it did not.
        delivered: i64,
    },
}

impl Ending {
    /// That of a call that has no output, such as an embedding: all that its provider reports is input.
    #[must_use]
    pub fn without_output(self) -> Self {
        match self {
            Self::Ran {
                usage: Some(usage),
                delivered,
            } => Self::Ran {
                usage: Some(Usage {
                    input: usage.input.max(usage.total.saturating_sub(usage.output)),
                    ..usage
                }),
                delivered,
            },
            other => other,
        }
    }
}

/// What a call held while it ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Tokens held.
    pub tokens: i64,
    /// What its prompt probably has, for charging a call that reports nothing.
    pub prompt_estimate: i64,
}

/// What a call is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Calls, for budgets of requests: 1 if it was handed to a provider.
    pub requests: i64,
    /// Tokens, for budgets of tokens: at least `usage.input + usage.output`.
    pub tokens: i64,
    /// The tokens by kind.
    pub usage: Usage,
    /// Where the numbers come from.
    pub source: Source,
    /// The provider reported something that cannot be true.
    pub is_suspicious: bool,
}

impl Usage {
    /// Whether it tells of no token at all, as servers do that count none: no call has an empty prompt.
    pub fn is_nothing(&self) -> bool {
        (self.input, self.output, self.total) == (0, 0, 0)
    }

    /// What counts against a quota; `None` if the report cannot be true.
    fn charged(&self) -> Option<i64> {
        let parts = [
            self.input,
            self.output,
            self.total,
            self.cached_input,
            self.cache_write,
            self.reasoning,
        ];
        let sum = self.input.checked_add(self.output)?;
        parts
            .iter()
            .all(|part| *part >= 0)
            .then(|| sum.max(self.total))
    }

    /// `tokens` split between a prompt of about `prompt` tokens and the rest.
    fn estimate(tokens: i64, prompt: i64) -> Self {
        let input = prompt.clamp(0, tokens);
        Self {
            input,
            output: tokens - input,
            total: tokens,
            ..Self::default()
        }
    }
}

impl Charge {
    /// Applies the table of endings.
    pub fn of(ending: Ending, held: Held) -> Self {
        match ending {
            Ending::NeverSent => Self::nothing(0),
            Ending::Refused => Self::nothing(1),
            Ending::Ran {
                usage: Some(usage), ..
            } => Self::reported(usage, held),
            Ending::Ran {
                usage: None,
                delivered,
            } => {
                let seen = held.prompt_estimate.saturating_add(delivered);
                Self::estimated(seen.min(held.tokens), held)
            }
        }
    }

    /// What it costs in nano-USD, by the same table: a report in full, one that cannot be true what
    /// was held, and an estimate no more than that.
    pub fn cost(&self, price: Option<&Price>, held_nano: i64) -> i64 {
        let cost = price.map_or(0, |price| price.cost(&self.usage));
        match self.source {
            Source::Reported => cost,
            _ if self.is_suspicious => held_nano,
            _ => cost.min(held_nano),
        }
    }

    fn nothing(requests: i64) -> Self {
        Self {
            requests,
            tokens: 0,
            usage: Usage::default(),
            source: Source::None,
            is_suspicious: false,
        }
    }

    /// A report is charged in full, even above the hold, unless it cannot be true.
    fn reported(usage: Usage, held: Held) -> Self {
        let believable = held.tokens.saturating_mul(10);
        match usage.charged() {
            Some(tokens) if tokens <= believable => Self {
                requests: 1,
                tokens,
                usage,
                source: Source::Reported,
                is_suspicious: false,
            },
            _ => Self {
                is_suspicious: true,
                ..Self::estimated(held.tokens, held)
            },
        }
    }

    fn estimated(tokens: i64, held: Held) -> Self {
        Self {
            requests: 1,
            tokens,
            usage: Usage::estimate(tokens, held.prompt_estimate),
            source: Source::Estimated,
            is_suspicious: false,
        }
    }
}

#[cfg(test)]
mod tests;
