//! The database: all SQL of the product, one file per aggregate. One SQL text serves two engines,
//! `SQLite` in this process and Postgres beside it; only migrations and column types differ.
//! Every function is one transaction: it happened or it did not. Times come from the caller.

use std::path::PathBuf;

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;

/// Type-checks the same expression once per engine, on a pool for statements that only read.
macro_rules! with_pool {
    ($db:expr, |$pool:ident| $body:expr) => {
        match $db {
            $crate::store::Db::Postgres(pool) => {
                let $pool = pool;
                $body
            }
            $crate::store::Db::Sqlite(pools) => {
                let $pool = &pools.read;
                $body
            }
        }
    };
}

/// Type-checks the same expression once per engine, on the connection of a transaction.
macro_rules! with_tx {
    ($tx:expr, |$connection:ident| $body:expr) => {
        match $tx {
            $crate::store::transaction::Tx::Postgres(tx) => {
                let $connection: &mut sqlx::PgConnection = &mut **tx;
                $body
            }
            $crate::store::transaction::Tx::Sqlite(tx) => {
                let $connection: &mut sqlx::SqliteConnection = &mut **tx;
                $body
            }
        }
    };
}

/// Executes a listing for all `rows` and answers how many rows it wrote.
macro_rules! write_rows {
    ($tx:expr, $listing:expr, $rows:expr, |$statement:ident, $row:pat_param| $bind:expr) => {{
        let mut written: u64 = 0;
        for rows in $crate::store::batch::chunks($tx, $rows) {
            written += with_tx!(&mut *$tx, |c| {
                let mut $statement = $listing.on(c, rows.len());
                for $row in rows {
                    $bind;
                }
                let done = $statement.query()?.execute(c).await;
                done.map(|done| done.rows_affected())
            })?;
        }
        written
    }};
}

pub mod audit;
mod batch;
pub mod budgets;
pub mod callers;
pub mod changes;
pub mod clock;
mod columns;
mod connect;
pub mod error;
pub mod events;
pub mod idempotency;
pub mod instance;
pub mod invitations;
pub mod keys;
pub mod known_addresses;
pub mod leases;
pub mod ledger_check;
pub mod links;
pub mod memberships;
mod migrate;
pub mod organisations;
mod pattern;
pub mod projects;
pub mod refusals;
pub mod retention;
mod rollups;
pub mod sessions;
pub mod sign_ins;
mod signed;
mod timestamp;
pub mod tokens;
mod transaction;
pub mod usage;
pub mod users;

pub use connect::check_url;
pub use error::StoreError;
pub use migrate::{Pending, Standing};

/// Connections to the database, cheap to clone.
#[derive(Clone)]
pub enum Db {
    /// A server, shared by any number of processes.
    Postgres(PgPool),
    /// A file of this machine.
    Sqlite(SqlitePools),
}

/// `SQLite` takes one writer at a time: queueing for it here is fairer than retrying on a lock.
#[derive(Clone)]
pub struct SqlitePools {
    write: SqlitePool,
    read: SqlitePool,
    file: PathBuf,
}

/// Every statement that both engines share, for the test that prepares them.
pub const STATEMENTS: &[&[&str]] = &[
    audit::STATEMENTS,
    budgets::STATEMENTS,
    callers::STATEMENTS,
    changes::STATEMENTS,
    events::STATEMENTS,
    idempotency::STATEMENTS,
    invitations::STATEMENTS,
    keys::STATEMENTS,
    known_addresses::STATEMENTS,
    leases::STATEMENTS,
    ledger_check::STATEMENTS,
    links::STATEMENTS,
    memberships::STATEMENTS,
    organisations::STATEMENTS,
    projects::STATEMENTS,
    refusals::STATEMENTS,
    retention::STATEMENTS,
    sessions::STATEMENTS,
    signed::STATEMENTS,
    tokens::STATEMENTS,
    users::STATEMENTS,
];

impl SqlitePools {
    /// The one connection that writes, for tools and tests with statements of their own.
    pub fn writer(&self) -> &SqlitePool {
        &self.write
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Postgres(_) => "Db::Postgres",
            Self::Sqlite(_) => "Db::Sqlite",
        })
    }
}
