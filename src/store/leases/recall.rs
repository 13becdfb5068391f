//! Asking for room back: owners hear of it as they hear of every other change.

use uuid::Uuid;

use crate::domain::time::Timestamp;
use crate::store::changes::{self, ChangeKind};
use crate::store::transaction::retried;
use crate::store::{Db, StoreError};

/// Asks all processes to give back their idle room of `budgets`, by a change each.
pub async fn recall(db: &Db, budgets: &[Uuid], now: Timestamp) -> Result<(), StoreError> {
    if budgets.is_empty() {
        return Ok(());
    }
    retried(|| async {
        let mut tx = db.begin().await?;
        for budget in budgets {
            changes::append(&mut tx, ChangeKind::Recall, *budget, now).await?;
        }
        tx.commit().await
    })
    .await
}
