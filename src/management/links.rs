//! One-time links: to set up an empty installation, to sign in, to choose a new password. Each works
//! once and not for long, and the store knows its hash alone. They begin with the configured address,
//! whatever a request says it was sent to.

use std::time::Duration;

use super::sign_in::{Browser, SignedIn, new_secret};
use super::{Faults, Management, Problem};
use crate::domain::audit::Act;
use crate::domain::key::SecretHash;
use crate::domain::secret::{Secret, hash_of};
use crate::domain::time::Timestamp;
use crate::store::links::{self, Purpose};
use crate::store::users::{self, NewUser, User};
use crate::store::{Db, organisations};

/// The first operator.
#[derive(Clone, Copy, Default)]
pub struct FirstOperator<'a> {
    /// Required.
    pub email: Option<&'a str>,
    /// Required.
    pub name: Option<&'a str>,
    /// Required.
    pub password: Option<&'a str>,
    /// The name of an organisation to begin with, which is theirs.
    pub organisation: Option<&'a str>,
}

impl Management {
    /// A link by which the first operator sets the installation up; none where there is somebody.
    pub async fn set_up_link(&self) -> Result<Option<String>, Problem> {
        if users::is_any(&self.db).await? {
            return Ok(None);
        }
        let (purpose, now) = (Purpose::SetUp, self.now());
        issue(&self.db, &self.public_url, purpose, None, now)
            .await
            .map(Some)
    }

    /// Whether a link with this secret still works. Looking does not use it up.
    pub async fn link_works(&self, secret: &str, purpose: Purpose) -> Result<bool, Problem> {
        let Some(hash) = hash_of("", secret) else {
            return Ok(false);
        };
        Ok(links::is_open(&self.db, hash, purpose, self.now()).await?)
    }

    /// Uses a set-up link: makes the first operator, and an organisation if they name one.
    pub async fn set_up(
        &self,
        secret: &str,
        first: FirstOperator<'_>,
        browser: &Browser,
    ) -> Result<SignedIn, Problem> {
        let mut faults = Faults::default();
        let email = faults.email("email", first.email);
        let name = faults.required_name("name", first.name);
        let password = faults.new_password("password", first.password);
        let organisation = first
            .organisation
            .map(|own| faults.name("organization", own));
        // Only who holds the link learns what is here already.
        let link = self.open_link(secret, Purpose::SetUp).await;
        if let Some(own) = &organisation
            && link.is_ok()
            && organisations::find(&self.db, own).await?.is_some()
        {
            faults.add("organization", "an organisation with this name exists");
        }
        faults.check()?;
        let hash = link?;
        let password = self.passwords.place().await?.hash(password).await?;
        let new = NewUser {
            email: &email,
            name: &name,
            password: Some(&password),
            is_operator: true,
        };
        let (own, act) = (organisation.as_deref(), browser.act(self));
        let user = links::set_up(&self.db, hash, new, own, act).await?;
        self.begin_session(user, browser).await
    }

    /// Uses a sign-in link.
    pub async fn sign_in_by_link(
        &self,
        secret: &str,
        browser: &Browser,
    ) -> Result<SignedIn, Problem> {
        let hash = hash_of("", secret).ok_or(Problem::NotFound)?;
        let user = links::sign_in(&self.db, hash, self.now()).await?;
        self.begin_session(user, browser).await
    }

    /// Uses a reset link: its user has a new password then, and signs in anew everywhere.
    pub async fn reset_password(
        &self,
        secret: &str,
        password: Option<&str>,
        browser: &Browser,
    ) -> Result<(), Problem> {
        let mut faults = Faults::default();
        let password = faults.new_password("password", password);
        faults.check()?;
        let hash = self.open_link(secret, Purpose::Reset).await?;
        let password = self.passwords.place().await?.hash(password).await?;
        let address = browser.origin.address.map(|address| address.to_string());
        let act = browser.act(self);
        Ok(links::reset(&self.db, hash, &password, address.as_deref(), act).await?)
    }

    /// Looks before a password is hashed in vain: anybody may send secrets of their own making.
    async fn open_link(&self, secret: &str, purpose: Purpose) -> Result<SecretHash, Problem> {
        if !self.link_works(secret, purpose).await? {
            return Err(Problem::NotFound);
        }
        hash_of("", secret).ok_or(Problem::NotFound)
    }

    /// Where a one-time link leads.
    pub(super) fn link(&self, page: &str, secret: &Secret) -> String {
        address(&self.public_url, page, secret)
    }
}

/// Makes a link of `user`, or of nobody to set up. Earlier ones of theirs for the same end.
pub async fn issue(
    db: &Db,
    public_url: &str,
    purpose: Purpose,
    user: Option<&User>,
    act: impl Into<Act>,
) -> Result<String, Problem> {
    let (secret, act) = (new_secret("")?, act.into());
    let expires_at: Timestamp = act.at.plus(life(purpose));
    links::create(db, purpose, user, (secret.hash(), expires_at), act).await?;
    Ok(address(public_url, page(purpose), &secret))
}

/// For how long a link works.
pub fn life(purpose: Purpose) -> Duration {
    match purpose {
        Purpose::SetUp => Duration::from_hours(1),
        Purpose::SignIn => Duration::from_hours(24),
        Purpose::Reset => Duration::from_mins(30),
    }
}

fn page(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::SetUp => "set-up",
        Purpose::SignIn => "sign-in",
        Purpose::Reset => "reset",
    }
}

fn address(public_url: &str, page: &str, secret: &Secret) -> String {
    let base = public_url.trim_end_matches('/');
    format!("{base}/{page}/{}", secret.expose())
}
