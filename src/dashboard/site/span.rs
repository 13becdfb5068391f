//! The span of time that a page looks at, as its address says it.

use std::time::Duration;

use super::query::{self, Query};
use crate::dashboard::components::{Chip, Control, Field};
use crate::domain::quota::Period;
use crate::domain::time::Timestamp;
use crate::store::usage::Group;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The most days that are drawn.
const LONGEST: usize = 366;

/// From when to when, and how that is cut.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// The first instant.
    pub(super) from: Timestamp,
    /// The first instant after it.
    pub(super) to: Timestamp,
    name: &'static str,
}

impl Span {
    /// What `query` asks for: a known range, or days of one's own, the last one included.
    pub(super) fn of(query: &Query, now: Timestamp, usual: &'static str) -> Self {
        let day = |name: &str| Timestamp::parse(&format!("{}T00:00:00Z", query.get(name)?));
        if let (Some(from), Some(last)) = (day("from"), day("to"))
            && from <= last
        {
            let to = last.plus(DAY).min(from.plus(DAY * 366));
            return Self { from, to, name: "" };
        }
        let name = match query.get("range") {
            Some("24h") => "24h",
            Some("7d") => "7d",
            Some("30d") => "30d",
            Some("month") => "month",
            _ => usual,
        };
        let from = match name {
            "24h" => now.minus(HOUR * 23),
            "7d" => Period::Day.start(now).minus(DAY * 6),
            "month" => Period::Month.start(now),
            _ => Period::Day.start(now).minus(DAY * 29),
        };
        Self {
            from,
            to: now,
            name,
        }
    }

    /// By what its rows are cut.
    pub(super) fn group(&self) -> Group {
        if self.by_hour() {
            Group::Hour
        } else {
            Group::Day
        }
    }

    /// What a row is.
    pub(super) fn row(&self) -> &'static str {
        if self.by_hour() {
            "Hour, UTC"
        } else {
            "Day, UTC"
        }
    }

    /// The beginnings of its rows, oldest first.
    pub(super) fn rows(&self) -> Vec<Timestamp> {
        let (step, mut at) = if self.by_hour() {
            (HOUR, crate::store::usage::hour(self.from))
        } else {
            (DAY, Period::Day.start(self.from))
        };
        let mut rows = Vec::new();
        while at < self.to && rows.len() < LONGEST {
            rows.push(at);
            at = at.plus(step);
        }
        rows
    }

    /// How a row reads.
    pub(super) fn label(&self, row: Timestamp) -> String {
        let format = if self.by_hour() && self.to.since(self.from) > DAY {
            "%-d %b, %H:%M"
        } else if self.by_hour() {
            "%H:%M"
        } else {
            "%-d %b"
        };
        row.datetime().format(format).to_string()
    }

    /// The ways to the known ranges; `kept` is what else the address holds.
    pub(super) fn chips<'a>(&self, path: &str, kept: &[(&'a str, &'a str)]) -> Vec<Chip> {
        let names = [
            ("24 h", "24h"),
            ("7 d", "7d"),
            ("30 d", "30d"),
            ("This month", "month"),
        ];
        let chip = |(title, name): (&str, &'static str)| Chip {
            name: title.to_owned(),
            address: query::address(path, kept.iter().copied().chain([("range", name)])),
            count: None,
            is_on: self.name == name,
        };
        names.map(chip).to_vec()
    }

    /// The first and the last day, to be edited.
    pub(super) fn days(&self) -> (Field, Field) {
        let day = |label, name, at: Timestamp| {
            let value = at.datetime().format("%Y-%m-%d").to_string();
            Field::new(label, name)
                .by(Control::Line("date"))
                .value(value)
                .required()
        };
        let last = self.to.minus(Duration::from_micros(1));
        (day("From", "from", self.from), day("to", "to", last))
    }

    /// What of an address says it.
    pub(super) fn pairs(query: &Query) -> Vec<(&'static str, &str)> {
        let names = ["range", "from", "to"];
        names
            .iter()
            .filter_map(|name| Some((*name, query.get(name)?)))
            .collect()
    }

    fn by_hour(&self) -> bool {
        self.to.since(self.from) <= DAY * 2
    }
}
