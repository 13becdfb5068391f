//! What a call costs, in integers: prices are micro-USD per million tokens, costs nano-USD. A token
//! times such a price is a pico-USD, so nothing is lost until the one rounding up at the end.

use super::usage::Usage;

const MICRO_USD: i64 = 1_000_000;
const PICO_PER_NANO: i128 = 1_000;

/// A model's prices in micro-USD per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Input tokens that were not served from a cache.
    pub input: i64,
    /// Output tokens, reasoning included.
    pub output: i64,
    /// Input tokens served from the provider's cache.
    pub cached_input: i64,
}

/// A price that is no non-negative decimal with at most six places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a price is written in USD per million tokens, such as \"0.15\", with at most six decimals"
)]
pub struct InvalidPrice;

impl Price {
    /// The cost of `usage` in nano-USD, rounded up.
    pub fn cost(&self, usage: &Usage) -> i64 {
        let cached = usage.cached_input.clamp(0, usage.input);
        let pico = product(usage.input - cached, self.input)
            + product(cached, self.cached_input)
            + product(usage.output, self.output);
        let nano = (pico + PICO_PER_NANO - 1) / PICO_PER_NANO;
        i64::try_from(nano).unwrap_or(i64::MAX)
    }
}

fn product(tokens: i64, price: i64) -> i128 {
    i128::from(tokens) * i128::from(price)
}

/// Reads a decimal number of US dollars as micro-USD.
pub fn parse_usd(text: &str) -> Result<i64, InvalidPrice> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
        return Err(InvalidPrice);
    }
    let micro: i64 = format!("{fraction:0<6}")
        .parse()
        .map_err(|_| InvalidPrice)?;
    let dollars: i64 = whole.parse().map_err(|_| InvalidPrice)?;
    let total = dollars
        .checked_mul(MICRO_USD)
        .and_then(|usd| usd.checked_add(micro));
    total.ok_or(InvalidPrice)
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
    }

    #[test]
    fn dollars_are_written_shortest_with_two_decimals() {
        assert_eq!(format_usd(0), "0.00");
        assert_eq!(format_usd(1_200_000), "0.0012");
        assert_eq!(format_usd(25_000_000_000), "25.00");
        assert_eq!(format_usd(1), "0.000000001");
    }

    #[test]
    fn cached_input_has_its_own_price_and_the_sum_is_rounded_up() {
        let price = Price {
            input: 150_000,
            output: 600_000,
            cached_input: 75_000,
        };
        let usage = Usage {
            input: 1000,
            output: 10,
            total: 1010,
            cached_input: 200,
            ..Usage::default()
        };
        assert_eq!(
            price.cost(&usage),
            (800 * 150_000 + 200 * 75_000 + 10 * 600_000) / 1000
        );
        let tiny = Usage {
            input: 1,
            total: 1,
            ..Usage::default()
        };
        let cheap = Price {
            input: 1,
            output: 1,
            cached_input: 1,
        };
        assert_eq!(cheap.cost(&tiny), 1);
    }
}
