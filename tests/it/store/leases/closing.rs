//! How leases end whose owner is gone: expiry never frees, and nothing is charged twice.

use tollgate::store::Db;
use tollgate::store::leases::{self, Holder};

use super::{Books, after};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    an_expired_lease_is_suspect_keeps_counting_and_may_come_back,
    a_lease_that_stays_away_is_charged_and_late_events_claim_it,
    a_suspect_lease_that_is_given_back_is_closed,
    the_next_life_gives_back_what_its_predecessors_left,
    leases_of_a_journal_that_is_gone_are_charged,
    a_step_of_the_clock_charges_no_lease_whose_owner_has_not_been_heard_since,
    what_was_charged_and_never_spent_goes_back_once_to_whoever_comes_back,
    a_process_that_ends_gives_back_nothing_of_its_earlier_lives,
);

async fn state(books: &Books, state: &str) -> i64 {
    number!(
        books.db(),
        "SELECT COUNT(*) FROM leases WHERE state = $1",
        state
    )
}

/// Marks the leases of a process that was not heard of for two minutes.
async fn suspect(books: &Books) -> usize {
    // A database of one file has one process, whose leases never expire by themselves.
    if let Db::Sqlite(_) = books.db() {
        execute!(books.db(), "UPDATE leases SET expires_at = $1", after(1));
    }
    assert_eq!(
        leases::suspect_expired(books.db(), super::now())
            .await
            .unwrap(),
        0
    );
    leases::suspect_expired(books.db(), after(2)).await.unwrap()
}

async fn an_expired_lease_is_suspect_keeps_counting_and_may_come_back(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    books.ask(&one, 500).await;
    assert_eq!(suspect(&books).await, 1);
    assert_eq!(
        (state(&books, "suspect").await, books.counters().await),
        (1, (0, 500))
    );
    let refused = books.ask(&books.process().await, 501).await;
    assert_eq!(
        (refused.granted, refused.leased, refused.suspect),
        (0, 500, 500)
    );
    assert!(books.renew(&one, after(3)).await.unwrap().lost.is_empty());
    assert_eq!(
        (state(&books, "open").await, books.counters().await),
        (1, (0, 500))
    );
    assert_eq!(
        leases::charge_expired(books.db(), after(3)).await.unwrap(),
        0
    );
}

async fn a_lease_that_stays_away_is_charged_and_late_events_claim_it(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    books.ask(&one, 500).await;
    books.book(&[books.call(Some(one.lease), 100)]).await;
    suspect(&books).await;
    assert_eq!(
        leases::charge_expired(books.db(), after(16)).await.unwrap(),
        0
    );
    assert_eq!(
        leases::charge_expired(books.db(), after(17)).await.unwrap(),
        1
    );
    assert_eq!(books.counters().await, (500, 0));
    assert_eq!(
        books.renew(&one, after(17)).await.unwrap().lost,
        [one.lease]
    );
    assert!(books.ask(&one, 1).await.is_lost);
    books.take_back(one.lease, 400).await;
    assert_eq!(
        books.counters().await,
        (500, 0),
        "it has nothing to give back"
    );
    let late = [
        books.call(Some(one.lease), 150),
        books.call(Some(one.lease), 200),
    ];
    for _ in 0..2 {
        books.book(&late).await;
        assert_eq!(
            books.counters().await,
            (500, 0),
            "what they spent was charged"
        );
    }
    books.book(&[books.call(Some(one.lease), 80)]).await;
    assert_eq!(books.counters().await, (530, 0), "50 were left to claim");
}

async fn a_suspect_lease_that_is_given_back_is_closed(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    books.ask(&one, 500).await;
    suspect(&books).await;
    books.take_back(one.lease, 499).await;
    assert_eq!(state(&books, "suspect").await, 1);
    books.take_back(one.lease, 500).await;
    assert_eq!(
        (state(&books, "closed").await, books.counters().await),
        (1, (0, 0))
    );
}

async fn the_next_life_gives_back_what_its_predecessors_left(test: TestDb) {
    let books = Books::new(test).await;
    let (one, other) = (books.process().await, books.process().await);
    books.ask(&one, 500).await;
    books.ask(&other, 200).await;
    books.book(&[books.call(Some(one.lease), 120)]).await;
    let Holder { instance, .. } = one.holder;
    let close =
        async |epoch| leases::close_predecessors(books.db(), instance, epoch, after(1)).await;
    assert_eq!(close(1).await.unwrap(), 0);
    assert_eq!(close(2).await.unwrap(), 1);
    assert_eq!(close(2).await.unwrap(), 0);
    assert_eq!(books.counters().await, (120, 200));
    books.book(&[books.call(Some(one.lease), 30)]).await;
    assert_eq!(
        books.counters().await,
        (150, 200),
        "nothing was charged in advance"
    );
}

async fn leases_of_a_journal_that_is_gone_are_charged(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    books.ask(&one, 500).await;
    books.process().await;
    let Db::Sqlite(_) = books.db() else { return };
    assert_eq!(
        leases::suspect_expired(books.db(), after(0)).await.unwrap(),
        1
    );
    assert_eq!(
        leases::charge_expired(books.db(), after(15)).await.unwrap(),
        1
    );
    assert_eq!(books.counters().await, (500, 0));
}

async fn a_step_of_the_clock_charges_no_lease_whose_owner_has_not_been_heard_since(test: TestDb) {
    let books = Books::new(test).await;
    let one = books.process().await;
    books.ask(&one, 500).await;
    execute!(books.db(), "UPDATE leases SET expires_at = $1", after(1));
    let sweep = async |minutes| {
        let suspect = leases::suspect_expired(books.db(), after(minutes)).await;
        let charged = leases::charge_expired(books.db(), after(minutes)).await;
        (suspect.unwrap(), charged.unwrap())
    };
    assert_eq!(sweep(600).await, (1, 0));
    assert_eq!(sweep(614).await, (0, 0));
    assert!(books.renew(&one, after(614)).await.unwrap().lost.is_empty());
    assert_eq!(books.counters().await, (0, 500));
}

/// Charges the lease of a process that was granted 500 tokens, spent 100 and went away.
async fn charged(books: &Books) -> super::Process {
    let one = books.process().await;
    books.ask(&one, 500).await;
    books.book(&[books.call(Some(one.lease), 100)]).await;
    suspect(books).await;
    let charged = leases::charge_expired(books.db(), after(17)).await;
    assert_eq!((charged.unwrap(), books.counters().await), (1, (500, 0)));
    one
}

async fn what_was_charged_and_never_spent_goes_back_once_to_whoever_comes_back(test: TestDb) {
    let books = Books::new(test).await;
    let (one, other) = (charged(&books).await, books.process().await);
    // What was in its journal.
    books.book(&[books.call(Some(one.lease), 150)]).await;
    assert_eq!(books.counters().await, (500, 0));
    let Holder { instance, .. } = one.holder;
    let refund = async |holder| {
        let refunded = leases::refund(books.db(), holder, &[one.lease], after(18)).await;
        refunded.unwrap()
    };
    let close = async || {
        let closed = leases::close_predecessors(books.db(), instance, 2, after(18)).await;
        closed.unwrap()
    };
    assert_eq!(refund(&other.holder).await, 0, "it is not its lease");
    assert_eq!((close().await, books.counters().await), (1, (250, 0)));
    assert_eq!(close().await, 0);
    assert_eq!(refund(&one.holder).await, 0);
    books.book(&[books.call(Some(one.lease), 30)]).await;
    assert_eq!(books.counters().await, (280, 0), "nothing is left to claim");
}

async fn a_process_that_ends_gives_back_nothing_of_its_earlier_lives(test: TestDb) {
    let books = Books::new(test).await;
    let one = charged(&books).await;
    let reborn = super::Process {
        holder: Holder {
            epoch: 2,
            ..one.holder
        },
        lease: uuid::Uuid::now_v7(),
    };
    leases::register(books.db(), &reborn.holder, after(18))
        .await
        .unwrap();
    books.ask(&reborn, 200).await;
    let close = leases::close_own(books.db(), &reborn.holder, after(18)).await;
    assert_eq!((close.unwrap(), books.counters().await), (1, (500, 0)));
}
