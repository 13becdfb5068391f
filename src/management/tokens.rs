//! Management tokens: for scripts. A token has a role in one organisation, or runs the installation;
//! nobody makes one that may do more or lives longer than they do.

use uuid::Uuid;

use super::sign_in::new_secret;
use super::{Access, Faults, Made, Management, Problem, Signed};
use crate::domain::audit::{Act, Author, Once};
use crate::domain::role::Role;
use crate::domain::secret::{Secret, TOKEN_PREFIX};
use crate::domain::tenant::{OrganisationId, TokenId};
use crate::domain::time::Timestamp;
use crate::store::tokens::{self, NewToken, Token};

/// What a new token is made of.
#[derive(Clone, Debug, Default)]
pub struct TokenWish {
    /// Required.
    pub name: Option<String>,
    /// What it may do; required, but for the operator's.
    pub role: Option<Role>,
    /// When it stops working; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// A token that was just made.
pub struct MadeToken {
    /// Without its secret.
    pub token: Token,
    /// `mk-…`, for the one answer that shows it; none when that was given before.
    pub secret: Option<Secret>,
}

impl Management {
    /// An organisation's tokens, by name.
    pub async fn tokens(&self, access: &Access) -> Result<Vec<Token>, Problem> {
        Ok(tokens::list(&self.db, Some(access.organisation())).await?)
    }

    /// Makes a token of an organisation.
    pub async fn create_token(
        &self,
        access: &Access,
        wish: TokenWish,
        once: Option<Once>,
    ) -> Result<Made<MadeToken>, Problem> {
        let mut faults = Faults::default();
        let role = faults.role(access, wish.role);
        let place = (access.organisation(), role);
        let act = access.act().once(once);
        self.make_token(faults, Some(place), wish, &act).await
    }

    /// Revokes a token of an organisation.
    pub async fn revoke_token(&self, access: &Access, id: Uuid) -> Result<(), Problem> {
        let (organisation, id) = (Some(access.organisation()), TokenId(id));
        let (by, act) = (access.role(), access.act());
        Ok(tokens::revoke(&self.db, organisation, id, by, act).await?)
    }

    /// The operator's tokens, by name.
    pub async fn operator_tokens(&self, signed: &Signed) -> Result<Vec<Token>, Problem> {
        self.operator(signed)?;
        Ok(tokens::list(&self.db, None).await?)
    }

    /// Makes a token of the operator.
    pub async fn create_operator_token(
        &self,
        signed: &Signed,
        wish: TokenWish,
        once: Option<Once>,
    ) -> Result<Made<MadeToken>, Problem> {
        let act = self.operator(signed)?.once(once);
        self.make_token(Faults::default(), None, wish, &act).await
    }

    /// Revokes a token of the operator.
    pub async fn revoke_operator_token(&self, signed: &Signed, id: Uuid) -> Result<(), Problem> {
        let act = self.operator(signed)?;
        Ok(tokens::revoke(&self.db, None, TokenId(id), Role::Owner, act).await?)
    }

    async fn make_token(
        &self,
        faults: Faults,
        place: Option<(OrganisationId, Role)>,
        wish: TokenWish,
        act: &Act,
    ) -> Result<Made<MadeToken>, Problem> {
        let find = |id| async move {
            let token = tokens::find(&self.db, TokenId(id)).await?;
            let token = token.ok_or(Problem::NotFound)?;
            let secret = None;
            Ok(MadeToken { token, secret })
        };
        let make = self.make_new_token(faults, place, wish, act);
        self.once(act, find, make).await
    }

    async fn make_new_token(
        &self,
        mut faults: Faults,
        place: Option<(OrganisationId, Role)>,
        wish: TokenWish,
        act: &Act,
    ) -> Result<MadeToken, Problem> {
        let name = faults.required_name("name", wish.name.as_deref());
        faults.expiry("expires_at", wish.expires_at);
        if let Some(rule) = self.broken_expiry(wish.expires_at, act).await? {
            faults.add("expires_at", rule);
        }
        faults.check()?;
        let secret = new_secret(TOKEN_PREFIX)?;
        let new = NewToken {
            place,
            name: &name,
            hash: secret.hash(),
            display: &secret.display(),
            expires_at: wish.expires_at,
        };
        let token = tokens::create(&self.db, new, act).await?;
        let secret = Some(secret);
        Ok(MadeToken { token, secret })
    }

    async fn broken_expiry(
        &self,
        expires_at: Option<Timestamp>,
        act: &Act,
    ) -> Result<Option<&'static str>, Problem> {
        if expires_at.is_some_and(|expiry| expiry <= act.at) {
            return Ok(Some("a time that is still to come"));
        }
        let Author::Token { id, .. } = &act.author else {
            return Ok(None);
        };
        let asker = tokens::find(&self.db, *id).await?;
        let end = asker.and_then(|asker| asker.expires_at);
        let outlives = end.is_some_and(|end| expires_at.is_none_or(|expiry| expiry > end));
        Ok(outlives.then_some("at the latest when the token expires that asks"))
    }
}
