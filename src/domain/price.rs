//! What a call costs, in integers: prices are micro-USD per million tokens, costs nano-USD. A token
//! times such a price is a pico-USD, so nothing is lost until the one rounding up at the end.

use super::usage::Usage;

const PICO_PER_NANO: i128 = 1_000;

/// A model's prices in micro-USD per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Input tokens that touched no cache.
    pub input: i64,
    /// Output tokens, reasoning included.
    pub output: i64,
    /// Input tokens served from the provider's cache.
    pub cached_input: i64,
    /// Input tokens written to the provider's cache.
    pub cache_write: i64,
}

/// A price that is no non-negative decimal with at most six places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a price is written in USD per million tokens, such as \"0.15\", with at most six decimals"
)]
pub struct InvalidPrice;

/// An amount that is no non-negative decimal with at most nine places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount of money is written in USD, such as \"25.00\", with at most nine decimals")]
pub struct InvalidAmount;

impl Price {
    /// The cost of `usage` in nano-USD, rounded up. What the total holds beyond input and output is
    /// output: some providers count reasoning nowhere else.
    pub fn cost(&self, usage: &Usage) -> i64 {
        let cached = usage.cached_input.min(usage.input).max(0);
        let uncached = usage.input.saturating_sub(cached);
        let written = usage.cache_write.min(uncached).max(0);
        let output = usage.output.max(usage.total.saturating_sub(usage.input));
        nano(
            product(uncached.saturating_sub(written), self.input)
                + product(cached, self.cached_input)
                + product(written, self.cache_write)
                + product(output, self.output),
        )
    }

    /// The most that a prompt of at most `input` tokens and `output` tokens can cost, in nano-USD,
    /// rounded up: whether a cache serves or takes the prompt is the provider's choice.
    pub fn most(&self, input: i64, output: i64) -> i64 {
        let dearest = self.input.max(self.cached_input).max(self.cache_write);
        nano(product(input, dearest) + product(output, self.output))
    }

    /// The dearer of both prices of each kind of token.
    #[must_use]
    pub fn dearest(&self, other: &Self) -> Self {
        Self {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            cached_input: self.cached_input.max(other.cached_input),
            cache_write: self.cache_write.max(other.cache_write),
        }
    }

    /// How many output tokens `nano` USD pay for.
    pub fn buys(&self, nano: i64) -> i64 {
        let pico = i128::from(nano) * PICO_PER_NANO;
        let tokens = pico.checked_div(i128::from(self.output));
        tokens.map_or(i64::MAX, |tokens| i64::try_from(tokens).unwrap_or(i64::MAX))
    }
}

fn product(tokens: i64, price: i64) -> i128 {
    i128::from(tokens) * i128::from(price)
}

fn nano(pico: i128) -> i64 {
    let nano = (pico + PICO_PER_NANO - 1) / PICO_PER_NANO;
    i64::try_from(nano).unwrap_or(i64::MAX)
}

/// Reads a decimal number of US dollars as micro-USD.
pub fn parse_usd(text: &str) -> Result<i64, InvalidPrice> {
    decimal(text, 6).ok_or(InvalidPrice)
}

/// Reads a decimal number of US dollars as nano-USD.
pub fn parse_nano_usd(text: &str) -> Result<i64, InvalidAmount> {
    decimal(text, 9).ok_or(InvalidAmount)
}

/// A non-negative decimal as a whole number of its last of `places` decimals.
fn decimal(text: &str, places: usize) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > places || !digits(whole) || !digits(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

/// Writes nano-USD as US dollars with at least two decimals and no trailing zeros beyond them.
pub fn format_usd(nano: i64) -> String {
    let text = format!(
        "{}.{:09}",
        nano / 1_000_000_000,
        (nano % 1_000_000_000).abs()
    );
    let shortest = text.trim_end_matches('0');
    let decimals = shortest.rsplit('.').next().unwrap_or_default().len();
    format!("{shortest}{}", "0".repeat(2_usize.saturating_sub(decimals)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PRICE: Price = Price {
        input: 150_000,
        output: 600_000,
        cached_input: 75_000,
        cache_write: 187_500,
    };

    #[test]
    fn dollars_are_read_exactly() {
        assert_eq!(parse_usd("0.15"), Ok(150_000));
        assert_eq!(parse_usd("15"), Ok(15_000_000));
        assert_eq!(parse_usd("0.000001"), Ok(1));
        for wrong in [
            "",
            ".5",
            "-1",
            "1e3",
            "0.0000001",
            "1,5",
            "9223372036854775807",
        ] {
            assert_eq!(parse_usd(wrong), Err(InvalidPrice), "{wrong}");
        }
        assert_eq!(parse_nano_usd("25"), Ok(25_000_000_000));
        assert_eq!(parse_nano_usd("0.000000001"), Ok(1));
        assert_eq!(parse_nano_usd("0.0000000001"), Err(InvalidAmount));
    }

    #[test]
    fn dollars_are_written_shortest_with_two_decimals() {
        assert_eq!(format_usd(0), "0.00");
        assert_eq!(format_usd(1_200_000), "0.0012");
        assert_eq!(format_usd(25_000_000_000), "25.00");
        assert_eq!(format_usd(1), "0.000000001");
    }

    #[test]
    fn each_kind_of_input_has_its_price_and_the_sum_is_rounded_up() {
        let usage = Usage {
            input: 1000,
            output: 10,
            total: 1010,
            cached_input: 200,
            cache_write: 300,
            ..Usage::default()
        };
        let pico = 500 * 150_000 + 200 * 75_000 + 300 * 187_500 + 10 * 600_000;
        assert_eq!(PRICE.cost(&usage), pico / 1000);
        let tiny = Usage {
            input: 1,
            total: 1,
            ..Usage::default()
        };
        let cheap = Price {
            input: 1,
            output: 1,
            cached_input: 1,
            cache_write: 1,
        };
        assert_eq!(cheap.cost(&tiny), 1);
    }

    #[test]
    fn tokens_that_only_the_total_counts_cost_as_output() {
        let usage = Usage {
            input: 10,
            output: 5,
            total: 115,
            ..Usage::default()
        };
        assert_eq!(PRICE.cost(&usage), (10 * 150_000 + 105 * 600_000) / 1000);
    }

    #[test]
    fn a_free_model_costs_nothing_and_any_money_buys_its_tokens() {
        let free = Price {
            input: 0,
            output: 0,
            cached_input: 0,
            cache_write: 0,
        };
        assert_eq!((free.most(1000, 1000), free.buys(0)), (0, i64::MAX));
    }

    proptest! {
        #[test]
        fn no_usage_within_what_is_held_costs_more_than_the_most(
            prompt in 0i64..1_000_000, most_output in 0i64..1_000_000,
            percent in [0i64..=100, 0i64..=100, 0i64..=100, 0i64..=100],
            prices in [0i64..100_000_000, 0i64..100_000_000, 0i64..100_000_000, 0i64..100_000_000],
        ) {
            let [input, output, cached_input, cache_write] = prices;
            let price = Price { input, output, cached_input, cache_write };
            let (input, output) = (prompt * percent[0] / 100, most_output * percent[1] / 100);
            let usage = Usage {
                input,
                output,
                total: input + output,
                cached_input: input * percent[2] / 100,
                cache_write: input * percent[3] / 100,
                ..Usage::default()
            };
            prop_assert!(price.cost(&usage) <= price.most(prompt, most_output));
        }

        #[test]
        fn what_money_buys_it_pays_for(nano in 0i64..1_000_000_000_000, output in 1i64..100_000_000) {
            let price = Price { input: 0, output, cached_input: 0, cache_write: 0 };
            let tokens = price.buys(nano);
            prop_assert!(price.most(0, tokens) <= nano && price.most(0, tokens + 1) > nano);
        }

        #[test]
        fn what_is_written_is_read_as_the_same(nano in 0i64..=i64::MAX) {
            prop_assert_eq!(parse_nano_usd(&format_usd(nano)), Ok(nano));
        }
    }
}
