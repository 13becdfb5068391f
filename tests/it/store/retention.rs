//! What is old goes, and the books still add up.

use smallvec::smallvec;
use std::time::Duration;

use tollgate::domain::limits::Limits;
use tollgate::domain::quota::{BudgetKey, Period, Unit};
use tollgate::domain::tenant::ScopeId;
use tollgate::domain::time::Timestamp;
use tollgate::store::audit::AuditQuery;
use tollgate::store::events::{self, Batch, Event};
use tollgate::store::keys::{self, Key};
use tollgate::store::ledger_check::verify;
use tollgate::store::organisations::{self, OrganisationPatch};
use tollgate::store::retention::{prune_calls, prune_records};
use tollgate::store::usage::{self, CallsQuery, UsageQuery};
use tollgate::store::{audit, budgets, changes};
use uuid::Uuid;

use super::{draw, event, key, now, organisation};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    old_calls_go_and_their_sums_stay,
    a_call_pruned_by_two_processes_is_kept_once,
    old_records_go_and_young_ones_stay,
    nobody_rewrites_the_audit_log,
);

const DAY: Duration = Duration::from_hours(24);

async fn budget(test: &TestDb, key: &Key) -> Uuid {
    let period = Period::Month;
    let name = BudgetKey {
        scope: ScopeId::Key(key.id),
        unit: Unit::Tokens,
        period,
        start: period.start(now()),
    };
    let row = budgets::open(&test.db, &name, Some(1_000_000), now()).await;
    row.unwrap().id
}

/// One call of 30 tokens at each of these times.
async fn booked(test: &TestDb, times: &[Timestamp]) -> Key {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let budget = budget(test, &key).await;
    let call = |at: &Timestamp| Event {
        at: *at,
        budgets: smallvec![draw(budget, Unit::Tokens)],
        ..event(&key)
    };
    let calls: Vec<_> = times.iter().map(call).collect();
    events::book(&test.db, Batch::of(&calls)).await.unwrap();
    key
}

async fn prune(test: &TestDb, before: Timestamp) -> u64 {
    let mut gone = 0;
    loop {
        match prune_calls(&test.db, before).await.unwrap() {
            0 => return gone,
            some => gone += some,
        }
    }
}

async fn old_calls_go_and_their_sums_stay(test: TestDb) {
    let old = now().minus(DAY * 100);
    let mut times = vec![old; 1200];
    times.extend([now(), now().minus(DAY)]);
    let key = booked(&test, &times).await;
    assert_eq!(verify(&test.db).await.unwrap(), []);
    let before = now().minus(DAY * 90);
    assert_eq!(prune(&test, before).await, 1201, "1200 calls of one kind");
    assert_eq!(prune(&test, before).await, 0);
    assert_eq!(
        verify(&test.db).await.unwrap(),
        [],
        "checkpoints hold the rest"
    );
    let (of, query) = (key.organisation_id, CallsQuery::default());
    let left = usage::calls(&test.db, of, query).await.unwrap();
    assert_eq!(left.len(), 2);
    let sums = usage::usage(&test.db, of, UsageQuery::default())
        .await
        .unwrap();
    assert_eq!(sums[0].requests, 1202, "hours are kept");
}

async fn a_call_pruned_by_two_processes_is_kept_once(test: TestDb) {
    let old = now().minus(DAY * 100);
    booked(&test, &[old; 900]).await;
    let other = test.other_process().await;
    let before = now().minus(DAY * 90);
    let (one, two) = tokio::join!(prune_calls(&test.db, before), prune_calls(&other, before));
    assert!(one.is_ok() && two.is_ok());
    prune(&test, before).await;
    assert_eq!(verify(&test.db).await.unwrap(), []);
}

async fn old_records_go_and_young_ones_stay(test: TestDb) {
    let long_ago = now().minus(DAY * 400);
    let limits = Limits::default();
    let acme = organisations::create(&test.db, "Acme", &limits, long_ago)
        .await
        .unwrap();
    let renamed = OrganisationPatch {
        name: Some("Acme Inc".to_owned()),
        ..OrganisationPatch::default()
    };
    organisations::update(&test.db, acme.id, renamed, now())
        .await
        .unwrap();
    let head = changes::head(&test.db).await.unwrap();
    while prune_records(&test.db, now().minus(DAY * 365), now())
        .await
        .unwrap()
        > 0
    {}
    let left = audit::list(&test.db, acme.id, &AuditQuery::default(), 10)
        .await
        .unwrap();
    let actions: Vec<_> = left.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["organisation.update"]);
    let seen = changes::since(&test.db, 0).await.unwrap();
    assert_eq!(
        seen.last().unwrap().id,
        head,
        "a sleeper can tell that it missed some"
    );
    assert_eq!(seen.len(), 1);
}

async fn nobody_rewrites_the_audit_log(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    keys::list(&test.db, acme.id).await.unwrap();
    for sql in [
        "UPDATE audit SET author_name = 'nobody'",
        "DELETE FROM audit",
    ] {
        let done = match &test.db {
            tollgate::store::Db::Postgres(pool) => sqlx::query(sql).execute(pool).await.map(drop),
            tollgate::store::Db::Sqlite(pools) => {
                sqlx::query(sql).execute(pools.writer()).await.map(drop)
            }
        };
        let refused = done.unwrap_err().to_string();
        assert!(refused.contains("not rewritten"), "{refused}");
    }
}
