//! Clients that leave: before the head of their answer, in its middle, in the moment of its end, and
//! without waiting for what is no stream. Each call is booked once, and holds nothing afterwards.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::calls;
use super::load::random;
use super::site::{Key, Process, Site};
use super::{few_or_many, until};
use crate::provider::Ending;
use crate::support::client::CHAT;
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(clients_that_leave_in_any_way_cost_one_event_each_and_hold_nothing);

const AT_ONCE: usize = 20;
/// The answers of these calls are over after at most this.
const WHOLE: Duration = Duration::from_millis(60);

/// When a client leaves.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Some time after it sent its call, mostly before the head comes.
    Early,
    /// Once it has seen some of a stream, or the head of another answer.
    Middle,
    /// As soon as it sees the end.
    End,
    /// At any time.
    Any,
}

impl Moment {
    fn of(number: usize) -> Self {
        match number / 2 % 4 {
            0 => Self::Early,
            1 => Self::Middle,
            2 => Self::End,
            _ => Self::Any,
        }
    }
}

/// Makes call `number` and leaves it.
async fn leave(process: &Process, key: &Key, number: usize) {
    let body = calls::body(number);
    let opening = process.client.try_open(CHAT, &key.secret, &body);
    let patience = match Moment::of(number) {
        Moment::Early => random(WHOLE / 12),
        Moment::Any => random(WHOLE),
        Moment::Middle | Moment::End => Duration::from_mins(1),
    };
    let end = match Moment::of(number) {
        Moment::Middle => "pong",
        _ => "[DONE]",
    };
    let reading = async {
        let mut answer = opening.await.unwrap();
        assert_eq!(answer.0.status(), 200);
        let mut seen = String::new();
        while !seen.contains(end)
            && let Some(piece) = answer.next().await
        {
            seen.push_str(std::str::from_utf8(&piece).unwrap());
        }
    };
    // Dropped, it has left.
    let _ = tokio::time::timeout(patience, reading).await;
}

async fn clients_that_leave_in_any_way_cost_one_event_each_and_hold_nothing(database: TestDb) {
    let site = Site::numbered(database, "").await;
    let key = site.budgeted_key();
    let process = site.machine().serve().await;
    let rounds = few_or_many(10, 500);
    for round in 0..rounds {
        let numbers = round * AT_ONCE..(round + 1) * AT_ONCE;
        join_all(numbers.map(|number| leave(&process, &key, number))).await;
        if round % 10 == 9 {
            holds_nothing(&site).await;
        }
    }
    process.stop();
    site.audit(&[])
        .await
        .print(&format!("{} clients left", rounds * AT_ONCE));
    assert!(site.budgets().await.iter().all(|budget| budget.leased == 0));
}

/// Fails unless nothing is held a second after the provider's last call ended.
async fn holds_nothing(site: &Site) {
    let is_over = |call: &crate::provider::Call| call.ending != Ending::Open;
    until("the provider has ended or was cancelled", async || {
        site.sent().iter().all(is_over)
    })
    .await;
    let ended = Instant::now();
    until("nothing is held", async || site.held().await == 0).await;
    let took = ended.elapsed();
    assert!(took < Duration::from_secs(1), "held for {took:?}");
}
