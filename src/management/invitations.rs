//! Invitations. Their link is shown once, to whoever invites, who hands it over; it lets the person
//! with one e-mail address in, and nobody else.

use std::time::Duration;

use uuid::Uuid;

use super::sign_in::{Browser, SignedIn, new_secret};
use super::{Access, Faults, Made, Management, Problem, Signed};
use crate::domain::audit::{Act, Once};
use crate::domain::key::SecretHash;
use crate::domain::role::Role;
use crate::domain::secret::{Secret, hash_of};
use crate::domain::tenant::InvitationId;
use crate::store::invitations::{self, Guest, Invitation, NewInvitation};
use crate::store::users::{self, NewUser, User};

/// For how long an invitation works.
const LIFE: Duration = Duration::from_hours(7 * 24);

/// An invitation that was just made.
pub struct Invited {
    /// Without its secret.
    pub invitation: Invitation,
    /// What its link holds, and where the invited person joins; none when they were given before.
    pub shown: Option<(Secret, String)>,
}

/// What an invited person says.
#[derive(Clone, Copy, Default)]
pub struct Acceptance<'a> {
    /// The secret of the invitation's link.
    pub secret: &'a str,
    /// What people call them, if they are new.
    pub name: Option<&'a str>,
    /// Theirs, or the one they choose, unless they are signed in.
    pub password: Option<&'a str>,
}

impl Management {
    /// The open invitations, by e-mail address.
    pub async fn invitations(&self, access: &Access) -> Result<Vec<Invitation>, Problem> {
        Ok(invitations::list(&self.db, access.organisation(), self.now()).await?)
    }

    /// Invites someone. An earlier invitation of theirs works no more.
    pub async fn invite(
        &self,
        access: &Access,
        email: Option<&str>,
        role: Option<Role>,
        once: Option<Once>,
    ) -> Result<Made<Invited>, Problem> {
        let act = access.act().once(once);
        let find = |id| async move {
            let found = invitations::find_by_id(&self.db, InvitationId(id)).await?;
            let invitation = found.ok_or(Problem::NotFound)?;
            let shown = None;
            Ok(Invited { invitation, shown })
        };
        let make = self.make_invitation(access, email, role, &act);
        self.once(&act, find, make).await
    }

    async fn make_invitation(
        &self,
        access: &Access,
        email: Option<&str>,
        role: Option<Role>,
        act: &Act,
    ) -> Result<Invited, Problem> {
        let mut faults = Faults::default();
        let email = faults.email("email", email);
        let role = faults.role(access, role);
        faults.check()?;
        let secret = new_secret("")?;
        let new = NewInvitation {
            organisation: access.organisation(),
            email: &email,
            role,
            hash: secret.hash(),
            expires_at: act.at.plus(LIFE),
        };
        let invitation = invitations::create(&self.db, new, act).await?;
        let link = self.link("invitations", &secret);
        let shown = Some((secret, link));
        Ok(Invited { invitation, shown })
    }

    /// Ends an invitation before it is used.
    pub async fn revoke_invitation(&self, access: &Access, id: Uuid) -> Result<(), Problem> {
        let (organisation, id) = (access.organisation(), InvitationId(id));
        let (by, act) = (access.role(), access.act());
        Ok(invitations::revoke(&self.db, organisation, id, by, act).await?)
    }

    /// What the holder of a link is invited to.
    pub async fn invitation(&self, secret: &str) -> Result<Invitation, Problem> {
        let (_, invitation) = self.open_invitation(secret).await?;
        Ok(invitation)
    }

    /// Joins. Whoever is signed in joins as that; others prove with their password who they are, or
    /// choose one if they are new. All of them get a new session.
    pub async fn accept_invitation(
        &self,
        signed: Option<&Signed>,
        acceptance: Acceptance<'_>,
        browser: &Browser,
    ) -> Result<SignedIn, Problem> {
        let (hash, invitation) = self.open_invitation(acceptance.secret).await?;
        let user = match signed {
            Some(signed) => Some(self.guest(signed, &invitation).await?),
            None => users::find_by_email(&self.db, &invitation.email).await?,
        };
        let joined = match user {
            None => {
                self.join_as_new(hash, &invitation, acceptance, browser)
                    .await?
            }
            Some(user) => {
                let user = match signed {
                    Some(_) => user,
                    None => self.prove_guest(&user, acceptance, browser).await?,
                };
                let act = browser.origin.act(user.as_author(), self.now());
                invitations::accept(&self.db, hash, Guest::Known(&user), act).await?
            }
        };
        self.begin_session(joined, browser).await
    }

    async fn open_invitation(&self, secret: &str) -> Result<(SecretHash, Invitation), Problem> {
        let hash = hash_of("", secret).ok_or(Problem::NotFound)?;
        let found = invitations::find(&self.db, hash, self.now()).await?;
        Ok((hash, found.ok_or(Problem::NotFound)?))
    }

    async fn guest(&self, signed: &Signed, invitation: &Invitation) -> Result<User, Problem> {
        let (id, _) = signed.in_session()?;
        let user = users::find(&self.db, id).await?;
        let user = user.ok_or(Problem::Unauthenticated)?;
        if user.email != invitation.email {
            let what = "this invitation is for another e-mail address; sign out first";
            return Err(Problem::Forbidden(what));
        }
        Ok(user)
    }

    async fn prove_guest(
        &self,
        user: &User,
        acceptance: Acceptance<'_>,
        browser: &Browser,
    ) -> Result<User, Problem> {
        let mut faults = Faults::default();
        let password = faults.password("password", acceptance.password);
        faults.check()?;
        self.prove(&user.email, password, browser.origin).await
    }

    async fn join_as_new(
        &self,
        hash: SecretHash,
        invitation: &Invitation,
        acceptance: Acceptance<'_>,
        browser: &Browser,
    ) -> Result<User, Problem> {
        let mut faults = Faults::default();
        let name = faults.required_name("name", acceptance.name);
        let password = faults.new_password("password", acceptance.password);
        faults.check()?;
        let password = self.passwords.place().await?.hash(password).await?;
        let new = NewUser {
            email: &invitation.email,
            name: &name,
            password: Some(&password),
            is_operator: false,
        };
        let act = browser.act(self);
        Ok(invitations::accept(&self.db, hash, Guest::New(new), act).await?)
    }
}
