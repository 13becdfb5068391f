//! Proofs of who asks.

use super::{Management, Origin, Problem, Signed};
use crate::domain::audit::Author;
use crate::domain::secret::{TOKEN_PREFIX, hash_of};
use crate::store::memberships::{self, Membership};
use crate::store::sessions;
use crate::store::tokens::{self, Token};
use crate::store::users::{self, Status};

impl Management {
    /// Whoever the session with this secret belongs to.
    pub async fn signed_by_session(&self, secret: &str, origin: Origin) -> Result<Signed, Problem> {
        let hash = hash_of("", secret).ok_or(Problem::Unauthenticated)?;
        let session = sessions::find(&self.db, hash, self.now()).await?;
        let session = session.ok_or(Problem::Unauthenticated)?;
        let user = users::find(&self.db, session.user_id).await?;
        let user = user.filter(|user| user.status() == Status::Active);
        let user = user.ok_or(Problem::Unauthenticated)?;
        Ok(Signed {
            author: user.as_author(),
            is_operator: user.is_operator,
            memberships: memberships::of_user(&self.db, user.id).await?,
            session: Some(session.id),
            origin,
        })
    }

    /// Whoever holds this management token.
    pub async fn signed_by_token(&self, token: &str, origin: Origin) -> Result<Signed, Problem> {
        let hash = hash_of(TOKEN_PREFIX, token).ok_or(Problem::Unauthenticated)?;
        let token = tokens::find_live(&self.db, hash, self.now()).await?;
        let token = token.ok_or(Problem::Unauthenticated)?;
        Ok(Signed {
            is_operator: token.organisation_id.is_none(),
            memberships: membership(&token).into_iter().collect(),
            author: Author::Token {
                id: token.id,
                name: token.name,
            },
            session: None,
            origin,
        })
    }
}

fn membership(token: &Token) -> Option<Membership> {
    Some(Membership {
        organisation_id: token.organisation_id?,
        name: String::new(),
        role: token.role?,
    })
}
