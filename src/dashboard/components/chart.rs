//! A chart is a table first. `charts.js` reads the table and draws it; who runs no script, or does
//! not see, reads the table itself.

use askama::Template;

use super::Unit;

/// A table over time that can be drawn.
#[derive(Clone, Debug, Template)]
#[template(path = "components/chart.html")]
pub struct Chart {
    /// Tells two charts of a page apart.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// How it is drawn.
    pub kind: ChartKind,
    /// What its numbers count.
    pub unit: Unit,
    /// What a row is: `Day`, `Hour`, `Key`.
    pub row: &'static str,
    /// The rows, oldest first.
    pub labels: Vec<String>,
    /// The columns; each has one value a row.
    pub series: Vec<Series>,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Series {
    /// Whose it is: a model, a key.
    pub name: String,
    /// One value a row.
    pub values: Vec<i64>,
}

/// How a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// Bars on top of each other: parts of a whole.
    Stacked,
    /// Lines beside each other: things to compare.
    Lines,
}

impl Chart {
    fn kind(&self) -> &'static str {
        match self.kind {
            ChartKind::Stacked => "stacked",
            ChartKind::Lines => "lines",
        }
    }

    /// The rows: a label, and the value and text of each column.
    fn rows(&self) -> Vec<(&str, Vec<(i64, String)>)> {
        let cell = |series: &Series, at| {
            let value = series.values.get(at).copied().unwrap_or(0);
            (value, self.unit.short(value))
        };
        let cells = |at| self.series.iter().map(|series| cell(series, at)).collect();
        let rows = self.labels.iter().enumerate();
        rows.map(|(at, label)| (label.as_str(), cells(at)))
            .collect()
    }

    fn total(&self, series: &Series) -> String {
        let sum = series
            .values
            .iter()
            .fold(0_i64, |sum, value| sum.saturating_add(*value));
        self.unit.short(sum)
    }
}
