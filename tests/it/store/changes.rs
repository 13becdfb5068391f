//! The list that processes follow.

use std::time::Duration;

use futures_util::future::join_all;
use tollgate::store::changes::{self, ChangeKind};
use tollgate::store::keys::{self, KeyPatch};
use tollgate::store::{Db, projects};

use super::{key, now, organisation, secret};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    every_write_is_in_the_list,
    a_failed_write_is_not,
    concurrent_writes_leave_no_gap,
    another_process_is_notified,
);

async fn every_write_is_in_the_list(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let start = changes::head(&test.db).await.unwrap();
    let key = key(&test.db, &acme, 1).await;
    keys::update(&test.db, key.id, KeyPatch::default(), now())
        .await
        .unwrap();
    keys::rotate(&test.db, key.id, &secret(2), "sk-", now(), now())
        .await
        .unwrap();
    keys::delete(&test.db, key.id, now()).await.unwrap();
    let project = projects::list(&test.db, acme.id)
        .await
        .unwrap()
        .remove(0)
        .id;
    let patch = projects::ProjectPatch::default();
    projects::update(&test.db, acme.id, project, patch, now())
        .await
        .unwrap();
    let list = changes::since(&test.db, start).await.unwrap();
    let seen: Vec<_> = list
        .iter()
        .map(|change| (change.id - start, change.kind))
        .collect();
    let of_key = (1..=4).map(|n| (n, ChangeKind::Key));
    assert_eq!(
        seen,
        of_key.chain([(5, ChangeKind::Project)]).collect::<Vec<_>>()
    );
    assert_eq!((list[0].subject, list[4].subject), (key.id.0, project.0));
    assert_eq!(changes::head(&test.db).await.unwrap(), start + 5);
}

async fn a_failed_write_is_not(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    key(&test.db, &acme, 1).await;
    let start = changes::head(&test.db).await.unwrap();
    let twin = keys::create(&test.db, super::new_key(&acme), &secret(1), "sk-", now()).await;
    assert!(twin.is_err());
    assert_eq!(changes::head(&test.db).await.unwrap(), start);
}

async fn concurrent_writes_leave_no_gap(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let start = changes::head(&test.db).await.unwrap();
    let other = test.other_process().await;
    let writers = (0..40).map(|seed| {
        let db = if seed % 2 == 0 { &test.db } else { &other };
        key(db, &acme, seed)
    });
    join_all(writers).await;
    let list = changes::since(&test.db, start).await.unwrap();
    let ids: Vec<_> = list.iter().map(|change| change.id).collect();
    assert_eq!(ids, (start + 1..=start + 40).collect::<Vec<_>>());
}

async fn another_process_is_notified(test: TestDb) {
    let other = test.other_process().await;
    let Some(mut listener) = changes::listen(&other).await.unwrap() else {
        assert!(matches!(other, Db::Sqlite(_)));
        return;
    };
    organisation(&test.db, "Acme").await;
    let heard = tokio::time::timeout(Duration::from_secs(5), listener.recv());
    heard.await.unwrap().unwrap();
}
