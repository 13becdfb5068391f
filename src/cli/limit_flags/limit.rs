//! The value of one limit flag.

use std::str::FromStr;

use crate::domain::limits::{LARGEST_AMOUNT, LARGEST_BUDGET};
use crate::domain::price::parse_nano_usd;

/// What a flag makes of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit<T> {
    /// There is none any more.
    Remove,
    /// It is this.
    Set(T),
}

impl<T> Limit<T> {
    /// What becomes of `old` with this flag, if it is there.
    pub(super) fn over(flag: Option<Self>, old: Option<T>) -> Option<T> {
        match flag {
            Some(Self::Set(value)) => Some(value),
            Some(Self::Remove) => None,
            None => old,
        }
    }
}

impl<T: FromStr + TryInto<i64> + Copy> FromStr for Limit<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Remove);
        }
        let number = text.replace('_', "").parse::<T>().ok();
        let fits = |number: &T| {
            let number = (*number).try_into();
            number.is_ok_and(|number| (0..=LARGEST_AMOUNT).contains(&number))
        };
        let number = number.filter(fits).map(Self::Set);
        number.ok_or_else(|| "write a whole number that is not too large, or none".to_owned())
    }
}

/// A limit in US dollars, as nano-USD.
pub(super) fn usd(text: &str) -> Result<Limit<i64>, String> {
    if text == "none" {
        return Ok(Limit::Remove);
    }
    let amount = parse_nano_usd(&text.replace('_', "")).ok();
    let amount = amount.filter(|nano| *nano <= LARGEST_BUDGET);
    let amount = amount.map(Limit::Set);
    amount.ok_or_else(|| "write US dollars such as 25.00, at most a billion, or none".to_owned())
}
