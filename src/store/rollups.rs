//! Usage by the hour: what pages and reports read, and what a new budget row opens with. It is summed
//! twice, by key and by project: sums of a whole organisation would read the hours of all its keys.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::StoreError;
use super::batch::{self, Listing};
use super::events::Event;
use super::transaction::Tx;
use crate::domain::quota::{BudgetKey, Unit};
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId, ScopeId};
use crate::domain::time::Timestamp;
use crate::domain::usage::Source;

mod names;
mod so_far;

pub(super) use names::ModelNames;
pub(super) use so_far::so_far;

/// Microseconds of an hour.
pub(super) const HOUR: i64 = 3_600_000_000;

macro_rules! sums {
    ($table:literal, $scope:literal) => {
        concat!(
            "SELECT CAST(COALESCE(SUM(total_tokens), 0) AS BIGINT),
                 CAST(COALESCE(SUM(requests), 0) AS BIGINT),
                 CAST(COALESCE(SUM(cost_nano), 0) AS BIGINT)
             FROM ",
            $table,
            " WHERE hour >= $2 AND hour < $3 AND ",
            $scope,
            " = $1"
        )
    };
}

pub(super) const OF_ORGANISATION: &str = sums!("rollups_of_projects", "organisation_id");
pub(super) const OF_PROJECT: &str = sums!("rollups_of_projects", "project_id");
pub(super) const OF_KEY: &str = sums!("rollups_hourly", "key_id");

/// Adds rows to a table whose primary key is `$name`, of `$columns` columns in all.
macro_rules! add_to {
    ($table:literal, $name:literal, $columns:literal) => {
        Listing::insert(
            concat!(
                "INSERT INTO ",
                $table,
                " (",
                $name,
                ", requests, errors, input_tokens, output_tokens, total_tokens, estimated_tokens,
                interrupted_tokens, cost_nano)"
            ),
            $columns,
            concat!(
                " ON CONFLICT (",
                $name,
                ") DO UPDATE SET requests = t.requests + excluded.requests,
                errors = t.errors + excluded.errors,
                input_tokens = t.input_tokens + excluded.input_tokens,
                output_tokens = t.output_tokens + excluded.output_tokens,
                total_tokens = t.total_tokens + excluded.total_tokens,
                estimated_tokens = t.estimated_tokens + excluded.estimated_tokens,
                interrupted_tokens = t.interrupted_tokens + excluded.interrupted_tokens,
                cost_nano = t.cost_nano + excluded.cost_nano"
            ),
        )
    };
}

static ADD: Listing = add_to!(
    "rollups_hourly AS t",
    "organisation_id, hour, project_id, key_id, model",
    13
);
static ADD_TO_PROJECTS: Listing = add_to!(
    "rollups_of_projects AS t",
    "organisation_id, hour, project_id, model",
    12
);

/// The name of a row by key, in the order that transactions lock them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a> {
    organisation: OrganisationId,
    hour: Timestamp,
    project: ProjectId,
    key: KeyId,
    model: Cow<'a, str>,
}

/// The name of a row by project, likewise.
type NameOfProject<'a> = (OrganisationId, Timestamp, ProjectId, &'a str);

/// Its numbers, in the order of the columns.
#[derive(Default)]
struct Sums([i64; 8]);

/// The hour that `at` lies in.
pub fn hour(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(HOUR))
}

/// What the scope of a calendar budget used of its period so far; 0 for one that never starts anew.
pub(super) async fn used(tx: &mut Tx, key: &BudgetKey) -> Result<i64, StoreError> {
    let Some(end) = key.period.end(key.start) else {
        return Ok(0);
    };
    let of_scope = match key.scope {
        ScopeId::Organisation(_) => OF_ORGANISATION,
        ScopeId::Project(_) => OF_PROJECT,
        ScopeId::Key(_) => OF_KEY,
    };
    let (tokens, requests, cost) = with_tx!(tx, |c| {
        let sums = sqlx::query_as(of_scope).bind(key.scope.uuid());
        sums.bind(key.start).bind(end).fetch_one(c).await
    })?;
    Ok(match key.unit {
        Unit::Tokens => tokens,
        Unit::Requests => requests,
        Unit::NanoUsd => cost,
    })
}

/// Adds `events` to the hours they began in.
pub(super) async fn add(
    tx: &mut Tx,
    events: &[&Event<'_>],
    names: &ModelNames,
) -> Result<(), StoreError> {
    let mut sums: BTreeMap<Name<'_>, Sums> = BTreeMap::new();
    for event in events {
        sums.entry(Name::of(event)).or_default().add(event);
    }
    let mut rows: BTreeMap<Name<'_>, Sums> = BTreeMap::new();
    for (mut name, part) in sums {
        name.model = names.shown(name.key, name.hour, name.model);
        rows.entry(name).or_default().merge(&part);
    }
    let rows: Vec<_> = rows.into_iter().collect();
    write_rows!(&mut *tx, ADD, &rows, |add, (name, sums)| {
        add.bind(name.organisation).bind(name.hour);
        add.bind(name.project).bind(name.key);
        add.bind(name.model.as_ref());
        for sum in sums.0 {
            add.bind(sum);
        }
    });
    add_to_projects(tx, &rows).await
}

/// Last of all, because everybody who books for the same organisation waits for these rows.
async fn add_to_projects(tx: &mut Tx, rows: &[(Name<'_>, Sums)]) -> Result<(), StoreError> {
    let mut sums: BTreeMap<NameOfProject<'_>, Sums> = BTreeMap::new();
    for (name, part) in rows {
        let name = (name.organisation, name.hour, name.project, &*name.model);
        sums.entry(name).or_default().merge(part);
    }
    let rows: Vec<_> = sums.into_iter().collect();
    write_rows!(tx, ADD_TO_PROJECTS, &rows, |add, (name, sums)| {
        add.bind(name.0).bind(name.1).bind(name.2).bind(name.3);
        for sum in sums.0 {
            add.bind(sum);
        }
    });
    Ok(())
}

impl<'a> Name<'a> {
    fn of(event: &'a Event<'_>) -> Self {
        Self {
            organisation: event.organisation_id,
            project: event.project_id,
            key: event.key_id,
            model: batch::text(&event.model),
            hour: hour(event.at),
        }
    }
}

impl Sums {
    fn add(&mut self, event: &Event<'_>) {
        let is_error = !(200..300).contains(&event.status);
        let only_if = |is: bool, number| if is { number } else { 0 };
        let total_from = |source| only_if(event.source == source, event.total_tokens);
        self.merge(&Self([
            event.requests,
            only_if(is_error, event.requests),
            event.input_tokens,
            event.output_tokens,
            event.total_tokens,
            total_from(Source::Estimated),
            total_from(Source::Interrupted),
            event.cost_nano,
        ]));
    }

    fn merge(&mut self, part: &Self) {
        for (sum, part) in self.0.iter_mut().zip(part.0) {
            *sum = sum.saturating_add(part);
        }
    }
}
