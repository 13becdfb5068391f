//! New keys.

use sqlx::types::Json;

use super::{Key, NewKey, edit, named, row, secrets, uses};
use crate::domain::audit::Act;
use crate::domain::key::SecretHash;
use crate::domain::tenant::{KeyId, KeyStatus};
use crate::store::changes::{self, ChangeKind};
use crate::store::{Db, StoreError, audit, idempotency, projects};

pub(super) const INSERT: &str = "INSERT INTO keys (id, organisation_id, project_id, name, status,
    models, limits, expires_at, created_at, updated_at, owner_id, created_by, search)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12)";

/// Creates a key with its first secret.
pub async fn create(
    db: &Db,
    new: NewKey,
    secret: &SecretHash,
    display: &str,
    act: impl Into<Act>,
) -> Result<Key, StoreError> {
    let (id, act) = (KeyId::new(), act.into());
    let (organisation, now) = (new.organisation_id, act.at);
    let mut tx = db.begin_as(&act).await?;
    idempotency::note(&mut tx, &act, id.0).await?;
    let project = projects::receive_key(&mut tx, organisation, new.project_id, now).await?;
    with_tx!(&mut tx, |c| {
        let insert = sqlx::query(INSERT).bind(id).bind(organisation);
        let insert = insert.bind(project).bind(&new.name);
        let insert = insert.bind(KeyStatus::Active);
        let insert = insert.bind(row::json(new.models.as_ref()));
        let insert = insert.bind(Json(&new.limits)).bind(new.expires_at);
        let insert = insert.bind(now).bind(act.author.id());
        let insert = insert.bind(act.author.name());
        let insert = insert.bind(row::search(&new.name, display));
        insert.execute(c).await.map(|_| ())
    })?;
    secrets::insert(&mut tx, id, secret, display, now).await?;
    uses::insert(&mut tx, organisation, id).await?;
    let key = named::get(&mut tx, id).await?;
    edit::note(&mut tx, &key, "key.create", None, audit::image(&key), &act).await?;
    changes::append(&mut tx, ChangeKind::Key, id.0, now).await?;
    tx.commit().await?;
    Ok(key)
}
