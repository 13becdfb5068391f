//! Usage of an organisation in any grouping. The same as CSV is the management API's.

use axum::Router;
use axum::routing::get;
use uuid::Uuid;

use super::answer::{Answer, show};
use super::charts::{self, Measure};
use super::query;
use super::span::Span;
use super::visitor::Visitor;
use crate::api::ids::Ids;
use crate::api::{self, Api};
use crate::dashboard::components::{ChartKind, Chip, Column, Head};
use crate::dashboard::format::{compact, grouped, money, percent};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::{UsagePage, UsageRow};
use crate::dashboard::paths;
use crate::domain::role::Role;
use crate::management::usage::{Totals, UsageSearch, UsageView};
use crate::store::usage::Group;

/// Keys that are drawn beside each other.
const COMPARED: usize = 6;

const GROUPINGS: [(&str, &str, Group); 4] = [
    ("Model", "model", Group::Model),
    ("Key", "key", Group::Key),
    ("Project", "project", Group::Project),
    ("Day", "day", Group::Day),
];

pub(super) fn routes() -> Router<Api> {
    Router::new().route(paths::USAGE, get(usage))
}

/// What the page is asked for.
struct Asked {
    by: &'static str,
    group: Group,
    span: Span,
    measure: Measure,
    compared: Vec<String>,
}

impl Asked {
    fn of(visitor: &Visitor) -> Self {
        let query = &visitor.query;
        let by = query.get("by");
        let found = GROUPINGS.iter().find(|(_, name, _)| Some(*name) == by);
        let mut compared: Vec<String> = query.all("key").map(str::to_owned).collect();
        compared.truncate(COMPARED);
        let (by, group) = found.map_or(("model", Group::Model), |(_, name, group)| (*name, *group));
        Self {
            by,
            group,
            span: Span::of(query, visitor.management.clock.now(), "30d"),
            measure: Measure::of(query.get("measure")),
            compared,
        }
    }

    fn search(&self, by: Vec<Group>) -> UsageSearch {
        UsageSearch {
            key: None,
            from: Some(self.span.from),
            to: Some(self.span.to),
            by,
        }
    }
}

async fn usage(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Viewer)?;
    let (management, asked) = (&visitor.management, Asked::of(&visitor));
    let projects = management.projects(&access).await?;
    let project = |row: &UsageView| {
        let mut projects = projects.iter();
        let found = projects.find(|project| Some(project.id) == row.project_id);
        found.map_or_else(
            || "Deleted project".to_owned(),
            |project| project.name.clone(),
        )
    };
    let name = |row: &UsageView| match asked.group {
        Group::Key => row.key_name.clone().unwrap_or_else(|| "Unknown".to_owned()),
        Group::Project => project(row),
        Group::Model => row.model.clone().unwrap_or_default(),
        Group::Day | Group::Hour => "All".to_owned(),
    };
    let by_time = match asked.group {
        Group::Day => vec![asked.span.group()],
        group => vec![asked.span.group(), group],
    };
    let mut drawn = management.usage(&access, asked.search(by_time)).await?.data;
    let is_compared = |row: &UsageView| {
        let id = row.key_id.map(|id| id.to_string()).unwrap_or_default();
        asked.compared.is_empty() || asked.compared.contains(&id)
    };
    if asked.group == Group::Key {
        drawn.retain(|row| is_compared(row));
    }
    let sums = management
        .usage(&access, asked.search(vec![asked.group]))
        .await?;
    let kind = if asked.compared.is_empty() {
        ChartKind::Stacked
    } else {
        ChartKind::Lines
    };
    let title = format!("{} by {}", asked.measure.title(), asked.by);
    let query = &visitor.query;
    let path = paths::usage(org);
    let (span, measure) = (
        Span::pairs(query),
        query.get("measure").map(|own| ("measure", own)),
    );
    let keys: Vec<_> = asked
        .compared
        .iter()
        .map(|key| ("key", key.as_str()))
        .collect();
    let all = |without: &str| -> Vec<(&str, &str)> {
        let by = [("by", asked.by)];
        let pairs = by.into_iter().chain(span.iter().copied()).chain(measure);
        let pairs = pairs.chain(keys.iter().copied());
        pairs
            .filter(|(name, _)| {
                *name != without && !(without == "range" && matches!(*name, "from" | "to"))
            })
            .collect()
    };
    let row = |view: &UsageView| row(org, view, name(view), asked.group);
    let kept = |without: &'static [&'static str]| {
        let names = ["by", "measure", "range", "from", "to"];
        let names = names.into_iter().filter(|name| !without.contains(name));
        names
            .filter_map(|name| Some((name, query.get(name)?.to_owned())))
            .collect::<Vec<_>>()
    };
    show(&UsagePage {
        frame: visitor.frame("Usage", Section::Usage, &access).with_chart(),
        organisation: access.organisation(),
        groupings: groupings(&path, &all("by"), asked.by),
        measures: asked.measure.chips(&path, &all("measure")),
        ranges: asked.span.chips(&path, &all("range")),
        days: asked.span.days(),
        kept: kept(&["range", "from", "to"]),
        kept_compared: kept(&[]),
        compared: compared(&path, &all("key"), &asked.compared, &sums.data),
        chart: charts::chart(&drawn, &asked.span, asked.measure, title, kind, name),
        head: head(asked.by),
        rows: sums.data.iter().map(row).collect(),
        csv: csv(org, &asked),
    })
}

/// The table's sums, day by day.
fn csv(org: Uuid, asked: &Asked) -> String {
    let by = match asked.group {
        Group::Day | Group::Hour => "day".to_owned(),
        _ => format!("day,{}", asked.by),
    };
    let (from, to) = (asked.span.from.to_string(), asked.span.to.to_string());
    let pairs = [
        ("by", by.as_str()),
        ("from", from.as_str()),
        ("to", to.as_str()),
    ];
    query::address(&format!("{}/orgs/{org}/usage.csv", api::ROOT), pairs)
}

fn groupings(path: &str, kept: &[(&str, &str)], on: &str) -> Vec<Chip> {
    let kept = kept.iter().copied().filter(|(name, _)| *name != "key");
    let chip = |(title, name, _): (&str, &'static str, Group)| Chip {
        name: title.to_owned(),
        address: query::address(path, kept.clone().chain([("by", name)])),
        count: None,
        is_on: name == on,
    };
    GROUPINGS.map(chip).to_vec()
}

/// The compared keys, each a link without it.
fn compared(path: &str, kept: &[(&str, &str)], keys: &[String], rows: &[UsageView]) -> Vec<Chip> {
    let name = |key: &str| {
        let mut rows = rows.iter();
        let found = rows.find(|row| row.key_id.is_some_and(|id| id.to_string() == key));
        found
            .and_then(|row| row.key_name.clone())
            .unwrap_or_else(|| key.to_owned())
    };
    let chip = |key: &String| {
        let others = keys.iter().filter(|other| *other != key);
        let others = others.map(|other| ("key", other.as_str()));
        Chip {
            name: name(key),
            address: query::address(path, kept.iter().copied().chain(others)),
            count: None,
            is_on: true,
        }
    };
    keys.iter().map(chip).collect()
}

fn head(by: &str) -> Head {
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

fn row(org: Uuid, view: &UsageView, name: String, group: Group) -> UsageRow {
    let numbers: &Totals = &view.numbers;
    let errors = match numbers.errors {
        0 => "0".to_owned(),
        errors => format!(
            "{} ({})",
            grouped(errors),
            percent(errors, numbers.requests)
        ),
    };
    let key = view.key_id.filter(|_| group == Group::Key);
    UsageRow {
        name: view.day.clone().unwrap_or(name),
        address: key.map(|id| paths::key(org, id)),
        id: key.map(|id| id.to_string()),
        requests: grouped(numbers.requests),
        errors,
        input: compact(numbers.input_tokens),
        output: compact(numbers.output_tokens),
        total: compact(numbers.total_tokens),
        estimated: percent(numbers.estimated_tokens, numbers.total_tokens),
        cost: money(charts::cost(numbers)),
    }
}
