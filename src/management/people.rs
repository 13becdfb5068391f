//! What people do about themselves: see what they are, their sessions, and their password.

use uuid::Uuid;

use super::sign_in::{Browser, SignedIn};
use super::{Faults, Management, Problem, Signed};
use crate::domain::audit::Author;
use crate::domain::tenant::{SessionId, UserId};
use crate::store::memberships::Membership;
use crate::store::organisations;
use crate::store::sessions::{self, Session};
use crate::store::users::{self, User};

impl Management {
    /// The person who asks; none for tokens.
    pub async fn user(&self, signed: &Signed) -> Result<Option<User>, Problem> {
        let Author::User { id, .. } = &signed.author else {
            return Ok(None);
        };
        Ok(users::find(&self.db, *id).await?)
    }

    /// What whoever asks belongs to, by name.
    pub async fn places(&self, signed: &Signed) -> Result<Vec<Membership>, Problem> {
        let mut places = signed.memberships.clone();
        // Of its only one a token brings no name along.
        for place in places.iter_mut().filter(|place| place.name.is_empty()) {
            let id = place.organisation_id.to_string();
            let found = organisations::find(&self.db, &id).await?;
            place.name = found.map(|found| found.name).unwrap_or_default();
        }
        Ok(places)
    }

    /// Where the person who asks is signed in, last used first.
    pub async fn own_sessions(&self, signed: &Signed) -> Result<Vec<Session>, Problem> {
        let (user, _) = signed.in_session()?;
        Ok(sessions::of_user(&self.db, user, self.now()).await?)
    }

    /// Ends a session of the person who asks.
    pub async fn end_session(&self, signed: &Signed, id: Uuid) -> Result<(), Problem> {
        let (user, _) = signed.in_session()?;
        let ended = sessions::end(&self.db, user, SessionId(id)).await?;
        if ended {
            Ok(())
        } else {
            Err(Problem::NotFound)
        }
    }

    /// Signs the person who asks out everywhere, here too.
    pub async fn end_sessions(&self, signed: &Signed) -> Result<(), Problem> {
        let (user, _) = signed.in_session()?;
        Ok(sessions::end_every(&self.db, user).await?)
    }

    /// Changes the password of the person who asks. Every session of theirs ends, and this browser
    /// gets a new one. Who came by a link and has no password yet needs no current one.
    pub async fn change_password(
        &self,
        signed: &Signed,
        current: Option<&str>,
        password: Option<&str>,
        browser: &Browser,
    ) -> Result<SignedIn, Problem> {
        let (id, _) = signed.in_session()?;
        let user = users::find(&self.db, id).await?;
        let user = user.ok_or(Problem::Unauthenticated)?;
        let has_none = user.password.is_none();
        let mut faults = Faults::default();
        let current = (!has_none).then(|| faults.password("current", current));
        let password = faults.new_password("password", password);
        faults.check()?;
        let user = match current {
            None => user,
            Some(current) => self.prove(&user.email, current, signed.origin).await?,
        };
        let hash = self.passwords.place().await?.hash(password).await?;
        users::change_password(&self.db, &user, &hash, signed.act(self.now())).await?;
        let user = users::find(&self.db, id).await?;
        let user = user.ok_or(Problem::Unauthenticated)?;
        self.begin_session(user, browser).await
    }
}

impl Signed {
    /// Who, and in which session; tokens have none.
    pub(super) fn in_session(&self) -> Result<(UserId, SessionId), Problem> {
        match (&self.author, self.session) {
            (Author::User { id, .. }, Some(session)) => Ok((*id, session)),
            _ => Err(Problem::Forbidden("only people who signed in may do this")),
        }
    }
}
