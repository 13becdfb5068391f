//! The last refusals of each key.

use tollgate::domain::refused::{Refused, Tripped};
use tollgate::domain::tenant::CallId;
use tollgate::store::keys::Key;
use tollgate::store::refusals::{self, RefusalRow};

use super::{at, key, now, organisation};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(the_last_hundred_refusals_of_each_key_are_kept);

async fn the_last_hundred_refusals_of_each_key_are_kept(test: TestDb) {
    let (acme, beta) = (
        organisation(&test.db, "Acme").await,
        organisation(&test.db, "Beta").await,
    );
    let (busy, quiet) = (key(&test.db, &acme, 1).await, key(&test.db, &acme, 2).await);
    let refused = |key: &Key, tripped| Refused {
        id: CallId::new(),
        organisation_id: acme.id,
        key_id: key.id,
        at: now(),
        code: "insufficient_quota",
        tripped,
    };
    let tripped = Tripped {
        scope: "project",
        rule: "budget",
        amount: 25_000_000_000,
        frees_at: Some(at("2026-12-01T00:00:00Z")),
    };
    let one = refused(&quiet, Some(tripped));
    refusals::remember(&test.db, &[one]).await.unwrap();
    let mut many: Vec<_> = (0..150).map(|_| refused(&busy, None)).collect();
    many.sort_by_key(|refused| refused.id);
    refusals::remember(&test.db, &many[..90]).await.unwrap();
    refusals::remember(&test.db, &many[80..]).await.unwrap();
    let last = async |organisation, key| refusals::last(&test.db, organisation, key).await.unwrap();
    let kept = last(acme.id, busy.id).await;
    let newest = many.iter().rev().take(100).map(|refused| refused.id);
    let ids: Vec<_> = kept.iter().map(|row| row.id).collect();
    assert_eq!(ids, newest.collect::<Vec<_>>());
    let expected = RefusalRow {
        id: one.id,
        at: now(),
        code: "insufficient_quota".to_owned(),
        scope: Some("project".to_owned()),
        rule: Some("budget".to_owned()),
        amount: Some(25_000_000_000),
        frees_at: tripped.frees_at,
    };
    assert_eq!(last(acme.id, quiet.id).await, [expected]);
    assert_eq!(last(beta.id, busy.id).await, []);
}
