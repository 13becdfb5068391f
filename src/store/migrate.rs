//! Migrations, compiled in. Any number of processes may start at once: one applies, the others wait
//! and find nothing left to do.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::{Db, StoreError};

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
];

impl Db {
    /// Applies what is pending.
    pub async fn migrate(&self) -> Result<(), StoreError> {
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
}

fn migrator(steps: &'static [Step]) -> Migrator {
    let step = |&(version, description, sql): &Step| {
        let description = Cow::Borrowed(description);
        Migration::new(
            version,
            description,
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(steps.iter().map(step).collect())
}
