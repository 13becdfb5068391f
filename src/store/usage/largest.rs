//! The keys that used most: an organisation may have more than anybody looks at.

use sqlx::QueryBuilder;

use super::{BEGINNING, END, NUMBERS, Of, UsageQuery, UsageRow, rollups};
use crate::domain::quota::Unit;
use crate::domain::tenant::OrganisationId;
use crate::store::{Db, StoreError};

/// At most `most` keys of what `query` means, whatever it sums by, those first that used most in `unit`.
pub async fn largest_keys(
    db: &Db,
    organisation: OrganisationId,
    query: &UsageQuery,
    unit: Unit,
    most: u16,
) -> Result<Vec<UsageRow>, StoreError> {
    let from = rollups::hour(query.from.unwrap_or(BEGINNING));
    let column = match unit {
        Unit::Tokens => "total_tokens",
        Unit::Requests => "requests",
        Unit::NanoUsd => "cost_nano",
    };
    Ok(with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new("SELECT u.*, k.name AS key_name FROM (SELECT key_id, ");
        sql.push(NUMBERS)
            .push("rollups_hourly WHERE organisation_id = ");
        sql.push_bind(organisation);
        sql.push(" AND hour >= ").push_bind(from);
        sql.push(" AND hour < ").push_bind(query.to.unwrap_or(END));
        narrow!(sql, organisation, query);
        sql.push(format_args!(
            " GROUP BY key_id ORDER BY SUM({column}) DESC, key_id LIMIT {most}"
        ));
        sql.push(") AS u LEFT JOIN keys k ON k.id = u.key_id AND k.organisation_id = ");
        sql.push_bind(organisation);
        sql.push(format_args!(" ORDER BY u.{column} DESC, u.key_id"));
        sql.build_query_as().fetch_all(pool).await
    })?)
}
