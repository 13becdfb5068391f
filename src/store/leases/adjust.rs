//! Adjustments: the only way that `used` changes without an event, and the only way that it falls.

use uuid::Uuid;

use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::batch::Listing;
use crate::store::transaction::Tx;

static INSERT: Listing = Listing::insert(
    "INSERT INTO adjustments (id, budget_id, lease_id, amount, reason, created_at)",
    6,
    "",
);

/// A change of what is used, with its reason.
pub(super) struct Adjustment {
    pub(super) budget_id: Uuid,
    pub(super) lease_id: Option<Uuid>,
    pub(super) amount: i64,
    pub(super) reason: &'static str,
    pub(super) at: Timestamp,
}

pub(super) async fn insert(tx: &mut Tx, rows: &[Adjustment]) -> Result<(), StoreError> {
    write_rows!(tx, INSERT, rows, |insert, row| {
        insert.bind(Uuid::now_v7()).bind(row.budget_id);
        insert.bind(row.lease_id).bind(row.amount);
        insert.bind(row.reason).bind(row.at)
    });
    Ok(())
}
