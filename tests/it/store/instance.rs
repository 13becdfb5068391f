//! One gateway a database.

use tollgate::store::Db;
use tollgate::store::instance::{InstanceError, InstanceLock};

use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    a_second_gateway_on_the_same_database_is_refused,
    a_second_gateway_in_the_same_data_directory_is_refused,
    the_lock_goes_with_its_holder,
    a_lost_connection_is_made_good,
);

async fn a_second_gateway_on_the_same_database_is_refused(test: TestDb) {
    let root = test.directory.path();
    let _first = InstanceLock::acquire(&test.db, &root.join("one"))
        .await
        .unwrap();
    let other = test.other_process().await;
    let second = InstanceLock::acquire(&other, &root.join("two")).await;
    assert!(matches!(second, Err(InstanceError::Database)));
}

async fn a_second_gateway_in_the_same_data_directory_is_refused(test: TestDb) {
    let root = test.directory.path();
    let _first = InstanceLock::acquire(&test.db, root).await.unwrap();
    let elsewhere = TestDb::sqlite().await;
    let second = InstanceLock::acquire(&elsewhere.db, root)
        .await
        .unwrap_err();
    assert!(matches!(second, InstanceError::DataDirectory(_)));
    assert!(second.to_string().contains("--data-dir"));
}

async fn the_lock_goes_with_its_holder(test: TestDb) {
    let root = test.directory.path();
    drop(InstanceLock::acquire(&test.db, root).await.unwrap());
    let other = test.other_process().await;
    // Postgres frees it once it has noticed.
    let again = async {
        while InstanceLock::acquire(&other, root).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), again)
        .await
        .unwrap();
}

async fn a_lost_connection_is_made_good(test: TestDb) {
    let root = test.directory.path();
    let mut lock = InstanceLock::acquire(&test.db, &root.join("one"))
        .await
        .unwrap();
    lock.keep().await.unwrap();
    if let Db::Postgres(pool) = &test.db {
        let end = "SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_locks
            WHERE locktype = 'advisory' AND database = (
                SELECT oid FROM pg_database WHERE datname = current_database())";
        let ended: i64 = sqlx::query_scalar(end).fetch_one(pool).await.unwrap();
        assert_eq!(ended, 1);
        lock.keep().await.unwrap();
    }
    let second = InstanceLock::acquire(&test.db, &root.join("two")).await;
    assert!(matches!(second, Err(InstanceError::Database)));
}
