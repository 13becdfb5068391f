//! Usage over time as a chart and as figures.

use std::collections::{BTreeMap, HashMap};

use super::query;
use super::span::Span;
use crate::dashboard::components::{
    Change, Chart, ChartKind, Chip, Series, Sparkline, Stat, Told, Unit,
};
use crate::dashboard::format::{compact, hundredths, money, percent};
use crate::domain::price::parse_nano_usd;
use crate::domain::quota;
use crate::domain::time::Timestamp;
use crate::management::usage::{Largest, Totals, UsageReport, UsageView};
use crate::store::usage::Group;

/// Groups that are drawn by themselves, each in a colour of its own; the others are one, and grey.
const MOST: u16 = 6;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Tokens,
    Requests,
    Cost,
}

impl Measure {
    const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Tokens, "Tokens", "tokens"),
        (Self::Requests, "Requests", "requests"),
        (Self::Cost, "Cost", "cost"),
    ];

    /// What an address asks for.
    pub(super) fn of(name: Option<&str>) -> Self {
        let found = Self::ALL.iter().find(|(_, _, own)| Some(*own) == name);
        found.map_or(Self::Tokens, |(measure, ..)| *measure)
    }

    /// Its name for people.
    pub(super) fn title(self) -> &'static str {
        let found = Self::ALL.iter().find(|(measure, ..)| *measure == self);
        found.map_or("", |(_, title, _)| *title)
    }

    /// The ways to all of them.
    pub(super) fn chips<'a>(self, path: &str, kept: &[(&'a str, &'a str)]) -> Vec<Chip> {
        let chip = |(measure, title, name): (Self, &str, &'static str)| Chip {
            name: title.to_owned(),
            address: query::address(path, kept.iter().copied().chain([("measure", name)])),
            count: None,
            is_on: measure == self,
        };
        Self::ALL.map(chip).to_vec()
    }

    /// So much of it.
    pub(super) fn value(self, numbers: &Totals) -> i64 {
        match self {
            Self::Tokens => numbers.total_tokens,
            Self::Requests => numbers.requests,
            Self::Cost => cost(numbers),
        }
    }

    /// What budgets call it.
    pub(super) fn counted(self) -> quota::Unit {
        match self {
            Self::Tokens => quota::Unit::Tokens,
            Self::Requests => quota::Unit::Requests,
            Self::Cost => quota::Unit::NanoUsd,
        }
    }

    /// What a chart of it by `by` names.
    pub(super) fn drawn(self, by: Group) -> Largest {
        Largest {
            by,
            unit: self.counted(),
            most: MOST,
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Tokens => Unit::Tokens,
            Self::Requests => Unit::Requests,
            Self::Cost => Unit::Usd,
        }
    }
}

/// What it cost, in nano-USD.
pub(super) fn cost(numbers: &Totals) -> i64 {
    parse_nano_usd(&numbers.cost_usd).unwrap_or(0)
}

/// A chart of `rows`, one series a group; the largest are named, and those without a name are others.
pub(super) fn chart(
    rows: &[UsageView],
    span: &Span,
    measure: Measure,
    title: String,
    kind: ChartKind,
    name: impl Fn(&UsageView) -> Option<String>,
) -> Chart {
    let times = span.rows();
    // Names are not unique: what a row is of tells groups apart.
    let mut groups: BTreeMap<_, HashMap<Timestamp, i64>> = BTreeMap::new();
    let mut others: HashMap<Timestamp, i64> = HashMap::new();
    for row in rows {
        let (Some(at), value) = (begin(row), measure.value(&row.numbers)) else {
            continue;
        };
        let values = match name(row) {
            Some(name) => groups
                .entry((name, row.key_id, row.project_id))
                .or_default(),
            None => &mut others,
        };
        add(values, at, value);
    }
    let groups = groups.into_iter();
    let mut groups: Vec<_> = groups.map(|((name, ..), values)| (name, values)).collect();
    groups.sort_by_key(|(_, values)| std::cmp::Reverse(values.values().sum::<i64>()));
    let small = groups.split_off(groups.len().min(usize::from(MOST)));
    for (at, value) in small.into_iter().flat_map(|(_, values)| values) {
        add(&mut others, at, value);
    }
    if !others.is_empty() {
        groups.push(("Others".to_owned(), others));
    }
    let series = |(name, values): (String, HashMap<Timestamp, i64>)| Series {
        name,
        values: times
            .iter()
            .map(|at| values.get(at).copied().unwrap_or(0))
            .collect(),
    };
    Chart {
        id: "usage",
        title,
        kind,
        unit: measure.unit(),
        row: span.row(),
        series: groups.into_iter().map(series).collect(),
        labels: times.iter().map(|at| span.label(*at)).collect(),
    }
}

fn add(values: &mut HashMap<Timestamp, i64>, at: Timestamp, value: i64) {
    let sum = values.entry(at).or_default();
    *sum = sum.saturating_add(value);
}

/// Requests, tokens, cost and errors, against the span before.
pub(super) fn stats(report: &UsageReport, span: &Span) -> Vec<Stat> {
    let (now, before) = (&report.totals, &report.previous);
    let stat = |label, value: String, part: fn(&Totals) -> i64| Stat {
        label,
        value,
        change: Some(Change {
            before: part(before),
            now: part(now),
            is_bad_when_more: false,
            told: Told::AsPart,
        }),
        sparkline: Sparkline {
            values: course(report, span, part),
            label: format!("{label} in this time"),
        },
    };
    let rate = |numbers: &Totals| hundredths(numbers.errors, numbers.requests);
    let mut errors = stat("Error rate", percent(now.errors, now.requests), rate);
    errors.change = errors.change.filter(|_| before.requests > 0);
    if let Some(change) = &mut errors.change {
        (change.is_bad_when_more, change.told) = (true, Told::InPoints);
    }
    vec![
        stat("Requests", compact(now.requests), |part| part.requests),
        stat("Tokens", compact(now.total_tokens), |part| {
            part.total_tokens
        }),
        stat("Cost", money(cost(now)), cost),
        errors,
    ]
}

/// `part` of each of the span's rows.
fn course(report: &UsageReport, span: &Span, part: fn(&Totals) -> i64) -> Vec<i64> {
    let rows = report.data.iter();
    let rows: HashMap<_, _> = rows
        .filter_map(|row| Some((begin(row)?, part(&row.numbers))))
        .collect();
    let times = span.rows().into_iter();
    times
        .map(|at| rows.get(&at).copied().unwrap_or(0))
        .collect()
}

/// The name of a row's key; none where it is of all others.
pub(super) fn key_name(row: &UsageView) -> Option<String> {
    let name = || row.key_name.clone().unwrap_or_else(|| "Unknown".to_owned());
    row.key_id.map(|_| name())
}

/// When a row begins.
fn begin(row: &UsageView) -> Option<Timestamp> {
    let day = row.day.as_deref();
    row.hour
        .or_else(|| Timestamp::parse(&format!("{}T00:00:00Z", day?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_and_the_others_have_a_colour_of_their_own() {
        let tokens = include_str!("../assets/css/tokens.css");
        let rules = include_str!("../assets/css/figures.css");
        let colour = |at| {
            let (_, rest) = tokens.split_once(&format!("--series-{at}: ")).unwrap();
            rest.lines().next().unwrap()
        };
        let mut colours: Vec<_> = (0..=MOST).map(colour).collect();
        colours.sort_unstable();
        colours.dedup();
        assert_eq!(colours.len(), usize::from(MOST) + 1);
        for at in 0..MOST {
            let swatch = format!("[data-series=\"{at}\"] {{ background: var(--series-{at}); }}");
            assert!(rules.contains(&swatch), "{swatch}");
        }
        let others = format!("background: var(--series-{MOST}); }}");
        assert_eq!(rules.matches(&others).count(), 1);
        let drawn = include_str!("../assets/js/charts.js");
        assert!(drawn.contains(&format!("Math.min(at, {MOST})")));
    }
}
