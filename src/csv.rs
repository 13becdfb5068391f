//! Lines of CSV that spreadsheets may open: what would be a formula to them stays text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

/// The fields of `row` that `columns` name, as text; a missing one is empty.
pub fn cells(row: &impl Serialize, columns: &[&str]) -> serde_json::Result<Vec<String>> {
    let row = serde_json::to_value(row)?;
    let text = |column: &&str| match row.get(*column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    Ok(columns.iter().map(text).collect())
}

/// Writes one line of CSV.
pub fn write_csv(out: &mut impl Write, cells: &[impl AsRef<str>]) -> io::Result<()> {
    let cells = cells.iter().map(|cell| csv_cell(cell.as_ref()));
    let cells: Vec<String> = cells.collect();
    writeln!(out, "{}", cells.join(","))
}

/// A spreadsheet takes a cell that begins with certain characters for a formula and would run it; a
/// quote in front keeps it text.
fn csv_cell(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    if cell.contains([',', '"', '\n', '\r']) {
        return format!("\"{guard}{}\"", cell.replace('"', "\"\""));
    }
    format!("{guard}{cell}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_cells_in_the_order_of_the_columns() {
        let row = serde_json::json!({"b": 2, "a": "x", "c": null});
        assert_eq!(
            cells(&row, &["a", "b", "c", "d"]).unwrap(),
            ["x", "2", "", ""]
        );
    }

    #[test]
    fn csv_quotes_what_needs_it_and_disarms_formulas() {
        let mut out = Vec::new();
        let cells = ["plain", "a,b", "say \"x\"", "=1+1", "-1,2", ""];
        write_csv(&mut out, &cells).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line, "plain,\"a,b\",\"say \"\"x\"\"\",'=1+1,\"'-1,2\",\n");
    }
}
