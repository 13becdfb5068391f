//! Points in time as people give them to commands.

use std::str::FromStr;
use std::time::Duration;

use super::failure::UsageError;
use crate::domain::time::Timestamp;

/// `--expires`: from now, at a time, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    Never,
    After(Duration),
    At(Timestamp),
}

/// `--from` and `--to`: a time, or the start of a day (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(pub(super) Timestamp);

/// `--grace`: a span, or `0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grace(pub(super) Duration);

/// Refuses a range that ends before it begins: it would read as nothing at all.
pub(super) fn check_range(from: Option<Moment>, to: Option<Moment>) -> Result<(), UsageError> {
    match (from, to) {
        (Some(Moment(from)), Some(Moment(to))) if from >= to => {
            let rule = "--from lies behind --to; exchange them";
            Err(UsageError(rule.to_owned()))
        }
        _ => Ok(()),
    }
}

impl Expiry {
    pub(super) fn resolve(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::After(span) => Some(now.plus(span)),
            Self::At(time) => Some(time),
        }
    }
}

impl FromStr for Expiry {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self::Never);
        }
        if let Some(time) = Timestamp::parse(text) {
            return Ok(Self::At(time));
        }
        let span = humantime::parse_duration(text).map(Self::After);
        span.map_err(|_| "write a span such as 30d, a time such as 2027-01-31T00:00:00Z, or none")
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = Timestamp::parse(text);
        let time = time.or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
        let expected = "write a day such as 2026-12-01 or a time such as 2026-12-01T09:00:00Z";
        time.map(Self).ok_or(expected)
    }
}

impl FromStr for Grace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if matches!(text, "0" | "none") {
            return Ok(Self(Duration::ZERO));
        }
        let span = humantime::parse_duration(text).map(Self);
        span.map_err(|_| "write a span such as 24h, or 0 to end the old secret now")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_span_a_time_or_none() {
        let now = Timestamp::parse("2026-12-01T00:00:00Z").unwrap();
        let expiry = |text: &str| text.parse::<Expiry>().map(|expiry| expiry.resolve(now));
        assert_eq!(expiry("none"), Ok(None));
        assert_eq!(expiry("30d"), Ok(Timestamp::parse("2026-12-31T00:00:00Z")));
        let time = "2027-01-31T12:00:00+02:00";
        assert_eq!(expiry(time), Ok(Timestamp::parse(time)));
        for text in ["", "30", "soon", "2027-01-31", "-3d"] {
            assert!(expiry(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_means_its_start_in_utc() {
        let start = Timestamp::parse("2026-12-01T00:00:00Z").unwrap();
        assert_eq!("2026-12-01".parse(), Ok(Moment(start)));
        assert!("2026-13-01".parse::<Moment>().is_err());
    }

    #[test]
    fn a_grace_can_be_nothing() {
        assert_eq!("0".parse(), Ok(Grace(Duration::ZERO)));
        assert_eq!("24h".parse(), Ok(Grace(Duration::from_hours(24))));
        assert!("24".parse::<Grace>().is_err());
    }
}
