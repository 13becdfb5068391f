//! People who ask for more than the database answers are in each other's way, and in no call's.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::{Connection, PgConnection};
use tollgate::domain::role::Role;

use crate::provider::Provider;
use crate::support::app::{TestApp, TestKey};
use crate::support::db::TestDb;

/// As a statement that reads far too much, for as long as the connection lasts.
const HANG: &str = "BEGIN; LOCK TABLE audit IN ACCESS EXCLUSIVE MODE";
const HANGING: &str = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted
    AND relation = 'audit'::REGCLASS";
/// More than a gateway has connections.
const PEOPLE: usize = 40;

/// Calls with keys that the gateway has not seen, once people wait for the database.
async fn call(app: &TestApp, keys: &[TestKey], looking: &mut PgConnection) {
    let mut hanging: i64 = 0;
    while hanging < 6 {
        let counted = sqlx::query_scalar(HANGING).fetch_one(&mut *looking).await;
        hanging = counted.unwrap();
    }
    for key in keys {
        assert_eq!(app.client.chat(&key.secret).await.status, 200);
    }
    assert_eq!(app.client.get("/readyz", "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_whose_questions_hang_hold_up_no_call() {
    let app = TestApp::with(TestDb::postgres().await, Provider::honest().await, "").await;
    let ann = app.person(Role::Owner).await;
    let path = format!("/orgs/{}/audit", app.organisation.id);
    app.look(&ann, &path).await.assert_json(200);
    let keys = [app.key().await, app.key().await, app.key().await];
    let connect = || PgConnection::connect(&app.database.url);
    let (mut hanging, mut looking) = (connect().await.unwrap(), connect().await.unwrap());
    sqlx::raw_sql(HANG).execute(&mut hanging).await.unwrap();

    let began = Instant::now();
    let asking = join_all((0..PEOPLE).map(|_| app.look(&ann, &path)));
    let (answers, ()) = tokio::join!(asking, call(&app, &keys, &mut looking));
    for answer in answers {
        answer.assert_problem(503, "unavailable");
    }
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "no statement of theirs takes longer than two seconds"
    );
    hanging.close().await.unwrap();
    app.look(&ann, &path).await.assert_json(200);
    app.booked(keys.len()).await;
}
