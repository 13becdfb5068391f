//! How often keys were refused, by the hour and code. Refusals never enter the ledger.

use std::collections::BTreeMap;

use super::batch::{self, Listing};
use super::{Db, StoreError};
use crate::domain::tenant::{KeyId, OrganisationId};
use crate::domain::time::Timestamp;

static ADD: Listing = Listing::insert(
    "INSERT INTO refusals_hourly (organisation_id, key_id, hour, code, count)",
    5,
    " ON CONFLICT (organisation_id, key_id, hour, code)
    DO UPDATE SET count = refusals_hourly.count + excluded.count",
);

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
    write_rows!(&mut tx, ADD, &rows, |add,
                                      (
        (organisation, key, hour, code),
        count,
    )| {
        add.bind(*organisation).bind(*key).bind(*hour);
        add.bind(code.as_ref()).bind(*count)
    });
    tx.commit().await
}
