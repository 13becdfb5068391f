//! Migrations, compiled in. Any number of processes may start at once: one applies, the others wait
//! and find nothing left to do. A database that a later release migrated is taken as it is, unless
//! that release says that this one cannot work with it.

use std::borrow::Cow;

use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{Executor, SqlSafeStr};

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

/// How long whoever asks once waits for another process's migration.
const WAIT: &str = "SET lock_timeout = '60s'";

impl Db {
    /// Applies what is pending. Answers how the database stood before. While another process migrates
    /// the database counts as away, after a while: ask again.
    pub async fn migrate(&self) -> Result<Standing, StoreError> {
        self.migrate_within(None).await
    }

    /// The same for whoever asks once: on Postgres it waits up to a minute for another process's
    /// migration; a file's takes no time worth that.
    pub async fn migrate_patiently(&self) -> Result<Standing, StoreError> {
        self.migrate_within(Some(WAIT)).await
    }

    async fn migrate_within(&self, wait: Option<&'static str>) -> Result<Standing, StoreError> {
        let standing = self.standing().await?;
        if !standing.pending.is_empty() {
            self.apply(wait).await?;
        }
        Ok(standing)
    }

    async fn apply(&self, wait: Option<&'static str>) -> Result<(), StoreError> {
        match self {
            Self::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                connection.close_on_drop();
                apply_to_postgres(&mut connection, wait).await?;
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

/// An advisory lock keeps others waiting. The connection has it until it is closed, if something fails.
async fn apply_to_postgres(
    connection: &mut PgConnection,
    wait: Option<&'static str>,
) -> Result<(), StoreError> {
    if let Some(wait) = wait {
        connection.execute(wait).await?;
    }
    connection.lock().await?;
    // The statements wait no longer than any: whoever comes after them would wait, too.
    connection.execute("RESET lock_timeout").await?;
    let mut migrator = migrator(POSTGRES);
    migrator.set_locking(false);
    migrator.run_direct(None, connection, false).await?;
    connection.unlock().await?;
    Ok(())
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
