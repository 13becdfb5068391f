//! How far our clock is off the database's, which all processes share. The one place that asks an
//! engine for its time.

use crate::domain::time::{Clock, Timestamp};

use super::{Db, StoreError};

/// The database's time minus ours in microseconds; a `SQLite` file has the machine's.
pub async fn offset(db: &Db, clock: &Clock) -> Result<i64, StoreError> {
    let Db::Postgres(pool) = db else {
        return Ok(clock.lag());
    };
    let mut connection = pool.acquire().await?;
    let before = clock.uncorrected();
    let theirs: Timestamp = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(&mut *connection)
        .await?;
    let after = clock.uncorrected();
    let ours = before.0.midpoint(after.0);
    Ok(theirs.0.saturating_sub(ours))
}
