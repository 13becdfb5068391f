//! One figure that tells how things go, with what it was before.

use askama::Template;

use super::{Icon, Sparkline};
use crate::dashboard::format;

/// A figure with its change and its course.
#[derive(Clone, Debug, Template)]
#[template(path = "components/stat.html")]
pub struct Stat {
    /// What is counted.
    pub label: &'static str,
    /// How much, with its unit.
    pub value: String,
    /// Against the period before; `None` if there was none.
    pub change: Option<Change>,
    /// How it went.
    pub sparkline: Sparkline,
}

/// From one period to the next.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// In the period before.
    pub before: i64,
    /// In this one.
    pub now: i64,
    /// More is worse, as with errors.
    pub is_bad_when_more: bool,
    /// How it is told.
    pub told: Told,
}

/// How a change is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// As a part of what was before.
    AsPart,
    /// In percentage points; both are hundredths of a percent. A part of a percentage would be read as
    /// points.
    InPoints,
}

impl Change {
    fn is_more(&self) -> bool {
        self.now > self.before
    }

    fn tone(&self) -> &'static str {
        match (
            self.now == self.before,
            self.is_bad_when_more,
            self.is_more(),
        ) {
            (false, true, true) => "bad",
            (false, true, false) => "good",
            _ => "plain",
        }
    }

    /// It is told by a number.
    fn is_counted(&self) -> bool {
        self.now != self.before && (self.before > 0 || self.told == Told::InPoints)
    }

    fn text(&self) -> String {
        match self.now.saturating_sub(self.before) {
            0 => "As before".to_owned(),
            by if self.told == Told::InPoints => format::points(by.saturating_abs()),
            _ if self.before <= 0 => "None before".to_owned(),
            by => format::percent(by.saturating_abs(), self.before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_against_what_was_before() {
        for (before, now, text, tone) in [
            (100, 112, "12%", "bad"),
            (100, 50, "50%", "good"),
            (7, 7, "As before", "plain"),
            (0, 7, "None before", "bad"),
        ] {
            let change = Change {
                before,
                now,
                is_bad_when_more: true,
                told: Told::AsPart,
            };
            assert_eq!((change.text().as_str(), change.tone()), (text, tone));
        }
    }

    #[test]
    fn a_change_of_a_share_is_told_in_points() {
        for (before, now, text, tone) in [
            (180, 200, "0.2 points", "bad"),
            (0, 100, "1 point", "bad"),
            (200, 199, "<0.1 points", "good"),
            (70, 70, "As before", "plain"),
        ] {
            let change = Change {
                before,
                now,
                is_bad_when_more: true,
                told: Told::InPoints,
            };
            assert_eq!((change.text().as_str(), change.tone()), (text, tone));
            assert_eq!(change.is_counted(), tone != "plain");
        }
    }
}
