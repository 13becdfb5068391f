//! A standby that lags behind and takes over, as far as the database's users see it.

use sqlx::PgPool;

/// What calls change, in an order that references allow.
const TABLES: [&str; 12] = [
    "instances",
    "budgets",
    "leases",
    "adjustments",
    "budget_checkpoints",
    "kinds",
    "events",
    "rollups_hourly",
    "rollups_of_projects",
    "key_uses",
    "changes",
    "changes_head",
];
const REPLAYED: &str = "SELECT setval(pg_get_serial_sequence('kinds', 'id'), MAX(id)) FROM kinds";

/// It keeps what is there now.
pub async fn lag(pool: &PgPool) {
    let keep = TABLES.map(|name| format!("CREATE TABLE standby_{name} AS TABLE {name};"));
    run(pool, keep.concat()).await;
}

/// It takes over: everything after that never was.
pub async fn promote(pool: &PgPool) {
    let lock = TABLES.map(|name| format!("LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE;"));
    let replace = TABLES.map(|name| {
        format!("DELETE FROM {name}; INSERT INTO {name} SELECT * FROM standby_{name};")
    });
    let (lock, replace) = (lock.concat(), replace.concat());
    let sql = format!("SET LOCAL session_replication_role = replica; {lock}{replace}{REPLAYED}");
    run(pool, format!("BEGIN; {sql}; COMMIT")).await;
}

async fn run(pool: &PgPool, sql: String) {
    let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
    sql.execute(pool).await.unwrap();
}
