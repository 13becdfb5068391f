//! Leases as Postgres has them, and how a test makes them old.

use std::time::Duration;

use sqlx::PgPool;
use tollgate::store::Db;
use uuid::Uuid;

use super::site::{Machine, Site};

const LEASED: &str = "SELECT CAST(COALESCE(SUM(remaining), 0) AS BIGINT) FROM leases
    WHERE instance_id = $1 AND state <> 'closed'";
const SUSPECT: &str = "SELECT CAST(COALESCE(SUM(remaining), 0) AS BIGINT) FROM leases
    WHERE instance_id = $1 AND state = 'suspect'";
const AGE: &str = "UPDATE leases SET expires_at = now() - make_interval(secs => $2)
    WHERE instance_id = $1 AND state <> 'closed'";
const ADJUSTED: &str = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM adjustments
    WHERE lease_id IS NOT NULL";
const SUCCEED: &str = "UPDATE instances SET epoch = epoch + 1 WHERE id = $1";

impl Site {
    /// What the leases of `machine` hold, suspect or not.
    pub async fn leased_by(&self, machine: &Machine) -> i64 {
        self.sum(LEASED, machine).await
    }

    /// What its suspect leases hold.
    pub async fn suspect_of(&self, machine: &Machine) -> i64 {
        self.sum(SUSPECT, machine).await
    }

    /// What is used without a call, because leases were charged.
    pub async fn charged(&self) -> i64 {
        let sum = sqlx::query_scalar(ADJUSTED);
        sum.fetch_one(self.pool()).await.unwrap()
    }

    /// As if the leases of `machine`, which must be dead, had expired so long ago.
    pub async fn expire(&self, machine: &Machine, ago: Duration) {
        let age = sqlx::query(AGE).bind(machine.instance());
        let age = age.bind(ago.as_secs_f64());
        age.execute(self.pool()).await.unwrap();
    }

    /// As if another process had taken over the journal of `machine`.
    pub async fn take_over(&self, machine: &Machine) {
        let succeed = sqlx::query(SUCCEED).bind(machine.instance());
        succeed.execute(self.pool()).await.unwrap();
    }

    async fn sum(&self, sql: &'static str, machine: &Machine) -> i64 {
        let sum = sqlx::query_scalar(sql).bind(machine.instance());
        sum.fetch_one(self.pool()).await.unwrap()
    }

    pub fn pool(&self) -> &PgPool {
        match &self.database.db {
            Db::Postgres(pool) => pool,
            Db::Sqlite(_) => panic!("leases of SQLite never expire"),
        }
    }
}

impl Machine {
    /// What the store calls the owner of its journal.
    fn instance(&self) -> Uuid {
        let holder = std::fs::read_to_string(self.data().join("journal/0/holder")).unwrap();
        holder.split(' ').next().unwrap().parse().unwrap()
    }
}
