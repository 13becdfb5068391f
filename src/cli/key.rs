//! `tollgate key`: the keys that clients call with. A secret is printed once, by the command that
//! makes it.

mod view;

use anyhow::bail;
use clap::{Args, Subcommand};
use uuid::Uuid;

use super::failure::UsageError;
use super::limit_flags::LimitFlags;
use super::model_list::ModelList;
use super::moment::{Expiry, Grace};
use super::session::{Session, checked_name};
use crate::domain::limits::{Limits, LimitsPatch};
use crate::domain::tenant::{KeyStatus, OrganisationId, ProjectId};
use crate::management::keys::{fresh_secret, wrong_expiry, wrong_grace};
use crate::management::wrong_end;
use crate::store::keys::{self, Key, KeyPatch, NewKey};
use view::{Created, Deleted, View};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a key and print it, once
    Create(Create),
    /// List an organisation's keys
    List(List),
    /// Change a key
    Update(Update),
    /// Let a disabled key work again
    Enable(Named),
    /// Stop a key; it keeps everything and can be enabled again
    Disable(Named),
    /// Delete a key; its usage stays
    Delete(Named),
    /// Give a key a new secret and print it, once
    Rotate(Rotate),
}

#[derive(Args, Debug)]
pub(super) struct List {
    /// The organisation's name or id
    #[arg(long, value_name = "ORG")]
    org: String,
}

#[derive(Args, Debug)]
pub(super) struct Named {
    /// The key's id
    #[arg(value_parser = key_id)]
    id: Uuid,
    /// The organisation it must belong to
    #[arg(long, value_name = "ORG")]
    org: Option<String>,
}

/// What both a new key and a changed one take.
#[derive(Args, Debug)]
struct Settings {
    /// The project it belongs to, by name or id; `Default` if it is new
    #[arg(long)]
    project: Option<String>,
    /// The models it may call: names or globs with commas between; 'all', or '' for none
    #[arg(long, value_name = "MODELS")]
    models: Option<ModelList>,
    /// When it stops working: a span such as 30d, a time (RFC 3339), or none
    #[arg(long, value_name = "WHEN")]
    expires: Option<Expiry>,
    #[command(flatten)]
    limits: LimitFlags,
}

#[derive(Args, Debug)]
pub(super) struct Create {
    /// The organisation's name or id
    #[arg(long, value_name = "ORG")]
    org: String,
    /// What people call it
    #[arg(long)]
    name: String,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args, Debug)]
pub(super) struct Update {
    #[command(flatten)]
    named: Named,
    /// A new name
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args, Debug)]
pub(super) struct Rotate {
    #[command(flatten)]
    named: Named,
    /// How long the old secret still works; 0 ends it now
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    grace: Grace,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List(list) => list.run(session).await,
            Self::Update(update) => update.run(session).await,
            Self::Enable(named) => named.set(session, KeyStatus::Active).await,
            Self::Disable(named) => named.set(session, KeyStatus::Disabled).await,
            Self::Delete(named) => named.delete(session).await,
            Self::Rotate(rotate) => rotate.run(session).await,
        }
    }
}

impl Named {
    async fn find(&self, session: &Session) -> anyhow::Result<Key> {
        session.key(self.id, self.org.as_deref()).await
    }

    async fn set(&self, session: &Session, status: KeyStatus) -> anyhow::Result<()> {
        let patch = KeyPatch {
            status: Some(status),
            ..KeyPatch::default()
        };
        let id = self.find(session).await?.id;
        let key = keys::update(&session.db, id, patch, session.now()).await?;
        View::of(session, key).await?.print(session)
    }

    async fn delete(&self, session: &Session) -> anyhow::Result<()> {
        let key = self.find(session).await?;
        keys::delete(&session.db, key.id, session.now()).await?;
        let deleted = Deleted::new(key.id);
        let text = || format!("Deleted key {} ({}); its usage stays", key.name, key.id);
        session.printer.answer(&deleted, text)
    }
}

impl Settings {
    async fn project(
        &self,
        session: &Session,
        organisation: OrganisationId,
    ) -> anyhow::Result<Option<ProjectId>> {
        let Some(name_or_id) = &self.project else {
            return Ok(None);
        };
        let project = session.project(organisation, name_or_id).await?;
        Ok(Some(project.id))
    }
}

impl Create {
    async fn run(self, session: &Session) -> anyhow::Result<()> {
        let organisation = session.organisation(&self.org).await?.id;
        let now = session.now();
        let expires_at = self.settings.expires.and_then(|expiry| expiry.resolve(now));
        if let Some(wrong) = wrong_expiry(expires_at, now) {
            bail!(UsageError(format!(
                "--expires: {wrong}; choose another time"
            )));
        }
        let new = NewKey {
            organisation_id: organisation,
            project_id: self.settings.project(session, organisation).await?,
            name: checked_name(&self.name)?,
            limits: self.settings.limits.apply(Limits::default())?,
            models: self.settings.models.and_then(|list| list.0),
            expires_at,
        };
        let secret = fresh_secret()?;
        let key = keys::create(&session.db, new, &secret.hash(), &secret.display(), now).await?;
        Created::of(session, key, &secret).await?.print(session)
    }
}

impl List {
    async fn run(self, session: &Session) -> anyhow::Result<()> {
        let organisation = session.organisation(&self.org).await?;
        let keys = keys::list(&session.db, organisation.id).await?;
        session.printer.list(&View::all(session, keys).await?)
    }
}

impl Update {
    async fn run(self, session: &Session) -> anyhow::Result<()> {
        let old = self.named.find(session).await?;
        let now = session.now();
        let expires_at = self.settings.expires.map(|expiry| expiry.resolve(now));
        if let Some(wrong) = wrong_end(expires_at.flatten()) {
            bail!(UsageError(format!(
                "--expires: {wrong}; choose another time"
            )));
        }
        let patch = KeyPatch {
            name: self.name.as_deref().map(checked_name).transpose()?,
            status: None,
            project_id: self.settings.project(session, old.organisation_id).await?,
            limits: self
                .settings
                .limits
                .change(&old.limits)?
                .map(LimitsPatch::from),
            models: self.settings.models.map(|list| list.0),
            expires_at,
            ..KeyPatch::default()
        };
        let key = keys::update(&session.db, old.id, patch, now).await?;
        View::of(session, key).await?.print(session)
    }
}

impl Rotate {
    async fn run(self, session: &Session) -> anyhow::Result<()> {
        let id = self.named.find(session).await?.id;
        let now = session.now();
        if let Some(wrong) = wrong_grace(self.grace.0) {
            bail!(UsageError(format!(
                "--grace: {wrong}; choose a shorter span"
            )));
        }
        let secret = fresh_secret()?;
        let (hash, display) = (secret.hash(), secret.display());
        let key = keys::rotate(
            &session.db,
            id,
            &hash,
            &display,
            now.plus(self.grace.0),
            now,
        )
        .await?;
        Created::of(session, key, &secret).await?.print(session)
    }
}

/// Names of keys may repeat, so a key is meant by its id.
pub(super) fn key_id(text: &str) -> Result<Uuid, &'static str> {
    let hint = "a key is named by its id, which `tollgate key list --org ORG` shows";
    text.parse().map_err(|_| hint)
}
