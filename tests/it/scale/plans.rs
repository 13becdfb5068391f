//! How Postgres does what the store asks of it.

use sqlx::{AssertSqlSafe, PgConnection, Row};
use tollgate::domain::tenant::OrganisationId;
use tollgate::store::Db;

use crate::support::app::TestApp;

/// Statements that are prepared, with how many values each takes.
const PREPARED: &str = "SELECT name, statement, cardinality(parameter_types) AS parameters
    FROM pg_prepared_statements WHERE statement LIKE 'SELECT%' AND position('pg_' IN statement) = 0";

/// Each statement with its plan, as for values that the planner does not know.
pub struct Plans(Vec<(String, String)>);

impl Plans {
    /// Of what `ask` asks, on a connection of its own.
    pub async fn of(app: &TestApp, ask: impl AsyncFnOnce(&Db, OrganisationId)) -> Self {
        let db = app.database.other_process().await;
        ask(&db, app.organisation.id).await;
        let Db::Postgres(pool) = &db else {
            panic!("plans are Postgres'");
        };
        let (mut connections, mut plans) = (Vec::new(), Vec::new());
        // They come back to the pool a moment after they were used.
        while connections.len() < usize::try_from(pool.size()).unwrap() {
            connections.push(pool.acquire().await.unwrap());
        }
        for connection in &mut connections {
            let generic = sqlx::query("SET plan_cache_mode = force_generic_plan");
            generic.execute(&mut **connection).await.unwrap();
            let prepared = sqlx::query(PREPARED).fetch_all(&mut **connection).await;
            for row in prepared.unwrap() {
                let (name, statement): (String, String) = (row.get("name"), row.get("statement"));
                let parameters: i32 = row.get("parameters");
                plans.push((statement, explain(connection, &name, parameters).await));
            }
        }
        assert!(!plans.is_empty());
        drop(connections);
        db.close().await;
        Self(plans)
    }

    /// Prints them for people.
    #[expect(clippy::print_stdout, reason = "a long run is read by people")]
    pub fn show(&self, what: &str) {
        for (_, plan) in &self.0 {
            println!("--- {what}\n{plan}\n");
        }
    }

    /// None of these tables is read at all.
    #[track_caller]
    pub fn never_read(&self, tables: &[&str]) {
        for (statement, plan) in &self.0 {
            for table in tables {
                let reads = plan.contains(&format!(" on {table} "))
                    || plan.contains(&format!(" on {table}\n"));
                assert!(!reads, "{statement}\n{plan}");
            }
        }
    }

    /// None of these tables is read from one end to the other.
    #[track_caller]
    pub fn never_scan(&self, tables: &[&str]) {
        for (statement, plan) in &self.0 {
            for table in tables {
                let scans = format!("Seq Scan on {table}");
                assert!(!plan.contains(&scans), "{statement}\n{plan}");
            }
        }
    }

    /// One of them works in this way.
    #[track_caller]
    pub fn must_have(&self, words: &str) {
        let has = self.0.iter().any(|(_, plan)| plan.contains(words));
        assert!(has, "no {words}: {:?}", self.0);
    }
}

async fn explain(connection: &mut PgConnection, name: &str, parameters: i32) -> String {
    let nulls = vec!["NULL"; usize::try_from(parameters).unwrap()].join(", ");
    let values = if nulls.is_empty() {
        String::new()
    } else {
        format!("({nulls})")
    };
    let explain = format!("EXPLAIN EXECUTE \"{name}\"{values}");
    let lines = sqlx::raw_sql(AssertSqlSafe(explain))
        .fetch_all(connection)
        .await;
    let lines = lines.unwrap();
    let lines: Vec<String> = lines.iter().map(|row| row.get(0)).collect();
    lines.join("\n") + "\n"
}
