//! Keys: their edits, rotation, deletion, and that they are nobody else's.

use std::time::Duration;

use tollgate::domain::tenant::{KeyId, KeyStatus, ProjectId};
use tollgate::store::keys::{self, KeyPatch, NewKey, PreviousSecret};
use tollgate::store::{StoreError, callers, projects};

use super::{key, new_key, now, organisation, secret};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    a_key_comes_back_as_it_was_created,
    an_update_changes_what_it_names,
    a_foreign_key_answers_like_none,
    a_key_cannot_enter_a_foreign_project,
    a_deleted_key_is_gone_with_its_secrets,
    the_previous_secret_lives_until_its_grace_ends,
    a_rotation_kills_older_secrets_at_once,
    a_rotation_without_grace_leaves_one_secret,
    a_secret_belongs_to_one_key,
);

async fn a_key_comes_back_as_it_was_created(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let new = NewKey {
        models: Some(vec!["gpt-*".to_owned()]),
        expires_at: Some(now()),
        limits: super::quota(5, tollgate::domain::quota::Period::Day),
        ..new_key(&acme)
    };
    let (secret, display) = (secret(1), "sk-AbCd…wxyz");
    let made = keys::create(&test.db, new.clone(), &secret, display, now()).await;
    let made = made.unwrap();
    assert_eq!((&made.models, &made.limits), (&new.models, &new.limits));
    assert_eq!((made.expires_at, made.created_at), (Some(now()), now()));
    assert_eq!(
        (made.display.as_str(), made.status),
        ("sk-AbCd…wxyz", KeyStatus::Active)
    );
    assert_eq!(
        keys::find(&test.db, made.id).await.unwrap(),
        Some(made.clone())
    );
    assert_eq!(keys::list(&test.db, acme.id).await.unwrap(), [made]);
}

async fn an_update_changes_what_it_names(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let old = key(&test.db, &acme, 1).await;
    let patch = KeyPatch {
        status: Some(KeyStatus::Disabled),
        expires_at: Some(Some(now())),
        models: Some(Some(vec![])),
        ..KeyPatch::default()
    };
    let new = keys::update(&test.db, old.id, patch, now()).await.unwrap();
    assert_eq!(
        (new.status, new.expires_at),
        (KeyStatus::Disabled, Some(now()))
    );
    assert_eq!(
        (new.name, new.models, new.version),
        (old.name, Some(vec![]), old.version + 1)
    );
    let patch = KeyPatch {
        name: Some("prod".to_owned()),
        expires_at: Some(None),
        ..KeyPatch::default()
    };
    let newer = keys::update(&test.db, old.id, patch, now()).await.unwrap();
    assert_eq!((newer.name.as_str(), newer.expires_at), ("prod", None));
    assert_eq!(
        (newer.models, newer.status),
        (Some(vec![]), KeyStatus::Disabled)
    );
}

async fn a_foreign_key_answers_like_none(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let beta = organisation(&test.db, "Beta").await;
    let theirs = key(&test.db, &beta, 1).await;
    assert_eq!(
        keys::find_in(&test.db, acme.id, theirs.id).await.unwrap(),
        None
    );
    assert_eq!(
        keys::find_in(&test.db, acme.id, KeyId::new())
            .await
            .unwrap(),
        None
    );
    assert_eq!(keys::list(&test.db, acme.id).await.unwrap(), []);
    let found = keys::find_in(&test.db, beta.id, theirs.id).await.unwrap();
    assert_eq!(found, Some(theirs));
}

async fn a_key_cannot_enter_a_foreign_project(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let beta = organisation(&test.db, "Beta").await;
    let theirs = projects::list(&test.db, beta.id)
        .await
        .unwrap()
        .remove(0)
        .id;
    let ours = key(&test.db, &acme, 1).await;
    for project in [theirs, ProjectId::new()] {
        let new = NewKey {
            project_id: Some(project),
            ..new_key(&acme)
        };
        let created = keys::create(&test.db, new, &secret(2), "sk-", now()).await;
        assert!(matches!(created, Err(StoreError::NotFound)));
        let patch = KeyPatch {
            project_id: Some(project),
            ..KeyPatch::default()
        };
        let moved = keys::update(&test.db, ours.id, patch, now()).await;
        assert!(matches!(moved, Err(StoreError::NotFound)));
    }
    assert_eq!(keys::find(&test.db, ours.id).await.unwrap(), Some(ours));
}

async fn a_deleted_key_is_gone_with_its_secrets(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let grace = now().plus(Duration::from_mins(1));
    keys::rotate(&test.db, key.id, &secret(2), "sk-2", grace, now())
        .await
        .unwrap();
    keys::delete(&test.db, key.id, now()).await.unwrap();
    for seed in [1, 2] {
        let caller = callers::find_by_secret(&test.db, &secret(seed))
            .await
            .unwrap();
        assert_eq!(caller, None);
    }
    assert_eq!(keys::find(&test.db, key.id).await.unwrap(), None);
    assert_eq!(keys::list(&test.db, acme.id).await.unwrap(), []);
    let again = keys::delete(&test.db, key.id, now()).await;
    assert!(matches!(again, Err(StoreError::NotFound)));
    let update = keys::update(&test.db, key.id, KeyPatch::default(), now()).await;
    assert!(matches!(update, Err(StoreError::NotFound)));
}

async fn the_previous_secret_lives_until_its_grace_ends(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let old = key(&test.db, &acme, 1).await;
    let grace = now().plus(Duration::from_mins(1));
    let new = keys::rotate(&test.db, old.id, &secret(2), "sk-2", grace, now())
        .await
        .unwrap();
    assert_eq!(new.display, "sk-2");
    let previous = PreviousSecret {
        display: old.display,
        grace_until: grace,
        calls: 0,
    };
    assert_eq!(new.previous, Some(previous));
    let by_old = callers::find_by_secret(&test.db, &secret(1))
        .await
        .unwrap()
        .unwrap();
    let by_new = callers::find_by_secret(&test.db, &secret(2))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (by_old.grace_until, by_new.grace_until),
        (Some(grace), None)
    );
    assert_eq!(by_old.key, by_new.key);
}

async fn a_rotation_kills_older_secrets_at_once(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 9).await;
    let grace = now().plus(Duration::from_mins(1));
    for seed in [8, 7, 6] {
        keys::rotate(&test.db, key.id, &secret(seed), "sk-", grace, now())
            .await
            .unwrap();
    }
    let mut live = Vec::new();
    for seed in [6, 7, 8, 9] {
        let caller = callers::find_by_secret(&test.db, &secret(seed))
            .await
            .unwrap();
        live.push(caller.is_some());
    }
    assert_eq!(live, [true, true, false, false]);
}

async fn a_rotation_without_grace_leaves_one_secret(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let new = keys::rotate(&test.db, key.id, &secret(2), "sk-2", now(), now())
        .await
        .unwrap();
    assert_eq!(new.previous, None);
    assert_eq!(
        callers::find_by_secret(&test.db, &secret(1)).await.unwrap(),
        None
    );
}

async fn a_secret_belongs_to_one_key(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    key(&test.db, &acme, 1).await;
    let twin = keys::create(&test.db, new_key(&acme), &secret(1), "sk-", now()).await;
    assert!(matches!(twin, Err(StoreError::Conflict { .. })));
    assert_eq!(keys::list(&test.db, acme.id).await.unwrap().len(), 1);
}
