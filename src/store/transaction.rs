//! One transaction of either engine. Dropping it undoes what it did.

use std::time::Duration;

use sqlx::{Postgres, Sqlite, Transaction};

use super::{Db, StoreError};

/// How often a transaction that gave way to another is tried in all.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(5);

/// An open transaction.
pub(super) enum Tx {
    /// On a connection of the pool.
    Postgres(Transaction<'static, Postgres>),
    /// On the one connection that writes.
    Sqlite(Transaction<'static, Sqlite>),
}

impl Db {
    /// Opens a transaction that may write. `SQLite` takes its write lock at once: a transaction that
    /// first reads and then writes could fail for having read too early.
    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
            Self::Sqlite(pools) => Tx::Sqlite(pools.write.begin_with("BEGIN IMMEDIATE").await?),
        })
    }

    /// Opens a transaction that reads everything as it was at one moment.
    pub(super) async fn snapshot(&self) -> Result<Tx, StoreError> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(match self {
            Self::Postgres(pool) => Tx::Postgres(pool.begin_with(SNAPSHOT).await?),
            Self::Sqlite(pools) => Tx::Sqlite(pools.read.begin().await?),
        })
    }
}

impl Tx {
    /// Makes it durable.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Postgres(tx) => tx.commit().await?,
            Self::Sqlite(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// Does `attempt`, a whole transaction, again while it gives way to another: a deadlock, a
/// serialization failure or a busy database. The order of locks makes that rare.
pub(super) async fn retried<T, A>(attempt: impl Fn() -> A) -> Result<T, StoreError>
where
    A: Future<Output = Result<T, StoreError>>,
{
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(error) if error.gave_way() && tries < TRIES => {
                tokio::time::sleep(PAUSE * tries).await;
                tries += 1;
            }
            result => return result,
        }
    }
}
