//! `tollgate usage`: what an organisation used, summed as asked.

use std::io::{BufWriter, Write, stdout};

use clap::{Args, ValueEnum};

use super::failure::UsageError;
use super::moment::{Moment, check_range};
use super::session::Session;
use crate::csv::{cells, write_csv};
use crate::management::usage::{UsageView, columns};
use crate::store::usage::{Group, UsageQuery, usage};

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

impl Arguments {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<()> {
        check_range(self.from, self.to)?;
        let organisation = session.organisation(&self.org).await?;
        let query = UsageQuery {
            from: self.from.map(|moment| moment.0),
            to: self.to.map(|moment| moment.0),
            by: self.groups()?,
            ..UsageQuery::default()
        };
        let columns = columns(&query.by);
        let rows = usage(&session.db, organisation.id, query).await?;
        let views: Vec<UsageView> = rows.into_iter().map(UsageView::from).collect();
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

fn print_csv(views: &[UsageView], columns: &[&str]) -> anyhow::Result<()> {
    let mut out = BufWriter::new(stdout().lock());
    write_csv(&mut out, columns)?;
    for view in views {
        write_csv(&mut out, &cells(view, columns)?)?;
    }
    Ok(out.flush()?)
}
