//! An instant. The page says it in UTC; `times.js` says it in the viewer's zone and keeps UTC for
//! those who point at it.

use askama::Template;

use crate::domain::time::Timestamp;

/// An instant, as a `<time>` element.
#[derive(Clone, Copy, Debug, Template)]
#[template(path = "components/time.html")]
pub struct Time {
    at: Timestamp,
    style: TimeStyle,
}

/// How an instant reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeStyle {
    /// As a distance: `3 minutes ago`, `in 4 days`.
    Relative,
    /// With date and time of day, to the second.
    Exact,
    /// The day only.
    Day,
}

impl Time {
    /// As a distance from now.
    pub fn relative(at: Timestamp) -> Self {
        Self {
            at,
            style: TimeStyle::Relative,
        }
    }

    /// To the second.
    pub fn exact(at: Timestamp) -> Self {
        Self {
            at,
            style: TimeStyle::Exact,
        }
    }

    /// The day.
    pub fn day(at: Timestamp) -> Self {
        Self {
            at,
            style: TimeStyle::Day,
        }
    }

    fn style(&self) -> &'static str {
        match self.style {
            TimeStyle::Relative => "relative",
            TimeStyle::Exact => "exact",
            TimeStyle::Day => "day",
        }
    }

    /// What is shown without a script.
    fn text(&self) -> String {
        let format = match self.style {
            TimeStyle::Day => "%-d %b %Y",
            TimeStyle::Relative => "%-d %b %Y, %H:%M UTC",
            TimeStyle::Exact => "%-d %b %Y, %H:%M:%S UTC",
        };
        self.at.datetime().format(format).to_string()
    }
}
