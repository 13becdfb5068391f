//! Signing in, and what it begins: a session whose secret only the browser has. Whoever cannot sign in
//! learns nothing about who can: neither by what is answered nor by how long it takes.

use secrecy::SecretString;
use serde_json::json;

use super::throttle::{Failed, Tries};
use super::{Faults, Management, Origin, Problem, Signed};
use crate::domain::audit::{Act, Author};
use crate::domain::email;
use crate::domain::secret::{Secret, hash_of};
use crate::domain::tenant::{SessionId, UserId};
use crate::store::sessions::{self, NewSession};
use crate::store::users::{self, Status, User};
use crate::store::{StoreError, known_addresses, sign_ins};

/// How much is kept of what a browser says it is.
const AGENT: usize = 200;

/// What a sign-in comes from.
#[derive(Clone, Default)]
pub struct Browser {
    /// What it says it is.
    pub agent: Option<String>,
    /// The secret of the session that it has: the new one replaces it.
    pub session: Option<String>,
    /// From where.
    pub origin: Origin,
}

/// Someone who just signed in.
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// Their new session.
    pub session: SessionId,
    /// Its secret, for the cookie.
    pub secret: Secret,
    /// As it may ask from now on.
    pub signed: Signed,
}

impl Management {
    /// Signs in with a password. Both fields are required.
    pub async fn sign_in(
        &self,
        email: Option<&str>,
        password: Option<&str>,
        browser: &Browser,
    ) -> Result<SignedIn, Problem> {
        let mut faults = Faults::default();
        let email = faults.email("email", email);
        let password = faults.password("password", password);
        faults.check()?;
        let user = self.prove(&email, password, browser.origin).await?;
        self.begin_session(user, browser).await
    }

    /// Ends the session that `signed` came by.
    pub async fn sign_out(&self, signed: &Signed) -> Result<(), Problem> {
        let (user, session) = signed.in_session()?;
        sessions::end(&self.db, user, session).await?;
        Ok(())
    }

    /// The user with this e-mail address and password.
    pub(super) async fn prove(
        &self,
        email: &str,
        password: SecretString,
        origin: Origin,
    ) -> Result<User, Problem> {
        let tries = self.tries(email, origin).await?;
        self.throttle.check(&tries, self.now())?;
        let user = users::find_by_email(&self.db, email).await?;
        let hash = user.as_ref().and_then(|user| user.password.clone());
        let place = self.passwords.place().await?;
        // Others may have failed while this one waited for its place.
        self.throttle.check(&tries, self.now())?;
        let (is_right, place) = place.verify(password, hash).await?;
        let failure = match &user {
            None => Some("unknown"),
            Some(_) if !is_right => Some("wrong_password"),
            Some(user) if user.status() == Status::Disabled => Some("disabled"),
            Some(_) => None,
        };
        let (None, Some(user)) = (failure, &user) else {
            let failed = self.throttle.failed(&tries, self.now());
            drop(place);
            let who = (email, user.as_ref().map(|user| user.id));
            self.note_failure(who, failure, failed, origin).await?;
            return Err(Problem::WrongCredentials);
        };
        self.throttle.succeeded(&tries);
        Ok(user.clone())
    }

    /// Writes a failed sign-in down, for anybody who failed alike: whether there is such an account
    /// must not be seen from how long it takes.
    async fn note_failure(
        &self,
        who: (&str, Option<UserId>),
        reason: Option<&str>,
        failed: Failed,
        origin: Origin,
    ) -> Result<(), Problem> {
        let now = self.now();
        let Some(left_out) = self.throttle.note(failed, now) else {
            return Ok(());
        };
        let how = json!({"reason": reason, "failures": failed.count,
            "throttled_seconds": failed.wait.as_secs(), "left_out": left_out});
        let act = origin.act(Author::Stranger, now);
        Ok(sign_ins::note_failure(&self.db, who, how, act).await?)
    }

    /// Begins a session of someone who proved who they are. The one that the browser had ends.
    pub(super) async fn begin_session(
        &self,
        user: User,
        browser: &Browser,
    ) -> Result<SignedIn, Problem> {
        let secret = new_secret("")?;
        let address = browser.origin.address.map(|address| address.to_string());
        let agent = browser.agent.as_deref().map(|agent| {
            let end = agent.char_indices().nth(AGENT).map(|(end, _)| end);
            agent.get(..end.unwrap_or(agent.len())).unwrap_or_default()
        });
        let replaced = browser.session.as_deref();
        let new = NewSession {
            hash: secret.hash(),
            user: &user,
            address: address.as_deref(),
            agent,
            replaces: replaced.and_then(|secret| hash_of("", secret)),
        };
        let act = browser.origin.act(user.as_author(), self.now());
        let begun = sessions::begin(&self.db, new, act).await;
        let session = begun.map_err(|error| match error {
            // The password was changed at this moment.
            StoreError::VersionConflict => Problem::WrongCredentials,
            error => error.into(),
        })?;
        let signed = self.signed_by_session(secret.expose(), browser.origin);
        Ok(SignedIn {
            signed: signed.await?,
            user,
            session,
            secret,
        })
    }

    async fn tries(&self, email: &str, origin: Origin) -> Result<Tries, Problem> {
        let is_home = match origin.address {
            None => false,
            Some(address) => {
                let address = address.to_string();
                known_addresses::is_known(&self.db, email, &address, self.now()).await?
            }
        };
        Ok(Tries::of(email, origin.address, is_home))
    }
}

impl Browser {
    /// A change by whoever holds a one-time link.
    pub(super) fn act(&self, management: &Management) -> Act {
        self.origin.act(Author::Bearer, management.now())
    }
}

impl User {
    /// As who they change something.
    pub(super) fn as_author(&self) -> Author {
        Author::User {
            id: self.id,
            email: self.email.clone(),
        }
    }
}

impl Faults {
    /// An e-mail address that must be there, as it is kept.
    pub fn email(&mut self, field: &str, text: Option<&str>) -> String {
        let parsed = text.and_then(email::parse);
        if parsed.is_none() {
            let what = "an e-mail address";
            self.add(field, if text.is_none() { "is required" } else { what });
        }
        parsed.unwrap_or_default()
    }
}

/// A new secret that begins with `prefix`.
pub(super) fn new_secret(prefix: &str) -> Result<Secret, Problem> {
    let mut filled = Ok(());
    let secret = Secret::generate(prefix, |bytes| filled = getrandom::fill(bytes));
    filled?;
    Ok(secret)
}
