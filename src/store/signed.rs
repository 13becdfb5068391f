//! Whoever makes a change is proved to be signed in before it waits for its turn. What ends their rights
//! ends their sessions or their token, so these are looked at again where the change is made: it comes
//! wholly before that end, or not at all.

use uuid::Uuid;

use super::transaction::Tx;
use super::{Db, StoreError};
use crate::domain::audit::{Act, Author};

const SESSION: &str = "SELECT COUNT(*) > 0 FROM sessions WHERE id = $1";
const TOKEN: &str = "SELECT COUNT(*) > 0 FROM tokens WHERE id = $1";

/// `SQLite` has one writer anyway. Locks of rows would not do: who takes them for sharing overtakes
/// whoever waits to have them alone, for ever if there are many.
const STAY: &str = "SELECT pg_advisory_xact_lock_shared($1)";
const END: &str = "SELECT pg_advisory_xact_lock($1)";

pub(super) const STATEMENTS: &[&str] = &[SESSION, TOKEN];

impl Db {
    /// Opens a transaction that makes `act`, if its author is signed in, and stays so until it ends.
    pub(super) async fn begin_as(&self, act: &Act) -> Result<Tx, StoreError> {
        let mut tx = self.begin().await?;
        let (signed, id) = match (&act.author, act.session) {
            (Author::Token { id, .. }, _) => (TOKEN, id.0),
            (_, Some(session)) => (SESSION, session.0),
            // Commands, and whoever brings another proof along.
            (_, None) => return Ok(tx),
        };
        let author = act.author.id().unwrap_or_default();
        wait(&mut tx, STAY, author).await?;
        let is_signed: bool = with_tx!(&mut tx, |c| {
            sqlx::query_scalar(signed).bind(id).fetch_one(c).await
        })?;
        if !is_signed {
            return Err(StoreError::SignedOut);
        }
        Ok(tx)
    }
}

/// Waits until everything is made that this user or token is making, and keeps them from making more.
/// Whatever ends their rights begins with it: what they are making may wait for all other locks.
pub(super) async fn stop(tx: &mut Tx, author: Uuid) -> Result<(), StoreError> {
    wait(tx, END, author).await
}

async fn wait(tx: &mut Tx, lock: &'static str, author: Uuid) -> Result<(), StoreError> {
    if let Tx::Postgres(tx) = tx {
        // The random half of the id.
        let (_, number) = author.as_u64_pair();
        let lock = sqlx::query(lock).bind(number.cast_signed());
        lock.execute(&mut **tx).await?;
    }
    Ok(())
}
