//! Usage as a table.

use uuid::Uuid;

use super::Asked;
use crate::dashboard::components::{Column, Head};
use crate::dashboard::format::{compact, grouped, money, percent};
use crate::dashboard::pages::UsageRow;
use crate::dashboard::paths;
use crate::dashboard::site::charts;
use crate::management::usage::{Totals, UsageView};
use crate::store::usage::Group;

/// Its columns.
pub(super) fn head(by: &str) -> Head {
    let first = match by {
        "key" => "Key",
        "project" => "Project",
        "day" => "Day",
        _ => "Model",
    };
    let numbers = [
        "Requests",
        "Errors",
        "Input",
        "Output",
        "Tokens",
        "Estimated",
        "Cost",
    ];
    let columns = [Column::text(first)]
        .into_iter()
        .chain(numbers.map(Column::number));
    Head {
        columns: columns.collect(),
    }
}

/// One group.
pub(super) fn row(org: Uuid, view: &UsageView, name: String, asked: &Asked) -> UsageRow {
    let numbers: &Totals = &view.numbers;
    let errors = match numbers.errors {
        0 => "0".to_owned(),
        errors => format!(
            "{} ({})",
            grouped(errors),
            percent(errors, numbers.requests)
        ),
    };
    let key = view.key_id.filter(|_| asked.group == Group::Key);
    UsageRow {
        name: view.day.clone().unwrap_or(name),
        address: key.map(|id| paths::key(org, id)),
        id: key.map(|id| id.to_string()),
        is_compared: key.is_some_and(|id| asked.compares(id)),
        requests: grouped(numbers.requests),
        errors,
        input: compact(numbers.input_tokens),
        output: compact(numbers.output_tokens),
        total: compact(numbers.total_tokens),
        estimated: percent(numbers.estimated_tokens, numbers.total_tokens),
        cost: money(charts::cost(numbers)),
    }
}
