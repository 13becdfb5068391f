//! What an organisation used, summed as asked, beside what it used in the span before: from sums of
//! hours, never from the calls themselves.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::{Access, Fault, Faults, Management, Problem};
use crate::domain::price::format_usd;
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::store::usage::{self, Group, Of, UsageQuery, UsageRow};

mod largest;
mod pieces;

pub use largest::Largest;
pub use pieces::UsagePieces;

/// Reports go back so far unless something else is asked for.
const USUAL: Duration = Duration::from_hours(24 * 30);

/// The longest span of one report: three years and a bit.
const LONGEST: Duration = Duration::from_hours(24 * 1100);

/// The most rows of one report; more are for CSV.
const MOST: usize = 10_000;

/// What to sum.
#[derive(Clone, Debug, Default)]
pub struct UsageSearch {
    /// Only this key's.
    pub key: Option<Uuid>,
    /// From this instant, its whole hour; 30 days before the end unless given.
    pub from: Option<Timestamp>,
    /// Hours that begin before this instant; now unless given.
    pub to: Option<Timestamp>,
    /// By what, one or two of them; nothing for one sum.
    pub by: Vec<Group>,
    /// Only these keys', if any are named.
    pub among: Vec<KeyId>,
}

/// What was used.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Usage)]
pub struct UsageReport {
    /// From this instant, the beginning of an hour.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Hours that begin before this instant.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// The sums, ordered by what they are summed by.
    pub data: Vec<UsageView>,
    /// All of them together.
    pub totals: Totals,
    /// All that was used in the span of the same length before.
    pub previous: Totals,
}

/// One sum; only what it is summed by is there.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = UsageRow)]
pub struct UsageView {
    /// The day, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date, nullable = false)]
    pub day: Option<String>,
    /// The hour, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = DateTime, required = false)]
    pub hour: Option<Timestamp>,
    /// The key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub key_id: Option<KeyId>,
    /// Its name, also of one that is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub key_name: Option<String>,
    /// The model as clients named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub model: Option<String>,
    /// The project.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub project_id: Option<ProjectId>,
    /// The numbers.
    #[serde(flatten)]
    pub numbers: Totals,
}

/// Numbers of calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = UsageTotals)]
pub struct Totals {
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
    /// What they cost, in US dollars.
    pub cost_usd: String,
}

/// The columns of sums by `by`.
pub fn columns(by: &[Group]) -> Vec<&'static str> {
    let groups = by.iter().flat_map(|group| names(*group));
    groups.chain(&NUMBERS).copied().collect()
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

fn names(group: Group) -> &'static [&'static str] {
    match group {
        Group::Day => &["day"],
        Group::Hour => &["hour"],
        Group::Key => &["key_id", "key_name"],
        Group::Model => &["model"],
        Group::Project => &["project_id"],
    }
}

impl Management {
    /// What whoever asks may see of an organisation's usage.
    pub async fn usage(
        &self,
        access: &Access,
        search: UsageSearch,
    ) -> Result<UsageReport, Problem> {
        let (query, from, to) = self.usage_query(access, search).await?;
        let (db, organisation) = (&self.db, access.organisation());
        let earlier = UsageQuery {
            from: Some(from.minus(to.since(from))),
            to: Some(from),
            of: query.of,
            among: query.among.clone(),
            ..UsageQuery::default()
        };
        let rows = self.few_sums(organisation, query).await?;
        let previous = usage::usage(db, organisation, earlier).await?;
        Ok(UsageReport {
            from,
            to,
            totals: Totals::of_all(&rows),
            previous: Totals::of_all(&previous),
            data: rows.into_iter().map(UsageView::from).collect(),
        })
    }

    /// The sums of a report, unless they are too many. Only keys are so many that it matters how soon
    /// that is found out.
    async fn few_sums(
        &self,
        organisation: OrganisationId,
        query: UsageQuery,
    ) -> Result<Vec<UsageRow>, Problem> {
        let rows = if query.by.contains(&Group::Key) {
            usage::usage_at_most(&self.db, organisation, query, MOST).await?
        } else {
            Some(usage::usage(&self.db, organisation, query).await?)
        };
        let few = rows.filter(|rows| rows.len() <= MOST);
        few.ok_or_else(|| {
            let fault = Fault {
                field: "by".to_owned(),
                message: "more than 10000 rows: take a shorter span, or usage.csv".to_owned(),
            };
            Problem::Invalid(vec![fault])
        })
    }

    /// What is asked for, and from when to when.
    async fn usage_query(
        &self,
        access: &Access,
        search: UsageSearch,
    ) -> Result<(UsageQuery, Timestamp, Timestamp), Problem> {
        let of = match search.key {
            Some(key) => Of::Key(self.find_key(access, key).await?.id),
            None => access.own_only().map_or(Of::All, Of::Owner),
        };
        let (from, to) = self.span(&search)?;
        let query = UsageQuery {
            from: Some(from),
            to: Some(to),
            by: search.by,
            of,
            among: search.among,
            ..UsageQuery::default()
        };
        Ok((query, from, to))
    }

    /// From when to when, in whole hours at the beginning.
    fn span(&self, search: &UsageSearch) -> Result<(Timestamp, Timestamp), Problem> {
        let to = search.to.unwrap_or_else(|| self.now());
        let from = search.from.unwrap_or_else(|| to.minus(USUAL));
        let from = usage::hour(from);
        let mut faults = Faults::default();
        if from >= to {
            faults.add("from", "lies behind to");
        } else if to.since(from) > LONGEST {
            faults.add("from", "at most 1100 days before to");
        }
        let repeats = matches!(search.by.as_slice(), [one, other] if one == other);
        if repeats || search.by.len() > 2 {
            faults.add("by", "one or two different names, such as day,key");
        }
        faults.check()?;
        Ok((from, to))
    }
}

impl Totals {
    fn of_all(rows: &[UsageRow]) -> Self {
        let mut sum = UsageRow::default();
        for row in rows {
            sum.add(row);
        }
        Self::of(&sum)
    }

    fn of(row: &UsageRow) -> Self {
        Self {
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

impl From<UsageRow> for UsageView {
    fn from(row: UsageRow) -> Self {
        Self {
            numbers: Totals::of(&row),
            day: row.day.map(|day| day.datetime().date_naive().to_string()),
            hour: row.hour,
            key_id: row.key_id,
            key_name: row.key_name,
            model: row.model,
            project_id: row.project_id,
        }
    }
}
