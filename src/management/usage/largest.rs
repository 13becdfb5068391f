//! Usage where there are many keys, models or projects: the largest by themselves, all others together.

use super::{UsageSearch, UsageView};
use crate::domain::quota::Unit;
use crate::domain::tenant::OrganisationId;
use crate::management::{Access, Management, Problem};
use crate::store::usage::{self, Group, UsageQuery, UsageRow};

/// What stands by itself.
#[derive(Clone, Copy, Debug)]
pub struct Largest {
    /// Keys, models or projects.
    pub by: Group,
    /// They used most in this.
    pub unit: Unit,
    /// At most so many of them.
    pub most: u16,
}

impl Management {
    /// The sums of the largest, whatever `search` sums by, the largest first.
    pub async fn largest(
        &self,
        access: &Access,
        search: UsageSearch,
        which: Largest,
    ) -> Result<Vec<UsageView>, Problem> {
        let (query, ..) = self.usage_query(access, search).await?;
        let rows = self.find(access.organisation(), &query, which).await?;
        Ok(rows.into_iter().map(UsageView::from).collect())
    }

    /// What the largest used, by the span of time that `search` sums by, and what all others used
    /// together, which is of none.
    pub async fn largest_over_time(
        &self,
        access: &Access,
        search: UsageSearch,
        which: Largest,
    ) -> Result<Vec<UsageView>, Problem> {
        let (query, ..) = self.usage_query(access, search).await?;
        let (db, organisation) = (&self.db, access.organisation());
        let largest = self.find(organisation, &query, which).await?;
        if largest.is_empty() {
            return Ok(Vec::new());
        }
        let of_these = among(&query, &largest, which.by);
        let mut rows = usage::usage(db, organisation, of_these).await?;
        // Read after its parts, so that it is no less than they are.
        let mut others = usage::usage(db, organisation, query).await?;
        for other in &mut others {
            let time = (other.day, other.hour);
            let parts = rows.iter().filter(|row| (row.day, row.hour) == time);
            parts.for_each(|part| other.take_out(part));
        }
        others.retain(|other| other.requests > 0 || other.total_tokens > 0);
        rows.extend(others);
        Ok(rows.into_iter().map(UsageView::from).collect())
    }

    async fn find(
        &self,
        organisation: OrganisationId,
        query: &UsageQuery,
        which: Largest,
    ) -> Result<Vec<UsageRow>, Problem> {
        let query = UsageQuery {
            by: vec![which.by],
            ..query.clone()
        };
        let rows = usage::largest(&self.db, organisation, &query, which.unit, which.most);
        Ok(rows.await?)
    }
}

/// `query` summed by these too, and of nothing else.
fn among(query: &UsageQuery, largest: &[UsageRow], by: Group) -> UsageQuery {
    let mut query = query.clone();
    query.by.push(by);
    let rows = largest.iter();
    match by {
        Group::Key => query.among = rows.filter_map(|row| row.key_id).collect(),
        Group::Model => query.models = rows.filter_map(|row| row.model.clone()).collect(),
        Group::Project => query.projects = rows.filter_map(|row| row.project_id).collect(),
        Group::Day | Group::Hour => {}
    }
    query
}
