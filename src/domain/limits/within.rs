//! Whether limits stay within others: what someone may grant who has no more themselves.

use super::Limits;
use crate::domain::quota::Period;

impl Limits {
    /// The fields that allow more than `bound` does. One that is not set allows nothing of its own:
    /// `bound` holds.
    pub fn above(&self, bound: &Self) -> Vec<&'static str> {
        let numbers = [
            (
                "requests_per_minute",
                self.requests_per_minute,
                bound.requests_per_minute,
            ),
            (
                "tokens_per_minute",
                self.tokens_per_minute,
                bound.tokens_per_minute,
            ),
            (
                "requests_per_day",
                self.requests_per_day,
                bound.requests_per_day,
            ),
            ("concurrency", self.concurrency, bound.concurrency),
        ];
        let numbers = numbers.into_iter();
        let numbers = numbers.filter(|(_, own, bound)| is_above(*own, *bound));
        let quota = |limits: &Self| limits.quota.map(|quota| (quota.period, quota.amount));
        let budget = |limits: &Self| {
            limits
                .budget
                .map(|budget| (budget.period, budget.amount_nano))
        };
        let amounts = [
            ("quota.amount", quota(self), quota(bound)),
            ("budget.amount_usd", budget(self), budget(bound)),
        ];
        let amounts = amounts.into_iter();
        let amounts = amounts.filter(|(_, own, bound)| allows_more(*own, *bound));
        let numbers = numbers.map(|(field, ..)| field);
        numbers.chain(amounts.map(|(field, ..)| field)).collect()
    }
}

fn is_above<T: PartialOrd>(own: Option<T>, bound: Option<T>) -> bool {
    own.zip(bound).is_some_and(|(own, bound)| own > bound)
}

/// Over a longer period more may be right: the bound starts anew several times in it.
fn allows_more(own: Option<(Period, i64)>, bound: Option<(Period, i64)>) -> bool {
    own.zip(bound)
        .is_some_and(|(own, bound)| own.1 > bound.1 && length(own.0) <= length(bound.0))
}

/// The order of periods by their length.
fn length(period: Period) -> u8 {
    match period {
        Period::Day => 0,
        Period::Week => 1,
        Period::Month => 2,
        Period::None => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(json: &str) -> Limits {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_field_that_allows_more_is_named() {
        let bound = limits(
            r#"{"requests_per_minute":60,"concurrency":0,"quota":{"amount":100,"period":"week"},
            "budget":{"amount_usd":"5","period":"month"}}"#,
        );
        let own = limits(
            r#"{"requests_per_minute":61,"tokens_per_minute":9,"concurrency":1,
            "quota":{"amount":101,"period":"day"},"budget":{"amount_usd":"5.01","period":"month"}}"#,
        );
        let fields = [
            "requests_per_minute",
            "concurrency",
            "quota.amount",
            "budget.amount_usd",
        ];
        assert_eq!(own.above(&bound), fields);
    }

    #[test]
    fn what_is_no_more_or_not_set_is_within() {
        let bound = limits(r#"{"concurrency":3,"quota":{"amount":100,"period":"day"}}"#);
        for own in [
            "{}",
            r#"{"concurrency":3}"#,
            r#"{"quota":{"amount":100,"period":"day"}}"#,
            r#"{"quota":{"amount":3000,"period":"month"}}"#,
            r#"{"requests_per_day":1000000}"#,
        ] {
            assert_eq!(limits(own).above(&bound), [""; 0], "{own}");
        }
    }
}
