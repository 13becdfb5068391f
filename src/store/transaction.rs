//! One transaction of either engine. Dropping it undoes what it did.

use sqlx::{Postgres, Sqlite, Transaction};

use super::{Db, StoreError};

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
