//! `[[models]]`: aliases, and what the gateway may assume about a model.

use serde::{Deserialize, Deserializer};

use crate::domain::price::{Price, parse_usd};

/// A model that clients may name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What clients call it.
    pub name: String,
    /// The provider that serves it.
    pub provider: String,
    upstream: Option<String>,
    /// The most tokens one completion can have.
    pub max_output_tokens: Option<i64>,
    /// The most tokens prompt and completion can have.
    pub context_window: Option<i64>,
    /// Counts long prompts; by its provider's own word if absent, by bytes if unknown.
    pub tokenizer: Option<String>,
    /// Tokens counted for an image, audio or file part.
    #[serde(default = "default_part_tokens")]
    pub part_tokens: i64,
    /// Tokens the provider adds to every prompt.
    #[serde(default)]
    pub prompt_overhead: i64,
    /// Thinks in tokens that nobody sees.
    #[serde(default)]
    pub reasoning: bool,
    /// What its tokens cost.
    #[serde(default, deserialize_with = "price")]
    pub price: Option<Price>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPrice {
    input: String,
    output: String,
    cached_input: Option<String>,
    cache_write: Option<String>,
}

impl Model {
    /// A model of a simulated provider.
    pub(super) fn simulated(name: &str, provider: &str, price: Price) -> Self {
        Self {
            name: name.to_owned(),
            provider: provider.to_owned(),
            upstream: None,
            max_output_tokens: None,
            context_window: None,
            tokenizer: None,
            part_tokens: default_part_tokens(),
            prompt_overhead: 0,
            reasoning: false,
            price: Some(price),
        }
    }

    /// What the provider calls it.
    pub fn upstream(&self) -> &str {
        self.upstream.as_deref().unwrap_or(&self.name)
    }
}

/// What a part counts when nothing is declared.
const fn default_part_tokens() -> i64 {
    4096
}

fn price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Price>, D::Error> {
    let raw = RawPrice::deserialize(deserializer)?;
    let usd = |text: &str| parse_usd(text).map_err(serde::de::Error::custom);
    let or_input = |part: Option<String>| usd(part.as_deref().unwrap_or(&raw.input));
    Ok(Some(Price {
        input: usd(&raw.input)?,
        output: usd(&raw.output)?,
        cached_input: or_input(raw.cached_input)?,
        cache_write: or_input(raw.cache_write)?,
    }))
}
