//! One gateway a `SQLite` file, any number on Postgres.

use tollgate::store::instance::{InstanceError, InstanceLock};

use crate::support::db::TestDb;

#[tokio::test]
async fn a_second_gateway_on_the_same_file_is_refused_until_the_first_is_gone() {
    let test = TestDb::sqlite().await;
    let first = InstanceLock::acquire(&test.db).unwrap();
    let other = test.other_process().await;
    let second = InstanceLock::acquire(&other);
    assert!(matches!(second, Err(InstanceError::Taken)));
    drop(first);
    InstanceLock::acquire(&other).unwrap();
}

#[tokio::test]
async fn postgres_is_shared() {
    let test = TestDb::postgres().await;
    let _first = InstanceLock::acquire(&test.db).unwrap();
    InstanceLock::acquire(&test.other_process().await).unwrap();
}
