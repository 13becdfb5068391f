//! The shape of a series, small enough for a table's row.

use askama::Template;

const WIDTH: i64 = 100;
const HEIGHT: i64 = 24;
const MARGIN: i64 = 2;

/// A line without axes.
#[derive(Clone, Debug, Template)]
#[template(path = "components/sparkline.html")]
pub struct Sparkline {
    /// Oldest first.
    pub values: Vec<i64>,
    /// What it shows, such as `Requests in 14 days`.
    pub label: String,
}

impl Sparkline {
    /// Nothing happened.
    fn is_flat(&self) -> bool {
        self.values.len() < 2 || self.values.iter().all(|value| *value <= 0)
    }

    /// The line as the `points` of an SVG.
    fn points(&self) -> String {
        let most = i128::from(self.values.iter().copied().max().unwrap_or(0).max(1));
        let last = i64::try_from(self.values.len())
            .unwrap_or(i64::MAX)
            .saturating_sub(1)
            .max(1);
        let point = |(at, value): (i64, &i64)| {
            let rise = i128::from((*value).max(0)) * i128::from(HEIGHT - 2 * MARGIN) / most;
            let y = HEIGHT - MARGIN - i64::try_from(rise).unwrap_or(0);
            format!("{},{y}", at * WIDTH / last)
        };
        (0..)
            .zip(&self.values)
            .map(point)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(values: &[i64]) -> Sparkline {
        Sparkline {
            values: values.to_vec(),
            label: String::new(),
        }
    }

    #[test]
    fn a_line_spans_its_box_and_stays_inside() {
        assert_eq!(line(&[0, 5, 10]).points(), "0,22 50,12 100,2");
        assert_eq!(line(&[-5, i64::MAX]).points(), "0,22 100,2");
    }

    #[test]
    fn no_calls_are_a_flat_line() {
        assert!(line(&[]).is_flat() && line(&[0, 0]).is_flat() && !line(&[0, 1]).is_flat());
    }
}
