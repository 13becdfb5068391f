//! Usage as reports read it: sums from the hourly rollups, and the calls themselves. An hour counts
//! as a whole, the first one too if the range begins inside it.

use std::collections::BTreeMap;

use serde::Deserialize;
use sqlx::FromRow;
use uuid::Uuid;

use super::{Db, StoreError, rollups};
use crate::domain::quota::Period;
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;

mod calls;

pub use super::rollups::hour;
pub use calls::{CallMark, CallRow, CallsQuery, calls, calls_page, for_each_call};

/// The columns that are not asked for are NULL and so fall into one group.
macro_rules! sums {
    ($whose:literal) => {
        concat!(
            "SELECT u.*, k.name AS key_name FROM (
                SELECT CASE WHEN $4 THEN hour END AS hour, CASE WHEN $5 THEN key_id END AS key_id,
                    CASE WHEN $6 THEN model END AS model,
                    CASE WHEN $7 THEN project_id END AS project_id,
                    CAST(SUM(requests) AS BIGINT) AS requests,
                    CAST(SUM(errors) AS BIGINT) AS errors,
                    CAST(SUM(input_tokens) AS BIGINT) AS input_tokens,
                    CAST(SUM(output_tokens) AS BIGINT) AS output_tokens,
                    CAST(SUM(total_tokens) AS BIGINT) AS total_tokens,
                    CAST(SUM(estimated_tokens) AS BIGINT) AS estimated_tokens,
                    CAST(SUM(interrupted_tokens) AS BIGINT) AS interrupted_tokens,
                    CAST(SUM(cost_nano) AS BIGINT) AS cost_nano
                FROM rollups_hourly
                WHERE organisation_id = $1 AND hour >= $2 AND hour < $3",
            $whose,
            "   GROUP BY 1, 2, 3, 4
            ) AS u LEFT JOIN keys k ON k.id = u.key_id AND k.organisation_id = $1"
        )
    };
}

const SUMS: &str = sums!("");
const SUMS_OF_KEY: &str = sums!(" AND key_id = $8");
const SUMS_OF_OWNER: &str =
    sums!(" AND key_id IN (SELECT id FROM keys WHERE organisation_id = $1 AND owner_id = $8)");

pub(super) const STATEMENTS: &[&str] = &[SUMS, SUMS_OF_KEY, SUMS_OF_OWNER];

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
}

/// One sum; only the columns it is summed by name something.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct UsageRow {
    /// The day.
    #[sqlx(skip)]
    pub day: Option<Timestamp>,
    /// The hour.
    pub hour: Option<Timestamp>,
    /// The key.
    pub key_id: Option<KeyId>,
    /// The key's name, also that of a deleted key.
    pub key_name: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The project.
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
    let by = |group| query.by.contains(&group);
    let from = rollups::hour(query.from.unwrap_or(BEGINNING));
    let rows: Vec<UsageRow> = with_pool!(db, |pool| {
        let sums = sqlx::query_as(query.of.statement()).bind(organisation);
        let sums = sums.bind(from).bind(query.to.unwrap_or(END));
        let sums = sums
            .bind(by(Group::Hour) || by(Group::Day))
            .bind(by(Group::Key));
        let sums = sums.bind(by(Group::Model)).bind(by(Group::Project));
        match query.of {
            Of::All => sums.fetch_all(pool).await,
            Of::Key(key) => sums.bind(key).fetch_all(pool).await,
            Of::Owner(owner) => sums.bind(owner).fetch_all(pool).await,
        }
    })?;
    Ok(fold(rows, by(Group::Day), by(Group::Hour)))
}

/// Sums hours to days where days are asked for, and sorts.
fn fold(rows: Vec<UsageRow>, by_day: bool, by_hour: bool) -> Vec<UsageRow> {
    let mut sums: BTreeMap<_, UsageRow> = BTreeMap::new();
    for mut row in rows {
        row.day = row
            .hour
            .filter(|_| by_day)
            .map(|hour| Period::Day.start(hour));
        row.hour = row.hour.filter(|_| by_hour);
        let group = (
            row.day,
            row.hour,
            row.project_id,
            row.key_id,
            row.model.clone(),
        );
        match sums.get_mut(&group) {
            Some(sum) => sum.add(&row),
            None => drop(sums.insert(group, row)),
        }
    }
    sums.into_values().collect()
}

impl Of {
    fn statement(self) -> &'static str {
        match self {
            Self::All => SUMS,
            Self::Key(_) => SUMS_OF_KEY,
            Self::Owner(_) => SUMS_OF_OWNER,
        }
    }
}

impl UsageRow {
    /// Adds another sum's numbers.
    pub fn add(&mut self, other: &Self) {
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
            *sum = sum.saturating_add(part);
        }
    }
}
