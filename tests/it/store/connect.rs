//! Opening databases: what is created, what is refused, and what a missing server looks like.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use tollgate::domain::time::{Clock, Timestamp};
use tollgate::store::{Db, StoreError, clock, organisations};

use super::organisation;
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    an_open_database_answers,
    the_clock_is_compared_with_the_database
);

async fn an_open_database_answers(test: TestDb) {
    test.db.ping().await.unwrap();
    test.db.close().await;
    assert!(matches!(
        test.db.ping().await,
        Err(StoreError::Unavailable { .. })
    ));
}

async fn the_clock_is_compared_with_the_database(test: TestDb) {
    let stopped = Clock::fixed(Timestamp(0));
    let offset = clock::offset(&test.db, &stopped).await.unwrap();
    match test.db {
        Db::Postgres(_) => assert!(offset > 1_700_000_000_000_000),
        Db::Sqlite(_) => assert_eq!(offset, 0),
    }
}

#[tokio::test]
async fn an_existing_file_keeps_what_it_holds() {
    let test = TestDb::sqlite().await;
    organisation(&test.db, "Acme").await;
    test.db.close().await;
    let again = test.other_process().await;
    again.migrate().await.unwrap();
    assert_eq!(organisations::list(&again).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_file_is_its_owners_alone() {
    let test = TestDb::sqlite().await;
    let directory = test.directory.path().join("data");
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(directory.clone()), 0o700);
    for file in std::fs::read_dir(directory).unwrap() {
        assert_eq!(mode(file.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_and_named_nowhere() {
    let db = Db::connect("postgres://tollgate:hunter2@127.0.0.1:1/nothing")
        .await
        .unwrap();
    let error = db.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }));
    let text = format!("{error} {error:?}");
    assert!(
        !text.contains("hunter2") && !text.contains("nothing"),
        "{text}"
    );
}

#[tokio::test]
async fn another_kind_of_database_is_refused() {
    for url in [
        "mysql://u:hunter2@h/d",
        "postgres://u:hunter2@h:99999/d",
        "sqlite://a?mode=ro",
        "sqlite://",
        "",
    ] {
        let error = Db::connect(url).await.unwrap_err();
        assert!(matches!(error, StoreError::Setup { .. }));
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_transaction_whose_process_stopped_lets_go_of_its_rows() {
    const LOCK: &str = "UPDATE changes_head SET n = n";
    let test = TestDb::postgres().await;
    let stopped = test.other_process().await;
    let (Db::Postgres(stopped), Db::Postgres(running)) = (&stopped, &test.db) else {
        unreachable!()
    };
    let mut forgotten = stopped.begin().await.unwrap();
    sqlx::query(LOCK).execute(&mut *forgotten).await.unwrap();
    let locking = sqlx::query(LOCK).execute(running);
    let locked = tokio::time::timeout(Duration::from_secs(20), locking).await;
    locked.expect("the row is free again").unwrap();

    let error = sqlx::query(LOCK)
        .execute(&mut *forgotten)
        .await
        .unwrap_err();
    let error = StoreError::from(error);
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}
