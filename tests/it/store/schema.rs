//! Migrations and statements, on the engines themselves.

use sqlx::{Executor, SqlSafeStr};
use tollgate::store::{Db, STATEMENTS};

use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    every_statement_is_one_that_the_engine_takes,
    migrating_again_changes_nothing
);

async fn every_statement_is_one_that_the_engine_takes(test: TestDb) {
    assert_takes_every_statement(&test.db).await;
}

/// Fails unless the engine takes every statement that the product has.
pub async fn assert_takes_every_statement(db: &Db) {
    for sql in STATEMENTS.iter().copied().flatten().copied() {
        let prepared = match db {
            Db::Postgres(pool) => pool.prepare(sql.into_sql_str()).await.map(drop),
            Db::Sqlite(pools) => pools.writer().prepare(sql.into_sql_str()).await.map(drop),
        };
        prepared.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
}

async fn migrating_again_changes_nothing(test: TestDb) {
    test.db.migrate().await.unwrap();
    assert_eq!(
        number!(&test.db, "SELECT COUNT(*) FROM _sqlx_migrations"),
        8
    );
}

async fn several_processes_may_migrate_at_once(test: TestDb) {
    let processes = futures_util::future::join_all((0..4).map(|_| async {
        let db = test.other_process().await;
        db.migrate().await
    }));
    for migrated in processes.await {
        migrated.unwrap();
    }
    assert_eq!(number!(&test.db, "SELECT n FROM changes_head"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_may_migrate_at_once_on_sqlite() {
    several_processes_may_migrate_at_once(TestDb::empty_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_may_migrate_at_once_on_postgres() {
    several_processes_may_migrate_at_once(TestDb::empty_postgres().await).await;
}
