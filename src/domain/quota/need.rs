//! How much a call holds of what is left, so that budgets are hard without being early.

use super::Unit;
use crate::domain::price::Price;

/// What a call asks of the budgets that cover it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The most tokens its prompt can have.
    pub prompt: i64,
    /// How many completions it asks for.
    pub choices: i64,
    /// Output tokens per completion: what the client asked, else the model's maximum.
    pub cap: i64,
    /// What its tokens cost; budgets of money cannot cover a call without it.
    pub price: Option<Price>,
}

/// How a limited budget stands when a call arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it counts.
    pub unit: Unit,
    /// What the period allows.
    pub amount: i64,
    /// What is neither used nor held.
    pub left: i64,
    /// Holds open on it.
    pub open: i64,
}

impl Need {
    /// What the call holds of a budget of `unit`, with `cap` output tokens per completion.
    pub fn hold(&self, unit: Unit, cap: i64) -> i64 {
        let output = self.choices.saturating_mul(cap);
        match unit {
            Unit::Tokens => self.prompt.saturating_add(output),
            Unit::Requests => 1,
            Unit::NanoUsd => self
                .price
                .map_or(0, |price| price.most(self.prompt, output)),
        }
    }

    /// Whether a limited budget of `unit` cannot tell what the call takes from it.
    pub fn is_unpriced(&self, unit: Unit) -> bool {
        unit == Unit::NanoUsd && self.price.is_none()
    }

    /// The output cap that leaves room for others on `standing`: what was asked if that fits its
    /// share, else the share, but never below the floor and never above what was asked.
    pub fn cap_within(&self, standing: &Standing) -> i64 {
        let share = standing.left / standing.open.saturating_add(2);
        let after_prompt = standing.left.saturating_sub(self.hold(standing.unit, 0));
        let output = self.output_for(standing.unit, share.min(after_prompt));
        let Some(fair) = output.checked_div(self.choices) else {
            return self.cap;
        };
        let floor = self.floor(standing.unit, standing.amount);
        fair.max(floor).min(self.cap)
    }

    /// The smallest cap that is still worth sending on a budget of `amount`.
    pub fn floor(&self, unit: Unit, amount: i64) -> i64 {
        let small = self.output_for(unit, amount / 64);
        self.cap.min(1024).min(small.max(128))
    }

    /// Whether the call could never run on a budget of `amount` with `used` of it gone, even with
    /// every open hold given back unused.
    pub fn is_hopeless(&self, unit: Unit, amount: i64, used: i64) -> bool {
        used.saturating_add(self.hold(unit, self.floor(unit, amount))) > amount
    }

    /// Whether the prompt takes so much of what is left that a closer bound on it is worth its price.
    pub fn is_prompt_large(&self, standing: &Standing) -> bool {
        self.hold(standing.unit, 0) > standing.left / 16
    }

    /// Whether the call would fit if its prompt took nothing.
    pub fn could_fit(&self, standing: &Standing) -> bool {
        let empty = Self { prompt: 0, ..*self };
        let floor = empty.floor(standing.unit, standing.amount);
        empty.hold(standing.unit, floor) <= standing.left
    }

    /// How many output tokens `room` in a budget of `unit` is enough for.
    fn output_for(&self, unit: Unit, room: i64) -> i64 {
        match unit {
            Unit::Tokens => room,
            Unit::Requests => i64::MAX,
            Unit::NanoUsd => self.price.map_or(i64::MAX, |price| price.buys(room)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A dollar a million tokens in, two out: a microdollar buys half a token.
    const PRICE: Price = Price {
        input: 1_000_000,
        output: 2_000_000,
        cached_input: 500_000,
        cache_write: 1_250_000,
    };

    fn need(prompt: i64, choices: i64, cap: i64) -> Need {
        Need {
            prompt,
            choices,
            cap,
            price: Some(PRICE),
        }
    }

    fn standing(unit: Unit, amount: i64, left: i64, open: i64) -> Standing {
        Standing {
            unit,
            amount,
            left,
            open,
        }
    }

    #[test]
    fn a_cap_that_fits_its_share_is_left_alone() {
        let standing = standing(Unit::Tokens, 100_000, 100_000, 3);
        assert_eq!(need(100, 1, 1000).cap_within(&standing), 1000);
    }

    #[test]
    fn an_open_ended_call_shrinks_to_its_share() {
        let standing = standing(Unit::Tokens, 30_000, 30_000, 1);
        assert_eq!(need(100, 2, 16_384).cap_within(&standing), 5000);
    }

    #[test]
    fn a_cap_never_shrinks_below_the_floor() {
        let standing = standing(Unit::Tokens, 64_000, 500, 9);
        assert_eq!(need(10, 1, 16_384).cap_within(&standing), 1000);
        assert_eq!(need(10, 1, 100).cap_within(&standing), 100);
    }

    #[test]
    fn a_prompt_that_takes_more_than_half_still_runs() {
        let need = need(700, 1, 16_384);
        let standing = standing(Unit::Tokens, 1000, 1000, 0);
        assert_eq!(need.cap_within(&standing), 300);
        assert!(!need.is_hopeless(Unit::Tokens, 1000, 0));
        assert!(need.is_hopeless(Unit::Tokens, 1000, 200));
    }

    #[test]
    fn money_is_held_for_the_dearest_prompt_and_the_whole_output() {
        let need = need(1000, 2, 100);
        assert_eq!(need.hold(Unit::NanoUsd, 100), 1000 * 1250 + 2 * 100 * 2000);
        assert_eq!(need.hold(Unit::Tokens, 100), 1200);
        assert_eq!(need.hold(Unit::Requests, 100), 1);
    }

    #[test]
    fn a_cap_shrinks_to_what_the_share_of_money_buys() {
        let cent = standing(Unit::NanoUsd, 10_000_000, 10_000_000, 0);
        assert_eq!(need(100, 1, 16_384).cap_within(&cent), 2500);
        assert_eq!(need(100, 2, 16_384).cap_within(&cent), 1250);
        let spent = Standing { left: 0, ..cent };
        assert_eq!(need(100, 1, 16_384).cap_within(&spent), 128);
    }

    #[test]
    fn a_call_without_a_price_has_no_place_in_a_budget_of_money() {
        let unpriced = Need {
            price: None,
            ..need(1, 1, 1)
        };
        assert!(unpriced.is_unpriced(Unit::NanoUsd));
        assert!(!unpriced.is_unpriced(Unit::Tokens));
        assert!(!need(1, 1, 1).is_unpriced(Unit::NanoUsd));
    }

    #[test]
    fn a_prompt_is_large_beyond_a_sixteenth_of_what_is_left() {
        let need = need(1000, 1, 500);
        let tokens = |left| standing(Unit::Tokens, 100_000, left, 0);
        assert!(!need.is_prompt_large(&tokens(16_000)));
        assert!(need.is_prompt_large(&tokens(15_984)));
        assert!(need.is_prompt_large(&standing(Unit::NanoUsd, 100_000_000, 19_999_984, 0)));
        assert!(!need.is_prompt_large(&standing(Unit::NanoUsd, 100_000_000, 20_000_000, 0)));
    }

    #[test]
    fn a_call_that_would_not_fit_without_its_prompt_fits_by_no_bound() {
        let need = need(1000, 1, 500);
        assert!(need.could_fit(&standing(Unit::Tokens, 100_000, 500, 0)));
        assert!(!need.could_fit(&standing(Unit::Tokens, 100_000, 499, 0)));
        assert!(!need.could_fit(&standing(Unit::Requests, 5, 0, 5)));
    }

    proptest! {
        #[test]
        fn on_an_idle_budget_a_call_fits_or_is_hopeless(
            prompt in 0i64..5000, choices in 0i64..5, cap in 1i64..20_000,
            amount in 0i64..50_000, used in 0i64..50_000,
            unit in prop_oneof![Just(Unit::Tokens), Just(Unit::Requests), Just(Unit::NanoUsd)],
        ) {
            let need = need(prompt, choices, cap);
            let scale = if unit == Unit::NanoUsd { 1777 } else { 1 };
            let (amount, used) = (amount * scale, (used * scale).min(amount * scale));
            let left = amount - used;
            let cap = need.cap_within(&standing(unit, amount, left, 0));
            prop_assert_eq!(need.hold(unit, cap) > left, need.is_hopeless(unit, amount, used));
        }
    }
}
