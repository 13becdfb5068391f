//! What a command prints: JSON for scripts, tables and lines for people.

use std::io::{Write, stdout};

use serde::Serialize;

use crate::csv::cells;

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
}

/// Prints answers on stdout.
#[derive(Clone, Copy, Debug)]
pub(super) struct Printer {
    output: Output,
}

/// A list as scripts read it.
#[derive(Serialize)]
struct List<'a, T> {
    data: &'a [T],
}

/// A thing that has a line in a table.
pub(super) trait Row: Serialize {
    /// The names of its cells.
    const HEADER: &'static [&'static str];

    /// Its cells, as many as the header has.
    fn cells(&self) -> Vec<String>;
}

impl Printer {
    pub(super) fn new(output: Output) -> Self {
        Self { output }
    }

    pub(super) fn is_json(self) -> bool {
        self.output == Output::Json
    }

    /// Prints one answer, as `text` for people.
    pub(super) fn answer(
        self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        let line = if self.is_json() {
            serde_json::to_string(value)?
        } else {
            text()
        };
        Ok(writeln!(stdout(), "{}", line.trim_end())?)
    }

    /// Prints a list of things that know their cells.
    pub(super) fn list<T: Row>(self, rows: &[T]) -> anyhow::Result<()> {
        self.answer(&List { data: rows }, || {
            table(T::HEADER, rows.iter().map(Row::cells))
        })
    }

    /// Prints a list whose cells are the fields that `columns` name.
    pub(super) fn fields<T: Serialize>(self, rows: &[T], columns: &[&str]) -> anyhow::Result<()> {
        let cells: Result<Vec<_>, _> = rows.iter().map(|row| cells(row, columns)).collect();
        let cells = cells?;
        self.answer(&List { data: rows }, || table(columns, cells))
    }
}

/// Lines in columns as wide as their widest cell.
fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let header = header.iter().map(|name| name.to_uppercase()).collect();
    let lines: Vec<Vec<String>> = [header].into_iter().chain(rows).collect();
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    lines.iter().map(|line| padded(line, &widths)).collect()
}

/// One line whose cells are at least as wide as `widths`.
pub(super) fn padded(line: &[String], widths: &[usize]) -> String {
    let cells = line.iter().zip(widths);
    let cells = cells.map(|(cell, width)| format!("{cell:<width$}"));
    let line = cells.collect::<Vec<_>>().join("  ");
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let line = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        let text = table(&["name", "value"], [line("a", "1"), line("größer", "2")]);
        assert_eq!(text, "NAME    VALUE\na       1\ngrößer  2\n");
    }
}
