//! Usage of an organisation in any grouping. The same as CSV is the management API's.

use axum::Router;
use axum::routing::get;
use uuid::Uuid;

use super::answer::{Answer, show};
use super::charts::{self, Measure};
use super::query::{self, Query};
use super::span::Span;
use super::visitor::Visitor;
use crate::api::ids::Ids;
use crate::api::{self, Api};
use crate::dashboard::components::{ChartKind, Chip};
use crate::dashboard::frame::Section;
use crate::dashboard::pages::UsagePage;
use crate::dashboard::paths;
use crate::domain::role::Role;
use crate::domain::tenant::KeyId;
use crate::management::usage::{Largest, UsageSearch, UsageView};
use crate::management::{Access, Problem};
use crate::store::projects::Project;
use crate::store::usage::Group;

mod table;

/// Keys that are drawn beside each other.
const COMPARED: usize = 6;

/// Rows of the table, but for days; all of them are in the CSV.
const LISTED: u16 = 100;

/// What of an address says the span of time.
const SPAN: [&str; 3] = ["range", "from", "to"];

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
        let (by, group) = found.map_or(("model", Group::Model), |(_, name, group)| (*name, *group));
        let is_key = |key: &&str| group == Group::Key && Uuid::parse_str(key).is_ok();
        let keys = query.all("key").filter(is_key);
        let compared = keys.take(COMPARED).map(str::to_owned).collect();
        Self {
            by,
            group,
            span: Span::of(query, visitor.management.clock.now(), "30d"),
            measure: Measure::of(query.get("measure")),
            compared,
        }
    }

    fn kind(&self) -> ChartKind {
        if self.compared.is_empty() {
            ChartKind::Stacked
        } else {
            ChartKind::Lines
        }
    }

    fn compares(&self, key: KeyId) -> bool {
        self.compared.contains(&key.to_string())
    }

    fn among(&self) -> Vec<KeyId> {
        let ids = self.compared.iter().map(|id| Uuid::parse_str(id));
        ids.flatten().map(KeyId).collect()
    }

    fn search(&self, by: &[Group]) -> UsageSearch {
        UsageSearch {
            from: Some(self.span.from),
            to: Some(self.span.to),
            by: by.to_vec(),
            ..UsageSearch::default()
        }
    }

    /// All of it over time, or of the compared keys.
    fn whole(&self) -> UsageSearch {
        UsageSearch {
            among: self.among(),
            ..self.search(&[self.span.group()])
        }
    }
}

async fn usage(visitor: Visitor, Ids(org): Ids<Uuid>) -> Answer {
    let access = visitor.enter(org, Role::Viewer)?;
    let asked = Asked::of(&visitor);
    let projects = visitor.management.projects(&access).await?;
    let name = |row: &UsageView| name(row, asked.group, &projects);
    let drawn = drawn(&visitor, &access, &asked).await?;
    let report = visitor.management.usage(&access, asked.whole()).await?;
    let mut sums = sums(&visitor, &access, &asked).await?;
    let are_all = asked.group == Group::Day || sums.len() <= usize::from(LISTED);
    if !are_all {
        sums.truncate(usize::from(LISTED));
    }
    let ways = Ways::of(&visitor.query, &asked);
    let path = paths::usage(org);
    let title = format!("{} by {}", asked.measure.title(), asked.by);
    show(&UsagePage {
        frame: visitor.frame("Usage", Section::Usage, &access).with_chart(),
        organisation: access.organisation(),
        groupings: groupings(&path, &ways.but(&["by", "key"]), asked.by),
        measures: asked.measure.chips(&path, &ways.but(&["measure"])),
        ranges: asked.span.chips(&path, &ways.but(&SPAN)),
        days: asked.span.days(),
        stats: charts::stats(&report, &asked.span),
        kept: ways.fields(&SPAN),
        kept_compared: ways.fields(&["key"]),
        compared: compared(&path, &ways.but(&["key"]), &asked.compared, &drawn),
        chart: charts::chart(
            &drawn,
            &asked.span,
            asked.measure,
            title,
            asked.kind(),
            name,
        ),
        head: table::head(asked.by),
        rows: sums
            .iter()
            .map(|view| table::row(org, view, name(view).unwrap_or_default(), &asked))
            .collect(),
        listed: (!are_all).then(|| format!("{LISTED} largest {}s", asked.by)),
        csv: csv(org, &asked),
    })
}

/// What the table shows: days in their order, of all else the most first, and one more than are listed,
/// if there is one.
async fn sums(
    visitor: &Visitor,
    access: &Access,
    asked: &Asked,
) -> Result<Vec<UsageView>, Problem> {
    let (management, search) = (&visitor.management, asked.search(&[asked.group]));
    if asked.group == Group::Day {
        return Ok(management.usage(access, search).await?.data);
    }
    let listed = Largest {
        most: LISTED + 1,
        ..asked.measure.drawn(asked.group)
    };
    management.largest(access, search, listed).await
}

/// What the chart shows: the compared keys, all days, or the largest groups and all others together.
async fn drawn(
    visitor: &Visitor,
    access: &Access,
    asked: &Asked,
) -> Result<Vec<UsageView>, Problem> {
    let (management, time) = (&visitor.management, asked.span.group());
    let search = match asked.group {
        Group::Day => asked.search(&[time]),
        _ if !asked.compared.is_empty() => UsageSearch {
            among: asked.among(),
            ..asked.search(&[time, Group::Key])
        },
        group => {
            let (search, drawn) = (asked.search(&[time]), asked.measure.drawn(group));
            return management.largest_over_time(access, search, drawn).await;
        }
    };
    Ok(management.usage(access, search).await?.data)
}

/// None for what is of all other groups.
fn name(row: &UsageView, group: Group, projects: &[Project]) -> Option<String> {
    let project = |id| {
        let found = projects.iter().find(|project| project.id == id);
        found.map_or_else(
            || "Deleted project".to_owned(),
            |project| project.name.clone(),
        )
    };
    match group {
        Group::Key => charts::key_name(row),
        Group::Project => row.project_id.map(project),
        Group::Model => row.model.clone(),
        Group::Day | Group::Hour => Some("All".to_owned()),
    }
}

/// What the page's address holds, for the ways to other looks at the same.
struct Ways<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Ways<'a> {
    fn of(query: &'a Query, asked: &'a Asked) -> Self {
        let measure = query.get("measure").map(|own| ("measure", own));
        let keys = asked.compared.iter().map(|key| ("key", key.as_str()));
        let pairs = [("by", asked.by)].into_iter().chain(Span::pairs(query));
        Self(pairs.chain(measure).chain(keys).collect())
    }

    /// All of it but what has one of these names.
    fn but(&self, names: &[&str]) -> Vec<(&'static str, &'a str)> {
        let mut pairs = self.0.clone();
        pairs.retain(|(name, _)| !names.contains(name));
        pairs
    }

    /// The same as fields of a form.
    fn fields(&self, names: &[&str]) -> Vec<(&'static str, String)> {
        let pairs = self.but(names).into_iter();
        pairs
            .map(|(name, value)| (name, value.to_owned()))
            .collect()
    }
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
    let chip = |(title, name, _): (&str, &'static str, Group)| Chip {
        name: title.to_owned(),
        address: query::address(path, kept.iter().copied().chain([("by", name)])),
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
