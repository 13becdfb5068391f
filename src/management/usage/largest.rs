//! Usage by key where there are many keys: the largest by themselves, all others together.

use super::{UsageSearch, UsageView};
use crate::domain::quota::Unit;
use crate::management::{Access, Management, Problem};
use crate::store::usage::{self, Group};

impl Management {
    /// The keys that used most in `unit`, at most `most`, the largest first.
    pub async fn largest_keys(
        &self,
        access: &Access,
        search: UsageSearch,
        unit: Unit,
        most: u16,
    ) -> Result<Vec<UsageView>, Problem> {
        let (query, ..) = self.usage_query(access, search).await?;
        let organisation = access.organisation();
        let rows = usage::largest_keys(&self.db, organisation, &query, unit, most).await?;
        Ok(rows.into_iter().map(UsageView::from).collect())
    }

    /// What those keys used, by the span of time that `search` sums by, and what all others used
    /// together, which is of no key.
    pub async fn largest_keys_over_time(
        &self,
        access: &Access,
        search: UsageSearch,
        unit: Unit,
        most: u16,
    ) -> Result<Vec<UsageView>, Problem> {
        let (query, ..) = self.usage_query(access, search).await?;
        let (db, organisation) = (&self.db, access.organisation());
        let largest = usage::largest_keys(db, organisation, &query, unit, most).await?;
        if largest.is_empty() {
            return Ok(Vec::new());
        }
        let mut of_these = query.clone();
        of_these.by.push(Group::Key);
        of_these.among = largest.iter().filter_map(|row| row.key_id).collect();
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
}
