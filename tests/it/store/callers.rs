//! The join behind authentication.

use sqlx::Executor;
use tollgate::domain::tenant::OrganisationStatus;
use tollgate::store::callers;
use tollgate::store::organisations::{self, OrganisationPatch};
use tollgate::store::{Db, StoreError, keys};

use super::{key, now, organisation, secret};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    a_secret_names_its_key_project_and_organisation,
    an_unknown_secret_has_no_caller,
    a_malformed_row_fails_only_its_own_key,
);

async fn a_secret_names_its_key_project_and_organisation(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let key = key(&test.db, &acme, 1).await;
    let patch = OrganisationPatch {
        status: Some(OrganisationStatus::Suspended),
        ..OrganisationPatch::default()
    };
    organisations::update(&test.db, acme.id, patch, now())
        .await
        .unwrap();
    let caller = callers::find_by_secret(&test.db, &secret(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((caller.key.id, caller.key.status), (key.id, key.status));
    assert_eq!(
        (caller.project.id, caller.organisation.id),
        (key.project_id, acme.id)
    );
    assert_eq!(caller.organisation.status, OrganisationStatus::Suspended);
    assert_eq!((caller.secret, caller.grace_until), (secret(1), None));
}

async fn an_unknown_secret_has_no_caller(test: TestDb) {
    let caller = callers::find_by_secret(&test.db, &secret(1)).await.unwrap();
    assert_eq!(caller, None);
}

async fn a_malformed_row_fails_only_its_own_key(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let broken = key(&test.db, &acme, 1).await;
    key(&test.db, &acme, 2).await;
    let nonsense = r#"UPDATE keys SET limits = '{"quota":{"amount":-1}}' WHERE id = $1"#;
    assert_eq!(execute!(&test.db, nonsense, broken.id.0), 1);
    let caller = callers::find_by_secret(&test.db, &secret(1)).await;
    assert!(matches!(caller, Err(StoreError::Corrupt { .. })));
    assert!(
        callers::find_by_secret(&test.db, &secret(2))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(keys::list(&test.db, acme.id).await.unwrap().len(), 1);
    keys::delete(&test.db, broken.id, now()).await.unwrap();
}

#[tokio::test]
async fn a_database_that_hangs_counts_as_away() {
    let test = TestDb::postgres().await;
    let Db::Postgres(pool) = &test.db else { return };
    let mut tx = pool.begin().await.unwrap();
    tx.execute("LOCK TABLE key_secrets").await.unwrap();
    let caller = callers::find_by_secret(&test.db, &secret(1)).await;
    assert!(matches!(caller, Err(StoreError::Unavailable { .. })));
}
