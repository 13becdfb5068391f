//! How often keys were refused, by the hour and code. Refusals never enter the ledger.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;

use super::{Db, StoreError, batch};
use crate::domain::tenant::{KeyId, OrganisationId};
use crate::domain::time::Timestamp;

const ADD: &str = "INSERT INTO refusals_hourly (organisation_id, key_id, hour, code, count) ";
const TO_EXISTING: &str = " ON CONFLICT (organisation_id, key_id, hour, code)
    DO UPDATE SET count = refusals_hourly.count + excluded.count";

/// Adds counts to their hours.
pub async fn book(
    db: &Db,
    counts: &[(OrganisationId, KeyId, Timestamp, String, i64)],
) -> Result<(), StoreError> {
    let mut rows: BTreeMap<_, i64> = BTreeMap::new();
    for (organisation, key, hour, code, count) in counts {
        let name = (*organisation, *key, *hour, batch::text(code));
        let sum = rows.entry(name).or_default();
        *sum = sum.saturating_add(*count);
    }
    let rows: Vec<_> = rows.into_iter().collect();
    let mut tx = db.begin().await?;
    for rows in batch::chunks(&rows) {
        with_tx!(&mut tx, |c| {
            let mut add = QueryBuilder::new(ADD);
            add.push_values(
                rows,
                |mut values, ((organisation, key, hour, code), count)| {
                    values
                        .push_bind(*organisation)
                        .push_bind(*key)
                        .push_bind(*hour);
                    values.push_bind(code.as_ref()).push_bind(*count);
                },
            );
            add.push(TO_EXISTING).build().execute(c).await.map(|_| ())
        })?;
    }
    tx.commit().await
}
