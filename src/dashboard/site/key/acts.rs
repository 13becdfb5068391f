//! What is done to a key: disabled, enabled, rotated, deleted.

use std::time::Duration;

use uuid::Uuid;

use super::Found;
use crate::api::ids::Ids;
use crate::dashboard::frame::Section;
use crate::dashboard::paths;
use crate::dashboard::site::answer::{Answer, again, meanwhile, see_other, show};
use crate::dashboard::site::form::Form;
use crate::dashboard::site::visitor::Visitor;
use crate::dashboard::site::{query, secret};
use crate::domain::role::Role;
use crate::domain::tenant::KeyStatus;
use crate::management::Problem;
use crate::store::keys::KeyPatch;

pub(super) async fn ask_disable(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    show(&found.ask(found.disabling()))
}

pub(super) async fn disable(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    set_status(visitor, ids, KeyStatus::Disabled, "disabled").await
}

pub(super) async fn enable(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    set_status(visitor, ids, KeyStatus::Active, "enabled").await
}

async fn set_status(visitor: Visitor, ids: (Uuid, Uuid), status: KeyStatus, done: &str) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    let patch = KeyPatch {
        status: Some(status),
        ..KeyPatch::default()
    };
    let management = &found.visitor.management;
    management
        .update_key(&found.access, ids.1, patch, None)
        .await?;
    Ok(found.done(done))
}

pub(super) async fn ask_rotate(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    show(&found.ask(found.rotating()))
}

pub(super) async fn rotate(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>, form: Form) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    let grace = form.text("grace").and_then(|seconds| seconds.parse().ok());
    let grace = grace.map(Duration::from_secs);
    let version = found.visitor.query.get("version");
    let version = version.and_then(|version| version.parse().ok());
    let management = &found.visitor.management;
    let rotated = management
        .rotate_key(&found.access, ids.1, grace, version)
        .await;
    let rotated = match rotated {
        Ok(rotated) => rotated,
        Err(Problem::VersionConflict) => return changed_meanwhile(found, &form).await,
        Err(problem) => return Err(problem),
    };
    let frame = found
        .visitor
        .frame("New secret", Section::Keys, &found.access);
    let until = rotated
        .key
        .previous_secret
        .as_ref()
        .map(|previous| previous.grace_until);
    let next = paths::key(found.access.organisation(), found.key.id);
    let plain = rotated.secret.ok_or(Problem::Internal)?;
    let secret = plain.expose();
    secret::of_key(
        management,
        &found.access,
        frame,
        &rotated.key,
        secret,
        until,
        next,
    )
    .await
}

/// The question again, about the key as it is now.
async fn changed_meanwhile(found: Found, form: &Form) -> Answer {
    let ids = (found.access.organisation().0, found.key.id.0);
    let found = Found::of(found.visitor, ids, Role::Member).await?;
    meanwhile(&found.ask(found.rotating_anew(form.text("grace"))))
}

pub(super) async fn ask_delete(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    show(&found.ask(found.deleting()))
}

pub(super) async fn delete(visitor: Visitor, Ids(ids): Ids<(Uuid, Uuid)>, form: Form) -> Answer {
    let found = Found::of(visitor, ids, Role::Member).await?;
    let question = found.deleting();
    if !question.is_confirmed(form.get("confirm")) {
        return again(&found.ask(question));
    }
    let management = &found.visitor.management;
    management.delete_key(&found.access, ids.1, None).await?;
    let path = paths::keys(found.access.organisation());
    Ok(see_other(&query::address(&path, [("done", "deleted")])))
}
