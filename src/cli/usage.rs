//! `tollgate usage`: what an organisation used, summed as asked.

use std::io::{BufWriter, Write, stdout};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::failure::UsageError;
use super::moment::Moment;
use super::print::{cells, write_csv};
use super::session::Session;
use crate::domain::price::format_usd;
use crate::domain::tenant::{KeyId, ProjectId};
use crate::domain::time::Timestamp;
use crate::store::usage::{Group, UsageQuery, UsageRow, usage};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The organisation's name or id
    #[arg(long, value_name = "ORG")]
    org: String,
    /// From this day or time (UTC), whole hours
    #[arg(long, value_name = "WHEN")]
    from: Option<Moment>,
    /// Until this day or time (UTC), which is left out
    #[arg(long, value_name = "WHEN")]
    to: Option<Moment>,
    /// What to sum by: one or two, with a comma between
    #[arg(long, value_enum, value_delimiter = ',', default_value = "day")]
    by: Vec<By>,
    /// Print CSV, whatever --output says
    #[arg(long)]
    csv: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Day,
    Hour,
    Key,
    Model,
    Project,
}

/// One sum as it is printed; only what it is summed by is there.
#[derive(Serialize)]
struct View {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hour: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<KeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<ProjectId>,
    requests: i64,
    errors: i64,
    input_tokens: i64,
    output_tokens: i64,
    total_tokens: i64,
    estimated_tokens: i64,
    interrupted_tokens: i64,
    cost_usd: String,
}

const NUMBERS: [&str; 8] = [
    "requests",
    "errors",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "estimated_tokens",
    "interrupted_tokens",
    "cost_usd",
];

impl Arguments {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<()> {
        let organisation = session.organisation(&self.org).await?;
        let query = UsageQuery {
            from: self.from.map(|moment| moment.0),
            to: self.to.map(|moment| moment.0),
            by: self.groups()?,
        };
        let rows = usage(&session.db, organisation.id, query).await?;
        let views: Vec<View> = rows.into_iter().map(View::from).collect();
        let groups = self.by.iter().flat_map(|by| by.columns());
        let columns: Vec<&str> = groups.chain(&NUMBERS).copied().collect();
        if self.csv {
            return print_csv(&views, &columns);
        }
        session.printer.fields(&views, &columns)
    }

    fn groups(&self) -> Result<Vec<Group>, UsageError> {
        let repeats = self
            .by
            .iter()
            .enumerate()
            .any(|(at, by)| self.by.iter().skip(at + 1).any(|other| other == by));
        if repeats || self.by.len() > 2 {
            let rule = "--by takes one or two different names, such as --by day,key";
            return Err(UsageError(rule.to_owned()));
        }
        Ok(self.by.iter().map(|by| Group::from(*by)).collect())
    }
}

impl By {
    /// The columns that name a group.
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Day => &["day"],
            Self::Hour => &["hour"],
            Self::Key => &["key_id", "key_name"],
            Self::Model => &["model"],
            Self::Project => &["project_id"],
        }
    }
}

impl From<By> for Group {
    fn from(by: By) -> Self {
        match by {
            By::Day => Self::Day,
            By::Hour => Self::Hour,
            By::Key => Self::Key,
            By::Model => Self::Model,
            By::Project => Self::Project,
        }
    }
}

impl From<UsageRow> for View {
    fn from(row: UsageRow) -> Self {
        Self {
            day: row.day.map(|day| day.datetime().date_naive().to_string()),
            hour: row.hour,
            key_id: row.key_id,
            key_name: row.key_name,
            model: row.model,
            project_id: row.project_id,
            requests: row.requests,
            errors: row.errors,
            input_tokens: row.input_tokens,
            output_tokens: row.output_tokens,
            total_tokens: row.total_tokens,
            estimated_tokens: row.estimated_tokens,
            interrupted_tokens: row.interrupted_tokens,
            cost_usd: format_usd(row.cost_nano),
        }
    }
}

fn print_csv(views: &[View], columns: &[&str]) -> anyhow::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    write_csv(&mut out, columns)?;
    for view in views {
        write_csv(&mut out, &cells(view, columns)?)?;
    }
    Ok(out.flush()?)
}
