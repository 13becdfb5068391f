//! What was booked last: a database that lacks it was set back, to a backup or to a standby that lagged
//! behind and took over.

use parking_lot::Mutex;

use crate::domain::tenant::{CallId, OrganisationId};
use crate::domain::time::Timestamp;
use crate::store::transaction::Tx;
use crate::store::{Db, StoreError};

/// A call that was pruned is not lacking.
pub(super) const FIND: &str =
    "SELECT 1 FROM events WHERE organisation_id = $1 AND at = $2 AND id = $3
    UNION ALL SELECT 1 FROM pruned_calls WHERE organisation_id = $1 AND through >= $2";

/// An event's place in the order of the table.
pub(super) type Row = (OrganisationId, Timestamp, CallId);

/// A call that this process booked with its last batch.
#[derive(Debug, Default)]
pub(super) struct Last(Mutex<Option<Row>>);

impl Last {
    pub(super) fn remember(&self, row: Row) {
        *self.0.lock() = Some(row);
    }

    /// Something booked by an earlier process will do until this one books.
    pub(super) fn begin_with(&self, row: Row) {
        self.0.lock().get_or_insert(row);
    }

    pub(super) fn forget(&self) {
        *self.0.lock() = None;
    }

    /// Fails unless `tx` is on the database that was booked in last. Another one has other kinds under
    /// the numbers that are remembered here. A file of `SQLite` stays the same while it is open.
    pub(super) async fn prove(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let last = *self.0.lock();
        let (Tx::Postgres(tx), Some((organisation, at, id))) = (tx, last) else {
            return Ok(());
        };
        let find = sqlx::query_scalar(FIND).bind(organisation).bind(at);
        let found: Option<i32> = find.bind(id).fetch_optional(&mut **tx).await?;
        found.map(|_| ()).ok_or(StoreError::SetBack)
    }
}

/// Whether a call is booked, or so old that it may have been pruned since.
pub async fn was_booked(
    db: &Db,
    organisation: OrganisationId,
    at: Timestamp,
    id: CallId,
) -> Result<bool, StoreError> {
    let found: Option<i32> = with_pool!(db, |pool| {
        let find = sqlx::query_scalar(FIND).bind(organisation).bind(at);
        find.bind(id).fetch_optional(pool).await
    })?;
    Ok(found.is_some())
}
