//! How many transactions calls become.

use super::super::flush::Flusher;
use super::*;

#[tokio::test]
async fn what_ends_while_a_batch_is_written_waits_for_the_next() {
    let (ledger, _disk, _directory) = opened(Clock::default(), Durability::Process).await;
    let stop = CancellationToken::new();
    let journal = TaskTracker::new().spawn(Arc::clone(&ledger.journal).run(stop.clone()));
    let mut flusher = Flusher::new(&ledger);
    let Db::Sqlite(pools) = &ledger.db else {
        panic!("these tests run on SQLite")
    };

    settle_one(&ledger).await;
    let only_writer = pools.writer().acquire().await.unwrap();
    let mut writing = Box::pin(flusher.flush());
    assert!(futures_util::poll!(&mut writing).is_pending());
    settle_one(&ledger).await;
    drop(only_writer);
    writing.await.unwrap();
    assert_eq!(ledger.outbox.waiting(), 1);

    flusher.flush().await.unwrap();
    assert_eq!(ledger.outbox.waiting(), 0);
    stop.cancel();
    journal.await.unwrap();
}

#[tokio::test]
async fn calls_that_were_many_ring_no_more_once_they_are_written() {
    let outbox = Outbox::default();
    while !outbox.is_many() {
        outbox.settle();
    }
    outbox.book(outbox.settled());
    let mut rung = Box::pin(outbox.rung());
    assert!(futures_util::poll!(&mut rung).is_pending());
    outbox.hurry();
    rung.await;
}

/// A call without limits that was sent and ended.
async fn settle_one(ledger: &Arc<Ledger>) {
    let room = ledger.reserve(&need(1, 1), &[]).await.unwrap();
    let mut hold = ledger.hold(intent(), &need(1, 1), room);
    hold.dispatch().await.unwrap();
    hold.set_sent(true);
}
