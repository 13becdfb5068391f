//! What whole organisations used, for the operator: one row each.

use sqlx::{FromRow, QueryBuilder};

use crate::domain::tenant::OrganisationId;
use crate::domain::time::Timestamp;
use crate::store::{Db, StoreError, rollups};

const TOTALS: &str = "SELECT organisation_id, CAST(SUM(requests) AS BIGINT) AS requests,
        CAST(SUM(total_tokens) AS BIGINT) AS total_tokens,
        CAST(SUM(cost_nano) AS BIGINT) AS cost_nano
    FROM rollups_of_projects WHERE hour >= ";

/// What an organisation used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Total {
    /// Which.
    pub organisation_id: OrganisationId,
    /// Calls handed to a provider.
    pub requests: i64,
    /// Tokens charged.
    pub total_tokens: i64,
    /// In nano-USD.
    pub cost_nano: i64,
}

/// What each of `organisations` used since `from`, its whole hour; those that used nothing are left
/// out.
pub async fn totals(
    db: &Db,
    organisations: &[OrganisationId],
    from: Timestamp,
) -> Result<Vec<Total>, StoreError> {
    if organisations.is_empty() {
        return Ok(Vec::new());
    }
    Ok(with_pool!(db, |pool| {
        let mut sql = QueryBuilder::new(TOTALS);
        sql.push_bind(rollups::hour(from));
        sql.push(" AND organisation_id IN (");
        let mut list = sql.separated(", ");
        for id in organisations {
            list.push_bind(*id);
        }
        list.push_unseparated(") GROUP BY organisation_id");
        sql.build_query_as().fetch_all(pool).await
    })?)
}
