//! One gateway a database.

use tollgate::store::instance::{InstanceError, InstanceLock};

use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    a_second_gateway_on_the_same_database_is_refused,
    a_second_gateway_in_the_same_data_directory_is_refused,
    the_lock_goes_with_its_holder,
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
