//! What projects and organisations have and used, in one number each: for lists of them.

use std::collections::HashMap;
use std::time::Duration;

use super::{Access, Management, Problem, Signed};
use crate::domain::quota::Period;
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::store::keys;
use crate::store::usage::{self, Group, UsageQuery, UsageRow};

use super::keys::KeyView;

/// What sums of organisations reach back.
const LATELY: Duration = Duration::from_hours(24 * 30);

const DAY: Duration = Duration::from_hours(24);

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// Its keys.
    pub keys: i64,
    /// Calls handed to a provider.
    pub requests: i64,
    /// Their tokens.
    pub tokens: i64,
    /// What they cost, in nano-USD.
    pub cost_nano: i64,
}

impl Management {
    /// The sums of this month of each project that has any; of what is not their own, members see
    /// nothing.
    pub async fn project_sums(&self, access: &Access) -> Result<HashMap<ProjectId, Sums>, Problem> {
        let mut sums: HashMap<ProjectId, Sums> = HashMap::new();
        if access.own_only().is_some() {
            return Ok(sums);
        }
        let query = UsageQuery {
            from: Some(Period::Month.start(self.now())),
            by: vec![Group::Project],
            ..UsageQuery::default()
        };
        for row in usage::usage(&self.db, access.organisation(), query).await? {
            if let Some(project) = row.project_id {
                sums.insert(project, Sums::of(&row));
            }
        }
        for (project, keys) in keys::counts(&self.db, access.organisation()).await? {
            sums.entry(project).or_default().keys = keys;
        }
        Ok(sums)
    }

    /// The sums of the last 30 days of each of some organisations that has any, for the operator.
    pub async fn organisation_sums(
        &self,
        signed: &Signed,
        organisations: &[OrganisationId],
    ) -> Result<HashMap<OrganisationId, Sums>, Problem> {
        self.operator(signed)?;
        let from = self.now().minus(LATELY);
        let mut sums: HashMap<OrganisationId, Sums> = HashMap::new();
        for row in usage::totals(&self.db, organisations, from).await? {
            let sum = sums.entry(row.organisation_id).or_default();
            (sum.requests, sum.tokens) = (row.requests, row.total_tokens);
            sum.cost_nano = row.cost_nano;
        }
        for (organisation, keys) in keys::counts_of(&self.db, organisations).await? {
            sums.entry(organisation).or_default().keys = keys;
        }
        Ok(sums)
    }

    /// The requests of each of `keys`, which were found, in the last `days` days, oldest first.
    pub async fn courses(&self, keys: &[KeyView], days: u32) -> Result<Vec<Vec<i64>>, Problem> {
        let today = Period::Day.start(self.now());
        let days: Vec<Timestamp> = (0..days).rev().map(|ago| today.minus(DAY * ago)).collect();
        let ids: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
        let from = days.first().copied().unwrap_or(today);
        let found = keys::requests_by_day(&self.db, &ids, from).await?;
        let of = |id: &KeyId| -> Vec<i64> {
            let days = days.iter();
            days.map(|day| found.get(&(*id, *day)).copied().unwrap_or(0))
                .collect()
        };
        Ok(ids.iter().map(of).collect())
    }
}

impl Sums {
    fn of(row: &UsageRow) -> Self {
        Self {
            keys: 0,
            requests: row.requests,
            tokens: row.total_tokens,
            cost_nano: row.cost_nano,
        }
    }
}
