//! Databases of an earlier release are carried over with all that they hold, those of the next one are
//! worked with, and those that are not ours are refused.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::types::Json;
use tollgate::domain::quota::Unit;
use tollgate::domain::tenant::{CallId, KeyId, OrganisationId, ProjectId};
use tollgate::domain::usage::Source;
use tollgate::store::events::{self, Batch, Event};
use tollgate::store::keys;
use tollgate::store::ledger_check::verify;
use tollgate::store::usage::{self, CallsQuery, UsageQuery};
use tollgate::store::{Db, Pending, StoreError};
use uuid::Uuid;

use super::schema::assert_takes_every_statement;
use super::{at, draw, event, now, secret};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    an_edited_migration_is_refused_and_named,
    every_statement_works_on_a_schema_that_only_grew,
    a_later_release_says_whether_this_one_may_go_on
);

const DAY: Duration = Duration::from_hours(24);
const POSTGRES: &str = include_str!("../../../migrations/postgres/0001_create_tables.sql");
const SQLITE: &str = include_str!("../../../migrations/sqlite/0001_create_tables.sql");

const ORGANISATION: &str =
    "INSERT INTO organisations VALUES ($1, 'Acme', 'active', '{}', NULL, 1, $2, $2)";
const PROJECT: &str =
    "INSERT INTO projects VALUES ($1, $2, 'Default', '{}', NULL, TRUE, 1, $3, $3, NULL)";
const KEY: &str =
    "INSERT INTO keys VALUES ($1, $2, $3, 'ci', 'active', NULL, '{}', NULL, 1, $4, $4, NULL)";
const SECRET: &str = "INSERT INTO key_secrets VALUES ($1, $2, 'sk-0001…last', $3, NULL, 0)";
const EVENT: &str = "INSERT INTO events VALUES ($1, $2, $3, $4, $5, $6, 'openai', 'gpt-4o',
    'gpt-4o-2024-11-20', 'chat/completions', 200, NULL, 'reported', TRUE, 1, 10, 20, 30, 4, 5, 1500,
    100, FALSE, FALSE, 812, 90, $7)";
const ROLLUP: &str =
    "INSERT INTO rollups_hourly VALUES ($1, $2, $3, 'gpt-4o', $4, 3, 0, 30, 60, 90,
    0, 0, 4500)";
const BUDGET: &str = "INSERT INTO budgets VALUES ($1, 'key', $2, $3, 'month', $4, 1000, $5, 0, $4)";

/// Only the first migration.
async fn begin(db: &Db) {
    let step = |sql: &'static str| {
        let (name, kind) = (Cow::Borrowed("create tables"), MigrationType::Simple);
        let step = Migration::new(1, name, kind, sql.into_sql_str(), false);
        Migrator::with_migrations(vec![step])
    };
    match db {
        Db::Postgres(pool) => step(POSTGRES).run(pool).await.unwrap(),
        Db::Sqlite(pools) => {
            let mut connection = pools.writer().acquire().await.unwrap();
            let step = step(SQLITE);
            step.run_direct(None, &mut *connection, false)
                .await
                .unwrap();
        }
    }
}

/// An organisation with a key, as the first release wrote them.
async fn tenant(db: &Db) -> (OrganisationId, KeyId) {
    let (acme, project, key) = (OrganisationId::new(), ProjectId::new(), KeyId::new());
    execute!(db, ORGANISATION, acme, now());
    execute!(db, PROJECT, project, acme, now());
    execute!(db, KEY, key, acme, project, now());
    execute!(db, SECRET, secret(1), key, now());
    (acme, key)
}

/// Three calls, one without budgets, as the first release wrote them.
async fn fill(db: &Db, (of, key): (OrganisationId, KeyId), budgets: [Uuid; 2]) -> Vec<CallId> {
    let (start, project) = (at("2026-11-01T00:00:00Z"), ProjectId::new());
    for (id, unit, used) in [
        (budgets[0], Unit::Tokens, 60),
        (budgets[1], Unit::Requests, 2),
    ] {
        execute!(db, BUDGET, id, key, unit, start, used);
    }
    let hour = at("2026-11-18T10:00:00Z");
    execute!(db, ROLLUP, of, project, key, hour);
    let ids: Vec<CallId> = (0..3).map(|_| CallId::new()).collect();
    for (n, id) in ids.iter().enumerate() {
        let budgets = Json(if n == 0 { vec![] } else { budgets.to_vec() });
        let hash = secret(1);
        execute!(db, EVENT, *id, now(), of, project, key, hash, budgets);
    }
    ids
}

async fn books_of_the_first_release_are_carried_over(test: TestDb) {
    begin(&test.db).await;
    let (acme, key) = tenant(&test.db).await;
    let budgets = [Uuid::now_v7(), Uuid::now_v7()];
    let ids = fill(&test.db, (acme, key), budgets).await;
    test.db.migrate().await.unwrap();
    let key = keys::find_in(&test.db, acme, key).await.unwrap().unwrap();
    assert_eq!(verify(&test.db).await.unwrap(), []);
    let query = CallsQuery {
        key: Some(key.id),
        ..CallsQuery::default()
    };
    let calls = usage::calls(&test.db, acme, query).await.unwrap();
    assert!(calls.iter().map(|call| call.id).eq(ids.into_iter().rev()));
    assert!(calls.iter().all(|call| {
        let texts = (&*call.model, &*call.provider, call.status, call.source);
        let numbers = (
            call.at,
            call.total_tokens,
            call.cost_nano,
            call.first_token_ms,
        );
        texts == ("gpt-4o", "openai", 200, Source::Reported)
            && numbers == (now(), 30, 1500, Some(90))
    }));
    for (day, may_be_pruned) in [(now().minus(DAY), true), (now().plus(DAY), false)] {
        let was_booked = events::was_booked(&test.db, acme, day, CallId::new()).await;
        assert_eq!(was_booked.unwrap(), may_be_pruned);
    }
    let more = Event {
        budgets: budgets
            .iter()
            .zip([Unit::Tokens, Unit::Requests])
            .map(|(id, unit)| draw(*id, unit))
            .collect(),
        ..event(&key)
    };
    events::book(&test.db, Batch::of(&[more])).await.unwrap();
    assert_eq!(verify(&test.db).await.unwrap(), []);
    let sums = usage::usage(&test.db, acme, UsageQuery::default())
        .await
        .unwrap();
    assert_eq!((sums[0].requests, sums[0].total_tokens), (4, 120));
}

#[tokio::test]
async fn books_of_the_first_release_are_carried_over_on_sqlite() {
    books_of_the_first_release_are_carried_over(TestDb::empty_sqlite().await).await;
}

#[tokio::test]
async fn books_of_the_first_release_are_carried_over_on_postgres() {
    books_of_the_first_release_are_carried_over(TestDb::empty_postgres().await).await;
}

#[tokio::test]
async fn a_look_at_a_database_lists_what_it_lacks_and_leaves_it_so() {
    for test in [TestDb::empty_sqlite().await, TestDb::empty_postgres().await] {
        begin(&test.db).await;
        let pending = test.db.standing().await.unwrap().pending;
        let newest = test.db.migrate().await.unwrap().pending;
        assert_eq!(pending, newest);
        let (number, name) = (2, "add leases");
        assert_eq!(pending[0], Pending { number, name });
        assert_eq!(test.db.standing().await.unwrap().pending, []);
    }
}

/// What the database says that it was refused for.
async fn refused(db: &Db) -> String {
    match db.migrate().await.unwrap_err() {
        StoreError::Setup { what } => what,
        error => panic!("{error:?}"),
    }
}

async fn an_edited_migration_is_refused_and_named(test: TestDb) {
    const EDIT: &str = "UPDATE _sqlx_migrations SET checksum = $1 WHERE version = 3";
    execute!(&test.db, EDIT, b"other".as_slice());
    let what = refused(&test.db).await;
    assert!(
        what.contains("migration 3") && what.contains("restore a backup"),
        "{what}"
    );
}

/// The tables of the product.
async fn tables(db: &Db) -> Vec<String> {
    const SQLITE: &str = "SELECT name FROM sqlite_master
        WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
    const POSTGRES: &str = "SELECT tablename::TEXT FROM pg_tables
        WHERE schemaname = 'public' AND tablename NOT LIKE '\\_sqlx%'";
    match db {
        Db::Postgres(pool) => sqlx::query_scalar(POSTGRES).fetch_all(pool).await,
        Db::Sqlite(pools) => sqlx::query_scalar(SQLITE).fetch_all(pools.writer()).await,
    }
    .unwrap()
}

async fn every_statement_works_on_a_schema_that_only_grew(test: TestDb) {
    let tables = tables(&test.db).await;
    assert!(tables.len() > 10, "{tables:?}");
    for table in tables {
        let grow = format!("ALTER TABLE {table} ADD COLUMN added_later INTEGER");
        let grow = sqlx::AssertSqlSafe(grow);
        match &test.db {
            Db::Postgres(pool) => sqlx::query(grow).execute(pool).await.map(drop),
            Db::Sqlite(pools) => sqlx::query(grow).execute(pools.writer()).await.map(drop),
        }
        .unwrap();
    }
    assert_takes_every_statement(&test.db).await;
}

async fn a_later_release_says_whether_this_one_may_go_on(test: TestDb) {
    const ADD: &str = "INSERT INTO _sqlx_migrations
        (version, description, success, checksum, execution_time) VALUES ($1, $2, TRUE, $3, 1)";
    let checksum = b"later".as_slice();
    execute!(&test.db, ADD, 1000_i64, "add something", checksum);
    assert_eq!(test.db.migrate().await.unwrap().newer, Some(1000));
    execute!(
        &test.db,
        ADD,
        1001_i64,
        "drop something; needs 1000",
        checksum
    );
    let what = refused(&test.db).await;
    assert!(
        what.contains("1001") && what.contains("later release"),
        "{what}"
    );
}
