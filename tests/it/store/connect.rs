//! Opening databases: what is created, what is refused, and what a missing server looks like.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio::time::timeout;
use tollgate::domain::time::{Clock, Timestamp};
use tollgate::store::{Db, StoreError, clock, organisations};

use super::organisation;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::proxy::Proxy;

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
    let locked = timeout(Duration::from_secs(20), locking).await;
    locked.expect("the row is free again").unwrap();

    let error = sqlx::query(LOCK)
        .execute(&mut *forgotten)
        .await
        .unwrap_err();
    let error = StoreError::from(error);
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

/// How many connections there are at most.
const ALL: usize = 16;
/// How long somebody waits for a server that is gone.
const SHORT: Duration = Duration::from_millis(100);

/// A database, the way to it, and connections that go it.
async fn stranding() -> (TestDb, Proxy, PgPool) {
    let mut test = TestDb::postgres().await;
    let proxy = Proxy::before(&mut test).await;
    match test.other_process().await {
        Db::Postgres(pool) => (test, proxy, pool),
        Db::Sqlite(_) => unreachable!(),
    }
}

async fn acquire_all(pool: &PgPool) -> sqlx::Result<Vec<PoolConnection<Postgres>>> {
    try_join_all((0..ALL).map(|_| pool.acquire())).await
}

/// Fails unless all connections can soon be had again.
async fn assert_whole(pool: &PgPool) {
    let began = Instant::now();
    while let Err(error) = acquire_all(pool).await {
        let (size, idle) = (pool.size(), pool.num_idle());
        let waited = began.elapsed();
        assert!(
            waited < Duration::from_secs(20),
            "{error}, {size} connections, {idle} of them idle"
        );
    }
}

#[tokio::test]
async fn connections_that_died_unnoticed_do_not_use_up_the_pool() {
    let (_test, proxy, pool) = stranding().await;
    drop(acquire_all(&pool).await.unwrap());
    while pool.num_idle() < ALL {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    proxy.strand();
    let asked = join_all((0..ALL).map(|_| timeout(SHORT, pool.acquire()))).await;
    assert!(asked.iter().all(Result::is_err));
    proxy.open();
    assert_whole(&pool).await;
}

#[tokio::test]
async fn connections_that_died_while_they_were_used_do_not_use_up_the_pool() {
    let (_test, proxy, pool) = stranding().await;
    let mut all = acquire_all(&pool).await.unwrap();
    proxy.strand();
    let ask = |connection| timeout(SHORT, sqlx::query("SELECT 1").execute(connection));
    let asked = join_all(all.iter_mut().map(|connection| ask(&mut **connection))).await;
    assert!(asked.iter().all(Result::is_err));
    drop(all);
    proxy.open();
    assert_whole(&pool).await;
}

#[tokio::test]
async fn closing_waits_for_no_connection_that_hangs() {
    let (_test, proxy, pool) = stranding().await;
    let all = acquire_all(&pool).await.unwrap();
    proxy.strand();
    drop(all);
    let closing = async { Db::Postgres(pool).close().await };
    timeout(Duration::from_secs(10), closing).await.unwrap();
}

#[tokio::test]
async fn a_migration_that_fails_keeps_no_other_process_waiting() {
    let test = TestDb::postgres().await;
    let Db::Postgres(pool) = &test.db else {
        unreachable!()
    };
    let edit = sqlx::query("UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1");
    edit.execute(pool).await.unwrap();
    let refused = test.db.migrate().await;
    assert!(matches!(refused, Err(StoreError::Setup { .. })));
    let other = test.other_process().await;
    let error = timeout(Duration::from_secs(5), other.migrate()).await;
    assert!(
        matches!(error, Ok(Err(StoreError::Setup { .. }))),
        "{error:?}"
    );
    test.db.ping().await.unwrap();
}

/// Without its locks, whoever else closes the database last takes its log away.
#[tokio::test]
async fn opening_a_file_again_keeps_the_locks_of_those_who_have_it_open() {
    let test = TestDb::sqlite().await;
    organisation(&test.db, "Acme").await;
    let again = test.other_process().await;
    let path = test.url.strip_prefix("sqlite://").unwrap();
    let file = std::fs::metadata(path).unwrap().ino();
    let locks = std::fs::read_to_string("/proc/locks").unwrap();
    assert!(locks.contains(&format!(":{file} ")), "{locks}");
    again.close().await;
}
