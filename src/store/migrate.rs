//! Migrations, compiled in. Any number of processes may start at once: one applies, the others wait
//! and find nothing left to do. A database that a later release migrated is taken as it is, unless
//! that release says that this one cannot work with it.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::{Db, StoreError};

mod standing;

pub use standing::{Pending, Standing};

/// Number, name and SQL.
type Step = (i64, &'static str, &'static str);

const POSTGRES: &[Step] = &[
    (
        1,
        "create tables",
        include_str!("../../migrations/postgres/0001_create_tables.sql"),
    ),
    (
        2,
        "add leases",
        include_str!("../../migrations/postgres/0002_add_leases.sql"),
    ),
    (
        3,
        "add last refusals",
        include_str!("../../migrations/postgres/0003_add_last_refusals.sql"),
    ),
    (
        4,
        "add people",
        include_str!("../../migrations/postgres/0004_add_people.sql"),
    ),
    (
        5,
        "add charges of leases",
        include_str!("../../migrations/postgres/0005_add_charges_of_leases.sql"),
    ),
    (
        6,
        "add sums and states",
        include_str!("../../migrations/postgres/0006_add_sums_and_states.sql"),
    ),
    (
        7,
        "find calls by index",
        include_str!("../../migrations/postgres/0007_find_calls_by_index.sql"),
    ),
    (
        8,
        "note pruned calls",
        include_str!("../../migrations/postgres/0008_note_pruned_calls.sql"),
    ),
];

const SQLITE: &[Step] = &[
    (
        1,
        "create tables",
        include_str!("../../migrations/sqlite/0001_create_tables.sql"),
    ),
    (
        2,
        "add leases",
        include_str!("../../migrations/sqlite/0002_add_leases.sql"),
    ),
    (
        3,
        "add last refusals",
        include_str!("../../migrations/sqlite/0003_add_last_refusals.sql"),
    ),
    (
        4,
        "add people",
        include_str!("../../migrations/sqlite/0004_add_people.sql"),
    ),
    (
        5,
        "add charges of leases",
        include_str!("../../migrations/sqlite/0005_add_charges_of_leases.sql"),
    ),
    (
        6,
        "add sums and states",
        include_str!("../../migrations/sqlite/0006_add_sums_and_states.sql"),
    ),
    (
        7,
        "find calls by index",
        include_str!("../../migrations/sqlite/0007_find_calls_by_index.sql"),
    ),
    (
        8,
        "note pruned calls",
        include_str!("../../migrations/sqlite/0008_note_pruned_calls.sql"),
    ),
];

impl Db {
    /// Applies what is pending. Answers how the database stood before.
    pub async fn migrate(&self) -> Result<Standing, StoreError> {
        let standing = self.standing().await?;
        if !standing.pending.is_empty() {
            self.apply().await?;
        }
        Ok(standing)
    }

    async fn apply(&self) -> Result<(), StoreError> {
        match self {
            // An advisory lock keeps others waiting. The connection has it until it is closed, if
            // something fails.
            Self::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                connection.close_on_drop();
                let migrator = migrator(POSTGRES);
                migrator.run_direct(None, &mut *connection, false).await?;
            }
            // The write lock does: everything runs in one transaction.
            Self::Sqlite(pools) => {
                let mut tx = pools.write.begin_with("BEGIN IMMEDIATE").await?;
                migrator(SQLITE).run_direct(None, &mut *tx, false).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// The migrations that this program knows.
    fn steps(&self) -> &'static [Step] {
        match self {
            Self::Postgres(_) => POSTGRES,
            Self::Sqlite(_) => SQLITE,
        }
    }
}

fn migrator(steps: &'static [Step]) -> Migrator {
    let mut migrator = Migrator::with_migrations(steps.iter().map(migration).collect());
    // What only a later release knows was looked at before.
    migrator.set_ignore_missing(true);
    migrator
}

fn migration(&(number, name, sql): &Step) -> Migration {
    let name = Cow::Borrowed(name);
    Migration::new(
        number,
        name,
        MigrationType::Simple,
        sql.into_sql_str(),
        false,
    )
}
