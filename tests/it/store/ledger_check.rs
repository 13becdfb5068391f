//! The check of the books finds what does not add up.

use smallvec::smallvec;
use tollgate::domain::quota::{BudgetKey, Period, Unit};
use tollgate::domain::tenant::ScopeId;
use tollgate::store::events::{self, Batch, Event};
use tollgate::store::keys::Key;
use tollgate::store::leases::{self, Ask, Holder};
use tollgate::store::ledger_check::{Counter, Difference, verify};
use tollgate::store::{budgets, organisations};
use uuid::Uuid;

use super::{draw, event, key, now, organisation};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    every_unit_is_recomputed,
    a_counter_that_was_touched_is_named,
    events_that_were_deleted_are_in_the_checkpoint,
);

async fn open(test: &TestDb, key: &Key, unit: Unit) -> Uuid {
    let period = Period::Month;
    let name = BudgetKey {
        scope: ScopeId::Key(key.id),
        unit,
        period,
        start: period.start(now()),
    };
    let row = budgets::open(&test.db, &name, Some(1_000_000), now()).await;
    row.unwrap().id
}

/// Two calls that draw from a budget of each unit.
async fn booked(test: &TestDb) -> [Uuid; 3] {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let [tokens, requests, money] = [
        open(test, &key, Unit::Tokens).await,
        open(test, &key, Unit::Requests).await,
        open(test, &key, Unit::NanoUsd).await,
    ];
    let call = || Event {
        budgets: smallvec![
            draw(tokens, Unit::Tokens),
            draw(requests, Unit::Requests),
            draw(money, Unit::NanoUsd)
        ],
        ..event(&key)
    };
    events::book(&test.db, Batch::of(&[call(), call()]))
        .await
        .unwrap();
    [tokens, requests, money]
}

async fn every_unit_is_recomputed(test: TestDb) {
    let ids = booked(&test).await;
    assert_eq!(verify(&test.db).await.unwrap(), []);
    let mut used = Vec::new();
    for id in ids {
        used.push(number!(
            &test.db,
            "SELECT used FROM budgets WHERE id = $1",
            id
        ));
    }
    assert_eq!(used, [60, 2, 3_000]);
    let later = open_later(&test).await;
    assert_eq!(later, 3_000, "a new row opens with the money of its period");
    assert_eq!(verify(&test.db).await.unwrap(), []);
}

/// What a budget of the organisation's money opens with.
async fn open_later(test: &TestDb) -> i64 {
    let acme = organisations::find(&test.db, "Acme").await;
    let name = BudgetKey {
        scope: ScopeId::Organisation(acme.unwrap().unwrap().id),
        unit: Unit::NanoUsd,
        period: Period::Day,
        start: Period::Day.start(now()),
    };
    budgets::open(&test.db, &name, None, now())
        .await
        .unwrap()
        .used
}

async fn a_counter_that_was_touched_is_named(test: TestDb) {
    let [tokens, requests, money] = booked(&test).await;
    let holder = Holder {
        instance: Uuid::now_v7(),
        epoch: 1,
    };
    leases::register(&test.db, &holder, now()).await.unwrap();
    // Without a limit of the key, which would set it.
    execute!(&test.db, "UPDATE budgets SET amount = 1000");
    let asks = [Ask {
        lease: Uuid::now_v7(),
        budget: requests,
        need: 10,
    }];
    leases::grant(&test.db, &holder, &asks, now())
        .await
        .unwrap();
    assert_eq!(verify(&test.db).await.unwrap(), []);
    execute!(
        &test.db,
        "UPDATE budgets SET used = 59 WHERE id = $1",
        tokens
    );
    execute!(
        &test.db,
        "UPDATE leases SET remaining = remaining - 1, unclaimed = 4"
    );
    let leased = number!(
        &test.db,
        "SELECT leased FROM budgets WHERE id = $1",
        requests
    );
    let difference = |budget, counter, stored, recomputed| Difference {
        budget,
        counter,
        stored,
        recomputed,
    };
    let found = verify(&test.db).await.unwrap();
    assert_eq!(
        found,
        [
            difference(tokens, Counter::Used, 59, 60),
            difference(requests, Counter::Leased, leased, leased - 1),
            difference(requests, Counter::Unclaimed, 4, 0),
        ]
    );
    assert!(found.iter().all(|difference| difference.budget != money));
}

async fn events_that_were_deleted_are_in_the_checkpoint(test: TestDb) {
    let [tokens, requests, money] = booked(&test).await;
    execute!(&test.db, "DELETE FROM events");
    let used: Vec<i64> = verify(&test.db)
        .await
        .unwrap()
        .iter()
        .map(|row| row.stored)
        .collect();
    assert_eq!(used, [60, 2, 3_000]);
    for (budget, amount) in [(tokens, 60_i64), (requests, 2), (money, 3_000)] {
        let keep = "INSERT INTO budget_checkpoints (budget_id, amount) VALUES ($1, $2)";
        execute!(&test.db, keep, budget, amount);
    }
    assert_eq!(verify(&test.db).await.unwrap(), []);
}
