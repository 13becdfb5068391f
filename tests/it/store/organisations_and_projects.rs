//! Tenants and their projects.

use tollgate::domain::limits::Limits;
use tollgate::domain::quota::Period;
use tollgate::domain::tenant::OrganisationStatus;
use tollgate::store::organisations::{self, OrganisationPatch};
use tollgate::store::projects::{self, ProjectPatch};
use tollgate::store::{StoreError, keys};

use super::{key, now, organisation, quota};
use crate::support::db::{TestDb, on_both_engines};

on_both_engines!(
    an_organisation_is_found_by_name_and_id,
    a_name_is_taken_once,
    names_are_only_text,
    an_update_changes_what_it_names,
    a_new_organisation_has_a_default_project,
    a_project_with_keys_stays,
    the_default_project_stays,
    a_deleted_project_frees_its_name,
    a_foreign_project_answers_like_none,
);

async fn an_organisation_is_found_by_name_and_id(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let by_name = organisations::find(&test.db, "Acme").await.unwrap();
    let by_id = organisations::find(&test.db, &acme.id.to_string())
        .await
        .unwrap();
    assert_eq!(by_name.as_ref(), Some(&acme));
    assert_eq!(by_id, by_name);
    assert_eq!(organisations::find(&test.db, "acme").await.unwrap(), None);
    assert_eq!(acme.created_at, now());
}

async fn a_name_is_taken_once(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let limits = Limits::default();
    let error = organisations::create(&test.db, "Acme", &limits, now())
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "an organisation with this name exists");
    projects::create(&test.db, acme.id, "web", &limits, None, now())
        .await
        .unwrap();
    let again = projects::create(&test.db, acme.id, "web", &limits, None, now()).await;
    assert_eq!(
        again.unwrap_err().to_string(),
        "a project with this name exists"
    );
    let beta = organisation(&test.db, "Beta").await;
    projects::create(&test.db, beta.id, "web", &limits, None, now())
        .await
        .unwrap();
}

async fn names_are_only_text(test: TestDb) {
    let nasty = "'; DROP TABLE keys; --\" $1 ? % _ \\ ünïcode 🦀";
    let acme = organisation(&test.db, nasty).await;
    assert_eq!(
        organisations::find(&test.db, nasty).await.unwrap(),
        Some(acme.clone())
    );
    let models = [nasty.to_owned()];
    let limits = Limits::default();
    let project = projects::create(&test.db, acme.id, nasty, &limits, Some(&models), now());
    let project = project.await.unwrap();
    let found = projects::find(&test.db, acme.id, nasty).await.unwrap();
    assert_eq!(found, Some(project));
    assert_eq!(keys::list(&test.db, acme.id).await.unwrap(), []);
}

async fn an_update_changes_what_it_names(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let patch = OrganisationPatch {
        status: Some(OrganisationStatus::Suspended),
        limits: Some(quota(7, Period::Month).into()),
        ..OrganisationPatch::default()
    };
    let updated = organisations::update(&test.db, acme.id, patch, now())
        .await
        .unwrap();
    assert_eq!(updated.name, "Acme");
    assert_eq!(updated.status, OrganisationStatus::Suspended);
    assert_eq!(updated.limits, quota(7, Period::Month));
    assert_eq!(updated.version, acme.version + 1);
    let project = projects::find(&test.db, acme.id, "Default")
        .await
        .unwrap()
        .unwrap();
    let patch = ProjectPatch {
        models: Some(Some(vec!["gpt-*".to_owned()])),
        ..ProjectPatch::default()
    };
    let updated = projects::update(&test.db, acme.id, project.id, patch, now())
        .await
        .unwrap();
    assert_eq!(updated.models, Some(vec!["gpt-*".to_owned()]));
    let patch = ProjectPatch {
        models: Some(None),
        ..ProjectPatch::default()
    };
    let updated = projects::update(&test.db, acme.id, project.id, patch, now())
        .await
        .unwrap();
    assert_eq!(updated.models, None);
}

async fn a_new_organisation_has_a_default_project(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let projects = projects::list(&test.db, acme.id).await.unwrap();
    assert_eq!(projects.len(), 1);
    assert!(projects[0].is_default && projects[0].name == "Default");
    assert_eq!(key(&test.db, &acme, 1).await.project_id, projects[0].id);
}

async fn a_project_with_keys_stays(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let limits = Limits::default();
    let web = projects::create(&test.db, acme.id, "web", &limits, None, now())
        .await
        .unwrap();
    let key = key(&test.db, &acme, 1).await;
    let patch = keys::KeyPatch {
        project_id: Some(web.id),
        ..keys::KeyPatch::default()
    };
    keys::update(&test.db, key.id, patch, now()).await.unwrap();
    let refused = projects::delete(&test.db, acme.id, web.id, None, now()).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    keys::delete(&test.db, key.id, now()).await.unwrap();
    projects::delete(&test.db, acme.id, web.id, None, now())
        .await
        .unwrap();
}

async fn the_default_project_stays(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let default = projects::find(&test.db, acme.id, "Default")
        .await
        .unwrap()
        .unwrap();
    let refused = projects::delete(&test.db, acme.id, default.id, None, now()).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
}

async fn a_deleted_project_frees_its_name(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let limits = Limits::default();
    let web = projects::create(&test.db, acme.id, "web", &limits, None, now())
        .await
        .unwrap();
    projects::delete(&test.db, acme.id, web.id, None, now())
        .await
        .unwrap();
    let again = projects::delete(&test.db, acme.id, web.id, None, now()).await;
    assert!(matches!(again, Err(StoreError::NotFound)));
    assert_eq!(
        projects::find(&test.db, acme.id, "web").await.unwrap(),
        None
    );
    projects::create(&test.db, acme.id, "web", &limits, None, now())
        .await
        .unwrap();
}

async fn a_foreign_project_answers_like_none(test: TestDb) {
    let acme = organisation(&test.db, "Acme").await;
    let beta = organisation(&test.db, "Beta").await;
    let theirs = projects::list(&test.db, beta.id).await.unwrap().remove(0);
    let id = theirs.id.to_string();
    assert_eq!(projects::find(&test.db, acme.id, &id).await.unwrap(), None);
    let patch = ProjectPatch::default();
    let updated = projects::update(&test.db, acme.id, theirs.id, patch, now()).await;
    assert!(matches!(updated, Err(StoreError::NotFound)));
    let deleted = projects::delete(&test.db, acme.id, theirs.id, None, now()).await;
    assert!(matches!(deleted, Err(StoreError::NotFound)));
    let nobody = tollgate::domain::tenant::OrganisationId::new();
    let created = projects::create(&test.db, nobody, "x", &Limits::default(), None, now()).await;
    assert!(matches!(created, Err(StoreError::NotFound)));
    assert_eq!(projects::list(&test.db, beta.id).await.unwrap(), [theirs]);
}
