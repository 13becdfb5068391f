//! Which keys are closest to the end of what they may use.

use tollgate::domain::limits::{Limits, MoneyBudget};
use tollgate::domain::quota::{BudgetKey, Period};
use tollgate::domain::tenant::{KeyStatus, ScopeId};
use tollgate::domain::time::Timestamp;
use tollgate::store::keys::{self, Key, KeyPatch, NewKey};
use tollgate::store::organisations::Organisation;
use tollgate::store::{Db, budgets};
use uuid::Uuid;

use super::{at, new_key, now, organisation, quota, secret};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    the_largest_part_used_comes_first_whatever_its_size,
    only_what_works_and_counts_now_is_looked_at,
    members_see_their_own,
);

/// A key that has used so many of each limit's units, as they were counted at `time`.
async fn used(
    db: &Db,
    of: &Organisation,
    (seed, name): (u8, &str),
    (limits, used): (Limits, &[i64]),
    time: Timestamp,
) -> Key {
    let budget_limits: Vec<_> = limits.budgets().collect();
    let new = NewKey {
        name: name.to_owned(),
        limits,
        ..new_key(of)
    };
    let key = keys::create(db, new, &secret(seed), "sk-", now())
        .await
        .unwrap();
    for (limit, used) in budget_limits.into_iter().zip(used) {
        let (scope, unit, period) = (ScopeId::Key(key.id), limit.unit, limit.period);
        let start = period.start(time);
        let budget = BudgetKey {
            scope,
            unit,
            period,
            start,
        };
        let amount = Some(limit.amount);
        let row = budgets::open(db, &budget, amount, time).await.unwrap();
        let sql = "UPDATE budgets SET used = $2 WHERE id = $1";
        assert_eq!(execute!(db, sql, row.id, *used), 1);
    }
    key
}

async fn near(db: &Db, of: &Organisation, owner: Option<Uuid>, limit: u16) -> Vec<String> {
    let found = keys::near_quota(db, of.id, owner, now(), limit)
        .await
        .unwrap();
    found.into_iter().map(|key| key.name).collect()
}

fn money(amount_nano: i64) -> Limits {
    let period = Period::None;
    Limits {
        budget: Some(MoneyBudget {
            amount_nano,
            period,
        }),
        ..Limits::default()
    }
}

async fn the_largest_part_used_comes_first_whatever_its_size(test: TestDb) {
    let db = &test.db;
    let acme = organisation(db, "Acme").await;
    let large = (quota(1_000_000, Period::Month), &[500_000][..]);
    used(db, &acme, (1, "half of much"), large, now()).await;
    let small = (quota(100, Period::Day), &[90][..]);
    used(db, &acme, (2, "most of little"), small, now()).await;
    used(db, &acme, (3, "money"), (money(1000), &[700]), now()).await;
    let both = Limits {
        budget: money(1000).budget,
        ..quota(1000, Period::Week)
    };
    used(db, &acme, (4, "both"), (both, &[10, 1_100]), now()).await;
    let nothing = (quota(0, Period::Month), &[0][..]);
    used(db, &acme, (5, "allows nothing"), nothing, now()).await;
    let order = ["both", "most of little", "money", "half of much"];
    assert_eq!(near(db, &acme, None, 4).await, order);
    assert_eq!(near(db, &acme, None, 1).await, ["both"]);
    assert_eq!(near(db, &acme, None, 9).await.len(), 5);
}

async fn only_what_works_and_counts_now_is_looked_at(test: TestDb) {
    let db = &test.db;
    let (acme, other) = (
        organisation(db, "Acme").await,
        organisation(db, "Other").await,
    );
    let full = || (quota(10, Period::Month), &[10][..]);
    used(db, &other, (1, "foreign"), full(), now()).await;
    let last_month = at("2026-10-20T00:00:00Z");
    used(db, &acme, (2, "full last month"), full(), last_month).await;
    let disabled = used(db, &acme, (3, "disabled"), full(), now()).await;
    let expired = used(db, &acme, (4, "expired"), full(), now()).await;
    let freed = used(db, &acme, (5, "without its quota"), full(), now()).await;
    used(db, &acme, (6, "works"), full(), now()).await;
    let change = async |key: Key, patch| {
        keys::update(db, key.id, patch, now()).await.unwrap();
    };
    let patch = KeyPatch {
        status: Some(KeyStatus::Disabled),
        ..KeyPatch::default()
    };
    change(disabled, patch).await;
    let patch = KeyPatch {
        expires_at: Some(Some(now())),
        ..KeyPatch::default()
    };
    change(expired, patch).await;
    let patch = KeyPatch {
        limits: Some(Limits::default().into()),
        ..KeyPatch::default()
    };
    change(freed, patch).await;
    assert_eq!(near(db, &acme, None, 9).await, ["works"]);
}

async fn members_see_their_own(test: TestDb) {
    let db = &test.db;
    let acme = organisation(db, "Acme").await;
    let half = || (quota(10, Period::Month), &[5][..]);
    used(db, &acme, (1, "another's"), half(), now()).await;
    let own = used(db, &acme, (2, "own"), half(), now()).await;
    let owner = Some(Uuid::now_v7());
    let patch = KeyPatch {
        owner_id: owner,
        ..KeyPatch::default()
    };
    keys::update(db, own.id, patch, now()).await.unwrap();
    assert_eq!(near(db, &acme, owner, 9).await, ["own"]);
    assert_eq!(near(db, &acme, None, 9).await.len(), 2);
}
