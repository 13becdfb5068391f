//! What the commands on the database share: an open, migrated store and the time it keeps. Names are
//! resolved here, and a name that leads nowhere says where to look.

use anyhow::{Context, anyhow};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::failure::UsageError;
use super::print::Printer;
use crate::config::{Config, redact_url};
use crate::domain::name;
use crate::domain::tenant::{KeyId, OrganisationId};
use crate::domain::time::{Clock, Timestamp};
use crate::store::keys::{self, Key};
use crate::store::organisations::{self, Organisation};
use crate::store::projects::{self, Project};
use crate::store::{Db, StoreError, clock};

/// An open database and a way to answer.
pub(super) struct Session {
    pub(super) db: Db,
    pub(super) printer: Printer,
    /// What links begin with.
    pub(super) public_url: String,
    clock: Clock,
}

impl Session {
    /// Opens the database and applies pending migrations.
    pub(super) async fn open(config: &Config, printer: Printer) -> anyhow::Result<Self> {
        let url = config.database_url();
        let help = || unusable(&url);
        let db = Db::connect(url.expose_secret()).await.with_context(help)?;
        db.migrate_patiently().await.with_context(help)?;
        let clock = Clock::default();
        clock.correct(clock::offset(&db, &clock).await.with_context(help)?);
        let public_url = config.server.public_url.clone();
        Ok(Self {
            db,
            printer,
            public_url,
            clock,
        })
    }

    pub(super) async fn close(&self) {
        self.db.close().await;
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The organisation that `--org` means.
    pub(super) async fn organisation(&self, name_or_id: &str) -> anyhow::Result<Organisation> {
        let found = organisations::find(&self.db, name_or_id).await?;
        found.ok_or_else(|| {
            anyhow!("there is no organisation {name_or_id:?}; see `tollgate org list`")
        })
    }

    /// A project of `organisation`.
    pub(super) async fn project(
        &self,
        organisation: OrganisationId,
        name_or_id: &str,
    ) -> anyhow::Result<Project> {
        let found = projects::find(&self.db, organisation, name_or_id).await?;
        found.ok_or_else(|| {
            anyhow!("the organisation has no project {name_or_id:?}; see `tollgate project list`")
        })
    }

    /// The key with this id, which belongs to `organisation` where one is named.
    pub(super) async fn key(&self, id: Uuid, organisation: Option<&str>) -> anyhow::Result<Key> {
        let id = KeyId(id);
        let found = match organisation {
            Some(name_or_id) => {
                let organisation = self.organisation(name_or_id).await?;
                keys::find_in(&self.db, organisation.id, id).await?
            }
            None => keys::find(&self.db, id).await?,
        };
        found.ok_or_else(|| anyhow!("there is no key {id}; see `tollgate key list --org O`"))
    }
}

/// Names a database that does not work.
pub(super) fn unusable(url: &SecretString) -> String {
    let shown = redact_url(url.expose_secret());
    format!("cannot use the database {shown}; check DATABASE_URL or --data-dir")
}

/// Says what to do about a name that is taken.
pub(super) fn taken(error: StoreError, name: &str) -> anyhow::Error {
    match error {
        StoreError::Conflict { what } => anyhow!("{what}: {name:?}; choose another"),
        error => error.into(),
    }
}

/// A name as it is kept.
pub(super) fn checked_name(name: &str) -> anyhow::Result<String> {
    let kept = name::kept(name);
    let broken = || UsageError(format!("a name has {}; choose another", name::RULE));
    Ok(kept.ok_or_else(broken)?)
}
