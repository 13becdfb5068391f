//! Events that arrive for a lease whose closing charged what was left of it: that is theirs to
//! claim, so that nothing is charged twice.

use std::collections::BTreeMap;

use sqlx::FromRow;
use uuid::Uuid;

use super::adjust::{self, Adjustment};
use super::spend::Charge;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::batch::{self, Listing};
use crate::store::transaction::Tx;

static CLOSED: Listing = Listing::new(
    "SELECT id, budget_id, unclaimed FROM leases WHERE state = 'closed' AND id IN (",
    1,
    ")",
);
static WRITE: Listing = Listing::new(
    "UPDATE leases SET unclaimed = d.column2 FROM (VALUES ",
    2,
    ") AS d WHERE id = d.column1",
);
const CLAIMED: &str = "an event arrived that the closing of its lease had charged";

#[derive(Clone, Copy, FromRow)]
struct Closed {
    id: Uuid,
    budget_id: Uuid,
    unclaimed: i64,
}

/// Takes from `charges` what was charged before, when their leases were closed.
pub(super) async fn claim(
    tx: &mut Tx,
    charges: &mut [Charge],
    at: Timestamp,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = charges.iter().filter_map(|charge| charge.lease).collect();
    let closed: Vec<Closed> = batch::read(tx, &CLOSED, &ids).await?;
    let mut closed: BTreeMap<Uuid, Closed> = closed.into_iter().map(|row| (row.id, row)).collect();
    let mut claims = Vec::new();
    for charge in charges {
        let lease = charge.lease.and_then(|lease| closed.get_mut(&lease));
        let Some(lease) = lease.filter(|lease| lease.budget_id == charge.budget) else {
            continue;
        };
        let claimed = charge.amount.clamp(0, lease.unclaimed);
        lease.unclaimed -= claimed;
        charge.amount -= claimed;
        claims.extend((claimed > 0).then_some((*lease, claimed)));
    }
    write_rows!(tx, WRITE, &claims, |write, (lease, _)| {
        write.bind(lease.id).bind(lease.unclaimed)
    });
    let adjustments = claims.iter().map(|(lease, claimed)| Adjustment {
        budget_id: lease.budget_id,
        lease_id: Some(lease.id),
        amount: -claimed,
        reason: CLAIMED,
        at,
    });
    adjust::insert(tx, &adjustments.collect::<Vec<_>>()).await
}
