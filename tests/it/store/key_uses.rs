//! When keys were last used, how much lately, and what is held of their budgets.

use std::time::Duration;

use tollgate::domain::limits::Limits;
use tollgate::domain::quota::{Period, Unit};
use tollgate::domain::time::Timestamp;
use tollgate::store::Db;
use tollgate::store::events::{self, Batch, Event};
use tollgate::store::keys::{self, Key, uses};

use super::{event, key, now, organisation};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    the_latest_use_is_kept,
    usage_is_summed_up_when_it_is_due,
    a_standing_tells_usage_of_its_periods,
);

const DAY: Duration = Duration::from_hours(24);

async fn last_use(db: &Db, key: &Key) -> Option<Timestamp> {
    let standings = keys::standings(db, std::slice::from_ref(key), now()).await;
    standings.unwrap()[0].last_used_at
}

async fn tokens_30d(db: &Db, key: &Key) -> i64 {
    number!(
        db,
        "SELECT tokens_30d FROM key_uses WHERE key_id = $1",
        key.id
    )
}

async fn book(db: &Db, key: &Key, at: Timestamp) {
    let event = Event { at, ..event(key) };
    events::book(db, Batch::of(&[event])).await.unwrap();
}

async fn the_latest_use_is_kept(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let (one, other) = (key(&test.db, &acme, 1).await, key(&test.db, &acme, 2).await);
    assert_eq!(last_use(&test.db, &one).await, None);
    let before = now().minus(DAY);
    for at in [before, now(), before] {
        uses::note(&test.db, &[(one.id, at)], now()).await.unwrap();
    }
    assert_eq!(last_use(&test.db, &one).await, Some(now()));
    assert_eq!(last_use(&test.db, &other).await, None);
}

async fn usage_is_summed_up_when_it_is_due(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    book(&test.db, &key, now()).await;
    book(&test.db, &key, now().minus(31 * DAY)).await;
    uses::note(&test.db, &[(key.id, now())], now())
        .await
        .unwrap();
    uses::sum_due(&test.db, now()).await.unwrap();
    assert_eq!(
        tokens_30d(&test.db, &key).await,
        0,
        "it is due in ten minutes"
    );
    let later = now().plus(Duration::from_mins(11));
    assert!(!uses::sum_due(&test.db, later).await.unwrap());
    assert_eq!(tokens_30d(&test.db, &key).await, 30);
    // A day later it is looked at again, and the calls grow older than 30 days.
    let later = later.plus(31 * DAY);
    uses::sum_due(&test.db, later).await.unwrap();
    assert_eq!(tokens_30d(&test.db, &key).await, 0);
    let due = "SELECT COUNT(*) FROM key_uses WHERE due_at < $1";
    assert_eq!(number!(&test.db, due, later.plus(999 * DAY)), 0);
}

async fn a_standing_tells_usage_of_its_periods(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let (key, idle) = (key(&test.db, &acme, 1).await, key(&test.db, &acme, 2).await);
    // Today, yesterday (this week), two weeks ago (this month), and before.
    for days in [0, 1, 14, 29, 60] {
        book(&test.db, &key, now().minus(days * DAY)).await;
    }
    let standings = keys::standings(&test.db, &[idle, key], now())
        .await
        .unwrap();
    let standing = &standings[1];
    assert_eq!((standings[0].requests_30d, standings[0].tokens_30d), (0, 0));
    assert_eq!((standing.requests_30d, standing.tokens_30d), (4, 120));
    for (period, expected) in [
        (Period::Day, 30),
        (Period::Week, 60),
        (Period::Month, 90),
        (Period::None, 0),
    ] {
        let limits: Limits = super::quota(500, period);
        let limit = limits
            .budgets()
            .find(|limit| limit.unit == Unit::Tokens)
            .unwrap();
        assert_eq!(standing.of(&limit), (expected, 0), "{period:?}");
    }
}
