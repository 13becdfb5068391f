//! Usage as reports read it: sums from the hourly rollups, and the calls themselves. An hour counts
//! as a whole, the first one too if the range begins inside it.

use serde::Deserialize;
use sqlx::{FromRow, QueryBuilder};
use uuid::Uuid;

use super::{Db, StoreError, rollups};
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;

/// Writes whose sums `$query` means behind `$sql`, for either engine.
macro_rules! narrow {
    ($sql:expr, $organisation:expr, $query:expr) => {{
        let (sql, query) = (&mut $sql, $query);
        match query.of {
            Of::All => {}
            Of::Key(key) => drop(sql.push(" AND key_id = ").push_bind(key)),
            Of::Owner(owner) => {
                sql.push(" AND key_id IN (SELECT id FROM keys WHERE organisation_id = ");
                sql.push_bind($organisation).push(" AND owner_id = ");
                sql.push_bind(owner).push(")");
            }
        }
        among!(sql, "key_id", &query.among);
        among!(sql, "model", &query.models);
        among!(sql, "project_id", &query.projects);
    }};
}

/// Writes that `$column` is one of `$values`, if any are named.
macro_rules! among {
    ($sql:expr, $column:literal, $values:expr) => {
        if !$values.is_empty() {
            $sql.push(concat!(" AND ", $column, " IN ("));
            let mut list = $sql.separated(", ");
            for value in $values {
                list.push_bind(value.to_owned());
            }
            list.push_unseparated(")");
        }
    };
}

mod bounded;
mod calls;
mod largest;
mod sums;
mod totals;

pub use super::rollups::hour;
pub use bounded::usage_at_most;
pub use calls::{CallMark, CallRow, CallsQuery, calls, calls_page, for_each_call};
pub use largest::largest;
pub use totals::{Total, totals};

use sums::Sums;

const NUMBERS: &str = "CAST(SUM(requests) AS BIGINT) AS requests,
        CAST(SUM(errors) AS BIGINT) AS errors,
        CAST(SUM(input_tokens) AS BIGINT) AS input_tokens,
        CAST(SUM(output_tokens) AS BIGINT) AS output_tokens,
        CAST(SUM(total_tokens) AS BIGINT) AS total_tokens,
        CAST(SUM(estimated_tokens) AS BIGINT) AS estimated_tokens,
        CAST(SUM(interrupted_tokens) AS BIGINT) AS interrupted_tokens,
        CAST(SUM(cost_nano) AS BIGINT) AS cost_nano FROM ";

/// Ranges without an end reach as far as both engines count: to the year 9999.
const BEGINNING: Timestamp = Timestamp(0);
const END: Timestamp = Timestamp(253_370_764_800_000_000);

/// What rows are summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Calendar day, UTC.
    Day,
    /// Hour, UTC.
    Hour,
    /// API key.
    Key,
    /// Model as the client named it.
    Model,
    /// Project.
    Project,
}

/// Whose usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Of {
    /// The whole organisation's.
    #[default]
    All,
    /// One key's.
    Key(KeyId),
    /// That of all keys of a user or token.
    Owner(Uuid),
}

/// What to sum.
#[derive(Clone, Debug, Default)]
pub struct UsageQuery {
    /// From this instant, its whole hour.
    pub from: Option<Timestamp>,
    /// Hours that begin before this instant.
    pub to: Option<Timestamp>,
    /// By what; nothing for one sum.
    pub by: Vec<Group>,
    /// Whose.
    pub of: Of,
    /// Only these keys', if any are named.
    pub among: Vec<KeyId>,
    /// Only of these models, if any are named.
    pub models: Vec<String>,
    /// Only of these projects, if any are named.
    pub projects: Vec<ProjectId>,
}

/// One sum; only the columns it is summed by name something.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct UsageRow {
    /// The day.
    #[sqlx(skip)]
    pub day: Option<Timestamp>,
    /// The hour.
    #[sqlx(default)]
    pub hour: Option<Timestamp>,
    /// The key.
    #[sqlx(default)]
    pub key_id: Option<KeyId>,
    /// The key's name, also that of a deleted key.
    #[sqlx(default)]
    pub key_name: Option<String>,
    /// The model.
    #[sqlx(default)]
    pub model: Option<String>,
    /// The project.
    #[sqlx(default)]
    pub project_id: Option<ProjectId>,
    /// Calls handed to a provider.
    pub requests: i64,
    /// Those of them that were not answered 2xx.
    pub errors: i64,
    /// Prompt tokens.
    pub input_tokens: i64,
    /// Completion tokens.
    pub output_tokens: i64,
    /// Tokens charged.
    pub total_tokens: i64,
    /// Those of them that no provider reported.
    pub estimated_tokens: i64,
    /// Those of them that were found open after a crash.
    pub interrupted_tokens: i64,
    /// In nano-USD.
    pub cost_nano: i64,
}

/// The sums of an organisation's usage, ordered by what they are summed by.
pub async fn usage(
    db: &Db,
    organisation: OrganisationId,
    query: UsageQuery,
) -> Result<Vec<UsageRow>, StoreError> {
    let mut sums = Sums::of(&query);
    sums.add(rows(db, organisation, &query).await?);
    Ok(sums.into_rows())
}

/// What `query` asks for, in no order, and by hours where days are asked for. The statement says no more
/// than is asked for: planners go by it.
async fn rows(
    db: &Db,
    organisation: OrganisationId,
    query: &UsageQuery,
) -> Result<Vec<UsageRow>, StoreError> {
    let from = rollups::hour(query.from.unwrap_or(BEGINNING));
    let (columns, is_named) = (query.columns(), query.tells_keys_apart());
    Ok(with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new("");
        if is_named {
            sql.push("SELECT u.*, k.name AS key_name FROM (");
        }
        sql.push("SELECT ");
        for column in &columns {
            sql.push(format_args!("{column}, "));
        }
        sql.push(NUMBERS).push(query.table());
        sql.push(" WHERE organisation_id = ")
            .push_bind(organisation);
        sql.push(" AND hour >= ").push_bind(from);
        sql.push(" AND hour < ").push_bind(query.to.unwrap_or(END));
        narrow!(sql, organisation, query);
        if columns.is_empty() {
            sql.push(" HAVING COUNT(*) > 0");
        } else {
            sql.push(format_args!(" GROUP BY {}", columns.join(", ")));
        }
        if is_named {
            sql.push(") AS u LEFT JOIN keys k ON k.id = u.key_id AND k.organisation_id = ");
            sql.push_bind(organisation);
        }
        sql.build_query_as().fetch_all(pool).await
    })?)
}

impl UsageQuery {
    /// What is summed. Where keys are not told apart, a chart reads some thousand rows, however many
    /// keys there are.
    fn table(&self) -> &'static str {
        if self.tells_keys_apart() || !self.among.is_empty() || self.of != Of::All {
            return "rollups_hourly";
        }
        "rollups_of_projects"
    }

    fn tells_keys_apart(&self) -> bool {
        self.by.contains(&Group::Key)
    }

    /// The columns it is summed by. Days are made of hours.
    fn columns(&self) -> Vec<&'static str> {
        let column = |group: &Group| match group {
            Group::Day | Group::Hour => "hour",
            Group::Key => "key_id",
            Group::Model => "model",
            Group::Project => "project_id",
        };
        let mut columns: Vec<_> = self.by.iter().map(column).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

impl UsageRow {
    /// Adds another sum's numbers.
    pub fn add(&mut self, other: &Self) {
        self.change(other, i64::saturating_add);
    }

    /// Takes the numbers of a part out.
    pub fn take_out(&mut self, part: &Self) {
        self.change(part, i64::saturating_sub);
    }

    fn change(&mut self, other: &Self, change: impl Fn(i64, i64) -> i64) {
        let parts = [
            (&mut self.requests, other.requests),
            (&mut self.errors, other.errors),
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.total_tokens, other.total_tokens),
            (&mut self.estimated_tokens, other.estimated_tokens),
            (&mut self.interrupted_tokens, other.interrupted_tokens),
            (&mut self.cost_nano, other.cost_nano),
        ];
        for (sum, part) in parts {
            *sum = change(*sum, part);
        }
    }
}
