//! `tollgate migrate`, and servers on databases that are not quite theirs.

use std::process::Command;
use std::time::Duration;

use serde_json::json;
use sqlx::migrate::Migrate;
use sqlx::{Connection, PgConnection};
use tollgate::store::Standing;

use super::Installation;
use crate::provider::Provider;
use crate::support::client::Client;
use crate::support::db::{TestDb, on_both_engines};
use crate::support::running::{Running, output};

on_both_engines!(
    a_server_starts_on_no_database_whose_migrations_were_edited,
    a_server_serves_and_books_on_the_schema_of_the_next_release
);

/// Writes into the database's own record of its migrations.
macro_rules! record {
    ($test:expr, $sql:expr) => {
        match &$test.db {
            tollgate::store::Db::Postgres(pool) => {
                sqlx::query($sql).execute(pool).await.map(drop).unwrap();
            }
            tollgate::store::Db::Sqlite(pools) => {
                let done = sqlx::query($sql).execute(pools.writer()).await;
                done.map(drop).unwrap();
            }
        }
    };
}

#[test]
fn a_dry_run_lists_what_is_pending_and_creates_nothing() {
    let tollgate = Installation::new();
    let pending = tollgate.json(&["migrate", "--dry-run"])["pending"].clone();
    assert_eq!(pending[0], json!({"number": 1, "name": "create tables"}));
    let text = tollgate.text(&["migrate", "--dry-run"]);
    assert!(
        text.starts_with("Would apply:\n   1  create tables\n"),
        "{text}"
    );
    assert!(!tollgate.directory.path().join("data").exists());

    tollgate.text(&["migrate"]);
    let none = json!({"pending": []});
    assert_eq!(tollgate.json(&["migrate", "--dry-run"]), none);
    let text = tollgate.text(&["migrate", "--dry-run"]);
    assert_eq!(text, "Nothing to apply: the database is up to date.\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_leaves_a_server_as_it_is() {
    let tollgate = Installation::new();
    let test = TestDb::empty_postgres().await;
    for _ in 0..2 {
        let mut command = tollgate.command();
        command.env("DATABASE_URL", &test.url);
        let output = command.args(["migrate", "--dry-run"]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && said.starts_with("Would apply:"),
            "{said}"
        );
    }
}

/// Kills it after so many hundredths of the time that it takes.
async fn migrates_after_a_kill(test: TestDb, hundredths: u32) {
    let tollgate = Installation::new();
    let migrate = || {
        let mut command = tollgate.command();
        command.env("DATABASE_URL", &test.url).arg("migrate");
        command
    };
    let mut killed = Running::start(&mut migrate());
    tokio::time::sleep(Duration::from_millis(2) * hundredths).await;
    killed.signal("KILL");
    killed.ended();
    let output = output(&mut migrate()).expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(test.db.standing().await.unwrap(), Standing::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_is_killed_at_any_moment_is_done_by_the_next() {
    for hundredths in (5..100).step_by(15) {
        migrates_after_a_kill(TestDb::empty_sqlite().await, hundredths).await;
        migrates_after_a_kill(TestDb::empty_postgres().await, hundredths).await;
    }
}

/// Another process migrates for longer than a statement waits for a lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_and_a_new_server_wait_for_the_migration_of_another() {
    let tollgate = Installation::new();
    let test = TestDb::empty_postgres().await;
    tollgate.configure(&Provider::honest().await, "");
    let mut other = PgConnection::connect(&test.url).await.unwrap();
    other.lock().await.unwrap();
    let started = |command: &mut Command| Running::start(command.env("DATABASE_URL", &test.url));
    let mut server = started(&mut tollgate.server());
    let mut migration = started(tollgate.command().arg("migrate"));
    server.says("waiting for the store");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!migration.is_over());
    other.unlock().await.unwrap();
    let (status, errors) = migration.ended();
    assert_eq!((status.code(), &*errors), (Some(0), ""));
    server.whispers("/set-up/");
    server.signal("TERM");
    assert_eq!(server.ended().0.code(), Some(0));
    let said = server.said();
    assert!(!said.contains("\"level\":\"ERROR\""), "{said}");
}

async fn a_server_starts_on_no_database_whose_migrations_were_edited(test: TestDb) {
    let tollgate = Installation::new();
    record!(
        test,
        "UPDATE _sqlx_migrations SET checksum = checksum || checksum WHERE version = 2"
    );
    for line in [
        &["serve"][..],
        &["migrate"],
        &["migrate", "--dry-run"],
        &["org", "list"],
    ] {
        let mut command = tollgate.command();
        command.envs([
            ("DATABASE_URL", &*test.url),
            ("OPENAI_API_KEY", "k"),
            ("PORT", "0"),
        ]);
        let output = command.args(line).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(
            errors.contains("migration 2") && errors.contains("restore a backup"),
            "{errors}"
        );
    }
}

async fn a_server_serves_and_books_on_the_schema_of_the_next_release(test: TestDb) {
    let (tollgate, provider) = (Installation::new(), Provider::honest().await);
    record!(
        test,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (1000, 'add a column', TRUE, 'x', 1)"
    );
    for table in ["keys", "events", "budgets", "leases"] {
        let grow = format!("ALTER TABLE {table} ADD COLUMN added_later INTEGER");
        record!(test, sqlx::AssertSqlSafe(grow));
    }
    let run = |line: &[&str]| {
        let mut command = tollgate.command();
        command.env("DATABASE_URL", &test.url).args(line);
        let output = command.args(["--output", "json"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    run(&["org", "create", "Acme"]);
    let key = run(&[
        "key", "create", "--org", "Acme", "--name", "k", "--quota", "1000000",
    ]);
    tollgate.configure(&provider, "");
    let mut server = Running::start(tollgate.server().env("DATABASE_URL", &test.url));
    server.says("a later release");
    let client = Client::new(server.address().parse().unwrap());
    assert_eq!(
        client.chat(key["secret"].as_str().unwrap()).await.status,
        200
    );
    server.signal("TERM");
    assert_eq!(server.ended().0.code(), Some(0));
    let calls = run(&["calls", "--org", "Acme"]);
    assert_eq!(calls["data"][0]["source"], "reported");
    run(&["ledger", "verify"]);
}
