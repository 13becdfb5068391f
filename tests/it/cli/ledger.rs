//! `tollgate ledger verify`.

use serde_json::{Value, json};
use tollgate::store::Db;
use uuid::Uuid;

use super::Installation;

#[test]
fn books_that_add_up_say_so() {
    let tollgate = Installation::new();
    assert_eq!(tollgate.text(&["ledger", "verify"]), "The books add up.\n");
    assert_eq!(tollgate.json(&["ledger", "verify"])["data"], json!([]));
}

#[test]
fn a_line_and_an_exit_code_name_each_counter_that_is_off() {
    let tollgate = Installation::new();
    tollgate.organisation("A");
    let id = "01890000-0000-7000-8000-000000000001";
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(open_wrong(&tollgate, id));
    let output = tollgate.run(&["ledger", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        lines,
        format!("budget {id}: used is 7, must be 0\nbudget {id}: leased is 3, must be 0\n")
    );
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("2 differences"), "{errors}");
    let output = tollgate.run(&["ledger", "verify", "--output", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!(
        {"budget_id": id, "counter": "used", "stored": 7, "recomputed": 0}
    );
    assert_eq!(answer["data"][0], expected);
}

/// A budget whose counters nothing explains.
async fn open_wrong(tollgate: &Installation, id: &str) {
    let file = tollgate.directory.path().join("data/tollgate.db");
    let url = format!("sqlite://{}", file.display());
    let Db::Sqlite(pools) = Db::connect(&url).await.unwrap() else {
        panic!("a file is SQLite");
    };
    let id: Uuid = id.parse().unwrap();
    let open = "INSERT INTO budgets VALUES ($1, 'key', $1, 'tokens', 'none', 0, NULL, 7, 3, 0)";
    let open = sqlx::query(open).bind(id);
    open.execute(pools.writer()).await.unwrap();
}
