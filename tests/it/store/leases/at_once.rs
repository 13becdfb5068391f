//! Many processes at once: they wait for each other in one order, and never for ever.

use futures_util::future::join_all;
use tollgate::domain::quota::Unit;
use tollgate::domain::tenant::CallId;
use tollgate::store::events::{Batch, Booker, BudgetDraw, Event};
use tollgate::store::leases::{self, Ask, Holder, Return};
use tollgate::store::{Db, StoreError};
use uuid::Uuid;

use super::super::{adds_up, event, key, now, organisation};
use super::{Books, after, open};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    processes_at_once_are_never_given_more_than_there_is,
    eight_flushers_beside_grants_and_heartbeats_never_deadlock,
);

async fn processes_at_once_are_never_given_more_than_there_is(test: TestDb) {
    let books = Books::new(test).await;
    let mut processes = Vec::new();
    for _ in 0..8 {
        processes.push(books.process().await);
    }
    let asking = processes.iter().map(async |process| {
        let mut granted = 0;
        for need in [90, 40, 20, 10, 5, 1] {
            granted += books.ask(process, need).await.granted;
        }
        granted
    });
    let granted: i64 = join_all(asking).await.iter().sum();
    assert_eq!((0, granted), books.counters().await);
    assert!((900..=1000).contains(&granted), "{granted}");
}

/// A process whose leases, one of each budget, are named by its holder and the budget.
struct Flusher {
    db: Db,
    holder: Holder,
    draws: Vec<(Event<'static>, BudgetDraw)>,
}

impl Flusher {
    /// Asks, books and returns, each over all budgets in an order of its own.
    async fn run(&self, turns: usize) -> Result<usize, StoreError> {
        let booker = Booker::new(self.db.clone());
        let mut new = 0;
        for turn in 0..turns {
            let mut draws = self.draws.clone();
            draws.rotate_left(turn * 7);
            let asks: Vec<Ask> = draws.iter().map(ask).collect();
            leases::grant(&self.db, &self.holder, &asks, now()).await?;
            let events: Vec<Event<'_>> = draws.iter().map(call).collect();
            let total = i64::try_from(turn).unwrap() * 2;
            let returns: Vec<Return> = asks.iter().map(|ask| give_back(ask.lease, total)).collect();
            let batch = Batch {
                events: &events,
                returns: &returns,
                ..Batch::default()
            };
            new += booker.book(batch).await?;
            let held: Vec<_> = asks.iter().rev().map(|ask| (ask.lease, 1)).collect();
            leases::renew(&self.db, &self.holder, &held, now()).await?;
        }
        Ok(new)
    }
}

fn ask((_, draw): &(Event<'static>, BudgetDraw)) -> Ask {
    Ask {
        lease: draw.lease.unwrap(),
        budget: draw.budget,
        need: 40,
    }
}

fn call((event, draw): &(Event<'static>, BudgetDraw)) -> Event<'static> {
    Event {
        id: CallId::new(),
        budgets: [*draw].into_iter().collect(),
        ..event.clone()
    }
}

fn give_back(lease: Uuid, total: i64) -> Return {
    Return { lease, total }
}

async fn eight_flushers_beside_grants_and_heartbeats_never_deadlock(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let mut budgets = Vec::new();
    for seed in 0..40 {
        let key = key(&test.db, &acme, seed).await;
        let budget = open(&test.db, &key, Some(1_000_000)).await;
        budgets.push((event(&key), budget));
    }
    let mut flushers = Vec::new();
    for n in 0..8 {
        let holder = Holder {
            instance: Uuid::now_v7(),
            epoch: 1,
        };
        leases::register(&test.db, &holder, now()).await.unwrap();
        let draws = budgets.iter().map(|(event, budget)| {
            let draw = BudgetDraw {
                budget: *budget,
                lease: Some(Uuid::now_v7()),
                unit: Unit::Tokens,
            };
            (event.clone(), draw)
        });
        let mut draws: Vec<_> = draws.collect();
        draws.rotate_left(n * 5);
        let db = test.other_process().await;
        flushers.push(Flusher { db, holder, draws });
    }
    let sweeping = async {
        for minutes in 0..20 {
            leases::suspect_expired(&test.db, after(minutes % 3))
                .await
                .unwrap();
        }
    };
    let before = deadlocks(&test.db).await;
    let flushing = join_all(flushers.iter().map(|flusher| flusher.run(6)));
    let (booked, ()) = tokio::join!(flushing, sweeping);
    for booked in booked {
        assert_eq!(booked.unwrap(), 6 * 40);
    }
    assert_eq!(deadlocks(&test.db).await, before);
    adds_up(&test.db).await;
    let used = number!(&test.db, "SELECT CAST(SUM(used) AS BIGINT) FROM budgets");
    assert_eq!(used, 8 * 6 * 40 * 30);
}

/// How many the server has seen in this database.
async fn deadlocks(db: &Db) -> i64 {
    let seen = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    match db {
        Db::Postgres(_) => number!(db, seen),
        Db::Sqlite(_) => 0,
    }
}
