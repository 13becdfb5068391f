//! API keys: who may make and change which, and within what.

use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use super::{Access, Faults, Made, Management, Problem, wrong_end};
use crate::domain::audit::{Act, Once};
use crate::domain::key::PlainKey;
use crate::domain::limits::Limits;
use crate::domain::tenant::{KeyId, KeyStatus, TokenId, UserId};
use crate::domain::time::Timestamp;
use crate::store::keys::{self, Key, KeyPatch, Named, Outcome};
use crate::store::{memberships, tokens};

mod bounds;
mod list;
mod view;

pub use list::{KeyList, KeyQuery};
pub use view::{BudgetState, KeyView, PreviousSecretView, QuotaState, UsageState};

/// How long a secret that is rotated away works, unless something else is asked for.
pub const GRACE: Duration = Duration::from_hours(24);

/// How long it works at most.
pub const LONGEST_GRACE: Duration = Duration::from_hours(24 * 30);

/// Why a new key cannot stop working at `expires_at`, if it cannot.
pub fn wrong_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Option<&'static str> {
    let is_past = expires_at.is_some_and(|at| at <= now);
    is_past
        .then_some("lies in the past")
        .or_else(|| wrong_end(expires_at))
}

/// Why a secret that is rotated away cannot work for `grace` longer, if it cannot.
pub fn wrong_grace(grace: Duration) -> Option<&'static str> {
    (grace > LONGEST_GRACE).then_some("at most 2592000 seconds: 30 days")
}

/// The most keys of one bulk change.
pub const MOST: usize = 200;

/// What a new key is made of.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// Required.
    pub name: Option<String>,
    /// Where it belongs; `None` for the default project.
    pub project_id: Option<Uuid>,
    /// The models it may call; `None` for all.
    pub models: Option<Vec<String>>,
    /// What it may use.
    pub limits: Limits,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// A key with its secret, which is shown this once.
#[derive(Debug)]
pub struct Shown {
    /// The key.
    pub key: KeyView,
    /// Its secret; none if it was shown before.
    pub secret: Option<PlainKey>,
}

/// What a bulk change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkAction {
    /// They work again.
    Enable,
    /// They stop working.
    Disable,
    /// They are gone.
    Delete,
}

impl Management {
    /// One key.
    pub async fn key(&self, access: &Access, id: Uuid) -> Result<KeyView, Problem> {
        let key = self.find_key(access, id).await?;
        self.view(key).await
    }

    /// Makes a key. Members grant no more than their project and organisation have.
    pub async fn create_key(
        &self,
        access: &Access,
        new: NewKey,
        once: Option<Once>,
    ) -> Result<Made<Shown>, Problem> {
        let act = access.act().once(once);
        let find = |id| async move {
            let (key, secret) = (self.key(access, id).await?, None);
            Ok(Shown { key, secret })
        };
        // Boxed: they are large, and whoever calls this would carry them along.
        let make = Box::pin(self.make_key(access, new, &act));
        Box::pin(self.once(&act, find, make)).await
    }

    async fn make_key(&self, access: &Access, new: NewKey, act: &Act) -> Result<Shown, Problem> {
        let mut faults = Faults::default();
        let name = faults.required_name("name", new.name.as_deref());
        faults.models("models", new.models.as_deref());
        if let Some(wrong) = wrong_expiry(new.expires_at, act.at) {
            faults.add("expires_at", wrong);
        }
        let project = self.project_of(access, new.project_id, &mut faults).await?;
        if let Some(project) = &project {
            let models = new.models.as_deref();
            self.stay_within(access, project, &new.limits, models, &mut faults)
                .await?;
        }
        faults.check()?;
        let new = keys::NewKey {
            organisation_id: access.organisation(),
            project_id: project.map(|project| project.id),
            name,
            models: new.models,
            limits: new.limits,
            expires_at: new.expires_at,
        };
        let secret = fresh_secret()?;
        let (hash, display) = (secret.hash(), secret.display());
        let key = keys::create(&self.db, new, &hash, &display, act).await?;
        self.shown(key, secret).await
    }

    /// Changes a key; only if it still has this `version` where one is named.
    pub async fn update_key(
        &self,
        access: &Access,
        id: Uuid,
        mut patch: KeyPatch,
        version: Option<i64>,
    ) -> Result<KeyView, Problem> {
        let old = self.find_key(access, id).await?;
        let mut faults = Faults::default();
        patch.name = patch.name.map(|name| faults.name("name", &name));
        faults.models("models", patch.models.as_ref().and_then(Option::as_deref));
        faults.expiry("expires_at", patch.expires_at.flatten());
        self.check_owner(access, patch.owner_id, &mut faults)
            .await?;
        self.check_grants(access, &old, &patch, &mut faults).await?;
        faults.check()?;
        let named = named(access, id, version);
        let key = keys::update(&self.db, named, patch, access.act()).await?;
        self.view(key).await
    }

    /// Deletes a key; its usage stays.
    pub async fn delete_key(
        &self,
        access: &Access,
        id: Uuid,
        version: Option<i64>,
    ) -> Result<(), Problem> {
        let named = named(access, id, version);
        Ok(keys::delete(&self.db, named, access.act()).await?)
    }

    /// Gives a key a new secret; the old one works for `grace` longer.
    pub async fn rotate_key(
        &self,
        access: &Access,
        id: Uuid,
        grace: Option<Duration>,
        version: Option<i64>,
    ) -> Result<Shown, Problem> {
        let grace = grace.unwrap_or(GRACE);
        let mut faults = Faults::default();
        if let Some(wrong) = wrong_grace(grace) {
            faults.add("grace_seconds", wrong);
        }
        faults.check()?;
        let secret = fresh_secret()?;
        let (hash, display) = (secret.hash(), secret.display());
        let (named, act) = (named(access, id, version), access.act());
        let until = act.at.plus(grace);
        let key = keys::rotate(&self.db, named, &hash, &display, until, act).await?;
        self.shown(key, secret).await
    }

    /// Does the same to many keys, or to none. Those that are not there are named.
    pub async fn change_keys(
        &self,
        access: &Access,
        action: BulkAction,
        ids: &[Uuid],
    ) -> Result<Outcome, Problem> {
        let mut faults = Faults::default();
        if ids.is_empty() || ids.len() > MOST {
            faults.add("ids", "1 to 200 keys");
        }
        faults.check()?;
        let status = match action {
            BulkAction::Enable => Some(KeyStatus::Active),
            BulkAction::Disable => Some(KeyStatus::Disabled),
            BulkAction::Delete => None,
        };
        let ids: Vec<KeyId> = ids.iter().copied().map(KeyId).collect();
        let (organisation, owner) = (access.organisation(), access.own_only());
        let (db, act) = (&self.db, access.act());
        Ok(keys::bulk(db, organisation, owner, &ids, status, act).await?)
    }

    /// A key that whoever asks may see; others' read as none.
    pub(super) async fn find_key(&self, access: &Access, id: Uuid) -> Result<Key, Problem> {
        let found = keys::find_in(&self.db, access.organisation(), KeyId(id)).await?;
        let own = access.own_only();
        let found = found.filter(|key| own.is_none() || key.owner_id == own);
        found.ok_or(Problem::NotFound)
    }

    async fn view(&self, key: Key) -> Result<KeyView, Problem> {
        let mut views = KeyView::all(&self.db, vec![key], self.now()).await?;
        views.pop().ok_or(Problem::NotFound)
    }

    async fn shown(&self, key: Key, secret: PlainKey) -> Result<Shown, Problem> {
        Ok(Shown {
            key: self.view(key).await?,
            secret: Some(secret),
        })
    }

    /// Only admins hand keys on, and only to members and tokens of the organisation.
    async fn check_owner(
        &self,
        access: &Access,
        owner: Option<Uuid>,
        faults: &mut Faults,
    ) -> Result<(), Problem> {
        let Some(owner) = owner else { return Ok(()) };
        if access.own_only().is_some() {
            return Err(Problem::Forbidden("only admins hand keys on"));
        }
        let organisation = access.organisation();
        let role = memberships::role(&self.db, organisation, UserId(owner)).await?;
        let token = tokens::find(&self.db, TokenId(owner)).await?;
        let token = token.filter(|token| token.organisation_id == Some(organisation));
        if role.is_none() && token.is_none() {
            faults.add(
                "owner_id",
                "is neither a member nor a token of this organisation",
            );
        }
        Ok(())
    }
}

/// The key as a change by whoever has `access` names it.
fn named(access: &Access, id: Uuid, version: Option<i64>) -> Named {
    Named {
        id: KeyId(id),
        organisation: Some(access.organisation()),
        owner: access.own_only(),
        version,
    }
}

/// A key from the system's randomness.
pub fn fresh_secret() -> Result<PlainKey, getrandom::Error> {
    let mut failure = None;
    let key = PlainKey::generate(|bytes| failure = getrandom::fill(bytes).err());
    match failure {
        Some(error) => Err(error),
        None => Ok(key),
    }
}
