//! The keys, models or projects that used most: an organisation may have more than anybody looks at.

use sqlx::QueryBuilder;

use super::{BEGINNING, END, NUMBERS, Of, UsageQuery, UsageRow, rollups};
use crate::domain::quota::Unit;
use crate::domain::tenant::OrganisationId;
use crate::store::{Db, StoreError};

/// At most `most` sums of what `query` asks for, which sums by keys, models or projects: those first
/// that used most in `unit`.
pub async fn largest(
    db: &Db,
    organisation: OrganisationId,
    query: &UsageQuery,
    unit: Unit,
    most: u16,
) -> Result<Vec<UsageRow>, StoreError> {
    let from = rollups::hour(query.from.unwrap_or(BEGINNING));
    let (columns, is_named) = (query.columns().join(", "), query.tells_keys_apart());
    let number = match unit {
        Unit::Tokens => "total_tokens",
        Unit::Requests => "requests",
        Unit::NanoUsd => "cost_nano",
    };
    Ok(with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new("");
        if is_named {
            sql.push("SELECT u.*, k.name AS key_name FROM (");
        }
        sql.push(format_args!("SELECT {columns}, "))
            .push(NUMBERS)
            .push(query.table());
        sql.push(" WHERE organisation_id = ")
            .push_bind(organisation);
        sql.push(" AND hour >= ").push_bind(from);
        sql.push(" AND hour < ").push_bind(query.to.unwrap_or(END));
        narrow!(sql, organisation, query);
        sql.push(format_args!(
            " GROUP BY {columns} ORDER BY SUM({number}) DESC, {columns} LIMIT {most}"
        ));
        if is_named {
            sql.push(") AS u LEFT JOIN keys k ON k.id = u.key_id AND k.organisation_id = ");
            sql.push_bind(organisation);
            sql.push(format_args!(" ORDER BY u.{number} DESC, u.key_id"));
        }
        sql.build_query_as().fetch_all(pool).await
    })?)
}
