//! A database that takes nothing more, because its disk is full or it may only be read: calls go on,
//! their usage waits in the journal and says so, whoever edits is told to come again; and when it
//! takes something again, all of it is booked, without a restart.

use http::Method;
use serde_json::json;
use sqlx::AssertSqlSafe;
use tempfile::TempDir;
use tollgate::store::Db;
use uuid::Uuid;

use super::full::Busy;
use super::site::Site;
use super::until;
use crate::operation::figures::Gauges;
use crate::support::client::Reply;
use crate::support::db::TestDb;
use crate::support::people::{Asker, TestToken};
use crate::support::postgres::Server;
use crate::support::tmpfs::Tmpfs;

const MEGABYTE: u64 = 1024 * 1024;
const LAG: &str = "tollgate_journal_lag_seconds";
const REFUSED: &str = "usage could not be written";

/// Makes an organisation, as the operator.
async fn edit(busy: &Busy, token: &TestToken) -> Reply {
    let body = json!({"name": Uuid::now_v7().to_string()}).to_string();
    let mut headers = token.headers();
    headers.push(("content-type", "application/json"));
    let client = &busy.process.client;
    let asked = client.send(Method::POST, "/api/v1/orgs", &headers, &body);
    asked.await.read().await
}

/// Has the database take nothing for a while.
async fn is_survived(site: Site, damage: impl AsyncFnOnce(&Db), mend: impl AsyncFnOnce(&Db)) {
    let token = TestToken::new(&site.database.db, None).await;
    let machine = site.machine();
    let busy = Busy::on(site, &machine).await;
    let gauges = Gauges::of(&busy.process);
    edit(&busy, &token).await.assert_json(201);

    damage(&busy.site.database.db).await;
    until("usage waits", async || gauges.read(LAG).await >= 1).await;
    busy.serves().await;
    busy.process.says(REFUSED);
    until("nothing can be edited", async || {
        let answer = edit(&busy, &token).await;
        // As long as there is some room, edits are taken.
        if answer.status == 201 {
            return false;
        }
        answer.assert_problem(503, "unavailable");
        true
    })
    .await;
    busy.serves().await;

    mend(&busy.site.database.db).await;
    until("usage waits no longer", async || {
        gauges.read(LAG).await == 0
    })
    .await;
    until("edits are made again", async || {
        edit(&busy, &token).await.status == 201
    })
    .await;
    busy.process.ready().await;
    let made = busy.load.made();
    assert!(made.iter().all(|made| made.usage.is_some()), "{made:?}");
    busy.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_disk_is_full_costs_no_call() {
    let directory = TempDir::new().unwrap();
    let Some(disk) = Tmpfs::at(&directory.path().join("data"), 64 * MEGABYTE) else {
        return;
    };
    let database = TestDb::sqlite_in(directory).await;
    let site = Site::numbered(database, "").await;
    is_survived(site, async |_| disk.fill(), async |_| disk.empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_whose_disk_is_full_costs_no_call() {
    let Some(server) = Server::start() else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let Some(disk) = Tmpfs::at(directory.path(), 64 * MEGABYTE) else {
        return;
    };
    server.lend(directory.path());
    let database = TestDb::on(&server.url()).await;
    let place = directory.path().display();
    execute(
        &database.db,
        &format!("CREATE TABLESPACE small LOCATION '{place}'"),
    )
    .await;
    alter(&database, "SET default_tablespace = small").await;
    let site = Site::numbered(database, "").await;
    is_survived(site, async |_| disk.fill(), async |_| disk.empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_may_only_be_read_costs_no_call() {
    let site = Site::numbered(TestDb::postgres().await, "").await;
    let name = name(&site.database).to_owned();
    let set = async |db: &Db, what: &str| {
        // Whoever undoes it has it, too.
        let all = format!("BEGIN READ WRITE; ALTER DATABASE {name} {what}; COMMIT");
        execute(db, &all).await;
        execute(db, EVERYBODY_ELSE).await;
    };
    is_survived(
        site,
        async |db| set(db, "SET default_transaction_read_only = on").await,
        async |db| set(db, "RESET default_transaction_read_only").await,
    )
    .await;
}

const EVERYBODY_ELSE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

fn name(database: &TestDb) -> &str {
    database.url.rsplit_once('/').unwrap().1
}

async fn alter(database: &TestDb, what: &str) {
    let all = format!("ALTER DATABASE {} {what}", name(database));
    execute(&database.db, &all).await;
}

async fn execute(db: &Db, statement: &str) {
    let Db::Postgres(pool) = db else {
        unreachable!("only Postgres is changed by statements")
    };
    let statement = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()));
    statement.execute(pool).await.unwrap();
}
