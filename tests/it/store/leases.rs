//! Leases: what is given is there, what is spent is taken once, and what was given is never
//! forgotten. What the tests share: a budget of 1000 tokens, holders, and calls that spend.

use std::time::Duration;

use smallvec::smallvec;
use tollgate::domain::quota::{BudgetKey, Period, Unit};
use tollgate::domain::tenant::ScopeId;
use tollgate::domain::time::Timestamp;
use tollgate::store::events::{self, Batch, BudgetDraw, Event};
use tollgate::store::keys::Key;
use tollgate::store::leases::{self, Answer, Ask, Balance, Holder, Renewal, Return};
use tollgate::store::{Db, StoreError, budgets, changes};
use uuid::Uuid;

use super::{event, key, now, organisation};
use crate::support::db::{TestDb, on_both_engines};

mod at_once;
mod closing;
mod history;

on_both_engines!(
    a_grant_is_a_share_of_what_is_free_and_never_more,
    an_ask_that_cannot_be_met_says_why,
    many_asks_are_answered_in_their_order,
    a_missed_answer_is_found_in_the_next,
    events_take_from_their_lease_and_what_is_charged_beyond_it_from_the_budget,
    what_is_held_is_noted_with_the_events_that_spent_from_the_lease,
    room_comes_back_once_however_often_it_is_said,
    a_later_life_fences_the_earlier_ones_but_not_their_events,
    a_lease_serves_only_its_holder_and_budget,
    of_many_leases_each_is_renewed_or_said_to_be_lost,
    a_recall_is_a_change_that_names_its_budget,
);

/// A tenant's key with a budget of 1000 tokens.
struct Books {
    test: TestDb,
    key: Key,
    budget: Uuid,
}

/// A process and its lease of the budget.
struct Process {
    holder: Holder,
    lease: Uuid,
}

impl Books {
    async fn new(test: TestDb) -> Self {
        let acme = organisation(&test.db, "Acme").await;
        let key = key(&test.db, &acme, 1).await;
        let budget = open(&test.db, &key, Some(1000)).await;
        Self { test, key, budget }
    }

    fn db(&self) -> &Db {
        &self.test.db
    }

    async fn process(&self) -> Process {
        let holder = Holder {
            instance: Uuid::now_v7(),
            epoch: 1,
        };
        let lease = Uuid::now_v7();
        leases::register(self.db(), &holder, now()).await.unwrap();
        Process { holder, lease }
    }

    async fn ask(&self, process: &Process, need: i64) -> Answer {
        let asks = [Ask {
            lease: process.lease,
            budget: self.budget,
            need,
        }];
        let answers = leases::grant(self.db(), &process.holder, &asks, now());
        answers.await.unwrap()[0]
    }

    /// A call of `tokens` that was held in `lease`.
    fn call(&self, lease: Option<Uuid>, tokens: i64) -> Event<'static> {
        let draw = BudgetDraw {
            budget: self.budget,
            lease,
            unit: Unit::Tokens,
        };
        Event {
            total_tokens: tokens,
            budgets: smallvec![draw],
            ..event(&self.key)
        }
    }

    async fn book(&self, events: &[Event<'_>]) {
        events::book(self.db(), Batch::of(events)).await.unwrap();
    }

    async fn take_back(&self, lease: Uuid, total: i64) {
        let returns = [Return { lease, total }];
        let batch = Batch {
            events: &[],
            returns: &returns,
            ..Batch::default()
        };
        events::book(self.db(), batch).await.unwrap();
    }

    async fn renew(&self, process: &Process, at: Timestamp) -> Result<Renewal, StoreError> {
        leases::renew(self.db(), &process.holder, &[(process.lease, 0)], at).await
    }

    /// What is used and leased; the books add up.
    #[track_caller]
    fn counters(&self) -> impl Future<Output = (i64, i64)> {
        let adding_up = super::adds_up(self.db());
        async move {
            adding_up.await;
            let used = number!(
                self.db(),
                "SELECT used FROM budgets WHERE id = $1",
                self.budget
            );
            let leased = "SELECT leased FROM budgets WHERE id = $1";
            (used, number!(self.db(), leased, self.budget))
        }
    }
}

async fn open(db: &Db, key: &Key, amount: Option<i64>) -> Uuid {
    let (unit, period) = (Unit::Tokens, Period::Month);
    let name = BudgetKey {
        scope: ScopeId::Key(key.id),
        unit,
        period,
        start: period.start(now()),
    };
    let id = budgets::open(db, &name, None, now()).await.unwrap().id;
    // Without a limit of the key, which would set it.
    execute!(
        db,
        "UPDATE budgets SET amount = $1 WHERE id = $2",
        amount,
        id
    );
    id
}

fn after(minutes: u64) -> Timestamp {
    now().plus(Duration::from_mins(minutes))
}

async fn a_grant_is_a_share_of_what_is_free_and_never_more(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    let first = books.ask(&one, 10).await;
    assert_eq!((first.granted, first.used, first.leased), (500, 0, 500));
    let two = books.process().await;
    assert_eq!(books.ask(&two, 10).await.granted, 125);
    assert_eq!(books.ask(&one, 300).await.granted, 300);
    let last = books.ask(&two, 75).await;
    assert_eq!(
        (last.granted, last.leased, last.amount),
        (75, 1000, Some(1000))
    );
    assert_eq!(books.counters().await, (0, 1000));
}

async fn an_ask_that_cannot_be_met_says_why(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    books.book(&[books.call(None, 600)]).await;
    let answer = books.ask(&one, 401).await;
    assert_eq!((answer.granted, answer.used, answer.leased), (0, 600, 0));
    assert!(!answer.is_lost);
    let unlimited = Ask {
        lease: Uuid::now_v7(),
        budget: open(books.db(), &books.key, None).await,
        need: 1,
    };
    let nowhere = Ask {
        budget: Uuid::now_v7(),
        ..unlimited
    };
    let asks = [unlimited, nowhere];
    let answers = leases::grant(books.db(), &one.holder, &asks, now());
    let amounts = answers.await.unwrap();
    let amounts = amounts.iter().map(|answer| (answer.granted, answer.amount));
    assert_eq!(amounts.collect::<Vec<_>>(), [(0, None), (0, Some(0))]);
}

async fn many_asks_are_answered_in_their_order(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    let acme = organisation(books.db(), "Many").await;
    let mut asks = Vec::new();
    for seed in 0..70 {
        let key = key(books.db(), &acme, 100 + seed).await;
        let budget = open(books.db(), &key, Some(100)).await;
        asks.extend((0..4).map(|n| Ask {
            lease: Uuid::from_u128(budget.as_u128() ^ 1),
            budget,
            need: 20 * n,
        }));
    }
    asks.reverse();
    let answers = leases::grant(books.db(), &one.holder, &asks, now())
        .await
        .unwrap();
    for (asks, answers) in asks.chunks(4).zip(answers.chunks(4)) {
        let named = answers.iter().map(|answer| answer.budget);
        assert!(named.eq(asks.iter().map(|ask| ask.budget)));
        // 60 of 100, then 40 is what is left, then nothing.
        let granted: Vec<i64> = answers.iter().map(|answer| answer.granted).collect();
        assert_eq!(granted, [60, 40, 0, 0]);
        assert!(
            answers
                .iter()
                .all(|answer| (answer.leased, answer.balance.remaining) == (100, 100))
        );
    }
    books.counters().await;
}

async fn a_missed_answer_is_found_in_the_next(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    books.ask(&one, 1000).await;
    let answer = books.ask(&one, 10).await;
    assert_eq!((answer.granted, answer.balance.remaining), (0, 1000));
}

async fn events_take_from_their_lease_and_what_is_charged_beyond_it_from_the_budget(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    assert_eq!(books.ask(&one, 10).await.granted, 500);
    let first = books.call(Some(one.lease), 200);
    books
        .book(&[first.clone(), books.call(Some(one.lease), 100)])
        .await;
    assert_eq!(books.counters().await, (300, 200));
    books
        .book(&[first, books.call(Some(one.lease), 250), books.call(None, 7)])
        .await;
    assert_eq!(books.counters().await, (557, 0));
    let balance = Balance {
        remaining: 0,
        charged: 550,
        returned: 0,
    };
    assert_eq!(books.ask(&one, 1000).await.balance, balance);
    books.book(&[books.call(Some(Uuid::now_v7()), 3)]).await;
    assert_eq!(
        books.counters().await,
        (560, 0),
        "a lease that nobody knows"
    );
}

async fn what_is_held_is_noted_with_the_events_that_spent_from_the_lease(test: TestDb) {
    let books = Books::new(test).await;
    let (one, other) = (books.process().await, books.process().await);
    for process in [&one, &other] {
        books.ask(process, 100).await;
    }
    let scope = [books.key.id.0];
    let held = async || {
        let uses = budgets::uses(books.db(), &scope, now()).await.unwrap();
        uses.values().flatten().map(|row| row.held).sum::<i64>()
    };
    for (process, in_flight, sum) in [(&one, 60, 60), (&other, 30, 90), (&one, 5, 35)] {
        let batch = Batch {
            events: &[books.call(Some(process.lease), 10)],
            held: &[(process.lease, in_flight)],
            ..Batch::default()
        };
        events::book(books.db(), batch).await.unwrap();
        assert_eq!(held().await, sum);
    }
    books.book(&[books.call(Some(one.lease), 1)]).await;
    assert_eq!(held().await, 35, "a booking that does not say");
    leases::close_predecessors(books.db(), one.holder.instance, 2, now())
        .await
        .unwrap();
    assert_eq!(held().await, 30);
}

async fn room_comes_back_once_however_often_it_is_said(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    books.ask(&one, 600).await;
    let returns = [Return {
        lease: one.lease,
        total: 150,
    }];
    let events = [books.call(Some(one.lease), 400)];
    let batch = Batch {
        events: &events,
        returns: &returns,
        ..Batch::default()
    };
    for _ in 0..3 {
        events::book(books.db(), batch).await.unwrap();
        assert_eq!(books.counters().await, (400, 50));
    }
    books.take_back(one.lease, 120).await;
    assert_eq!(books.counters().await, (400, 50), "an older total");
    books.take_back(one.lease, 500).await;
    assert_eq!(books.counters().await, (400, 0), "never more than is left");
    books.take_back(Uuid::now_v7(), 5).await;
    assert_eq!(books.ask(&one, 600).await.granted, 600);
}

async fn a_later_life_fences_the_earlier_ones_but_not_their_events(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    books.ask(&one, 500).await;
    let reborn = Holder {
        epoch: 2,
        ..one.holder
    };
    leases::register(books.db(), &reborn, now()).await.unwrap();
    let again = leases::register(books.db(), &one.holder, now()).await;
    assert!(matches!(again, Err(StoreError::Fenced)));
    let renewed = books.renew(&one, now()).await;
    assert!(matches!(renewed, Err(StoreError::Fenced)));
    let ask = Ask {
        lease: one.lease,
        budget: books.budget,
        need: 1,
    };
    let granted = leases::grant(books.db(), &one.holder, &[ask], now()).await;
    assert!(matches!(granted, Err(StoreError::Fenced)));
    books.take_back(one.lease, 100).await;
    assert_eq!(books.counters().await, (0, 500));
    books.book(&[books.call(Some(one.lease), 30)]).await;
    assert_eq!(books.counters().await, (30, 470));
}

async fn a_lease_serves_only_its_holder_and_budget(test: TestDb) {
    let books = Books::new(test).await;
    let (one, two) = (books.process().await, books.process().await);
    books.ask(&one, 100).await;
    let thief = Process {
        holder: two.holder,
        lease: one.lease,
    };
    let answer = books.ask(&thief, 1).await;
    assert!(answer.is_lost && answer.granted == 0);
    let renewal = books.renew(&thief, now()).await.unwrap();
    assert_eq!((renewal.live, renewal.lost), (2, vec![one.lease]));
    let acme = organisation(books.db(), "Other").await;
    let key = key(books.db(), &acme, 2).await;
    let other = Ask {
        lease: one.lease,
        budget: open(books.db(), &key, Some(10)).await,
        need: 1,
    };
    let answers = leases::grant(books.db(), &one.holder, &[other], now()).await;
    assert!(answers.unwrap()[0].is_lost);
    assert!(books.renew(&one, now()).await.unwrap().lost.is_empty());
    books.counters().await;
}

/// More than are in memory at once, and the one that exists is among the later ones.
async fn of_many_leases_each_is_renewed_or_said_to_be_lost(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    books.ask(&one, 500).await;
    let first = one.lease.as_u128() - 700;
    let leases = (0..1300).map(|n| Uuid::from_u128(first + n));
    let mut held: Vec<(Uuid, i64)> = leases.map(|lease| (lease, 3)).collect();
    held.reverse();
    let renewal = leases::renew(books.db(), &one.holder, &held, now()).await;
    let lost = renewal.unwrap().lost;
    assert_eq!((lost.len(), lost.contains(&one.lease)), (1299, false));
    let noted = "SELECT held FROM leases WHERE id = $1";
    assert_eq!(number!(books.db(), noted, one.lease), 3);
}

async fn a_recall_is_a_change_that_names_its_budget(test: TestDb) {
    let books = Books::new(test).await;
    let start = changes::head(books.db()).await.unwrap();
    leases::recall(books.db(), &[books.budget], now())
        .await
        .unwrap();
    leases::recall(books.db(), &[], now()).await.unwrap();
    let changes = changes::since(books.db(), start).await.unwrap();
    let seen: Vec<_> = changes
        .iter()
        .map(|change| (change.kind, change.subject))
        .collect();
    assert_eq!(seen, [(changes::ChangeKind::Recall, books.budget)]);
}
