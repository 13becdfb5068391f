//! Who changes something, and when: what every change is written down with.

use core::net::IpAddr;

use uuid::Uuid;

use super::tenant::{SessionId, TokenId, UserId};
use super::time::Timestamp;

/// A change about to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub author: Author,
    /// The session that they are signed in by, if it is one that lets them do this.
    pub session: Option<SessionId>,
    /// From where, as far as that is known.
    pub address: Option<IpAddr>,
    /// The `x-request-id` it was asked with.
    pub request: Option<Uuid>,
    /// The caller's own name for it, if it makes something.
    pub once: Option<Once>,
}

/// A name under which a caller asks for something to be made: asking again makes nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The caller's choice.
    pub name: String,
    /// SHA-256 of all that is asked: another request under the name is a mistake.
    pub request: [u8; 32],
}

/// Who makes a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Author {
    /// Whoever may run commands on the database.
    CommandLine,
    /// A person.
    User {
        /// Who.
        id: UserId,
        /// As they sign in.
        email: String,
    },
    /// A management token.
    Token {
        /// Which.
        id: TokenId,
        /// What people call it.
        name: String,
    },
    /// Whoever holds a one-time link or a key that leaked: the holding is the proof.
    Bearer,
    /// Whoever tried to prove who they are, and failed.
    Stranger,
}

impl Author {
    /// What kind of author, as it is written down.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CommandLine => "command_line",
            Self::User { .. } => "user",
            Self::Token { .. } => "token",
            Self::Bearer => "bearer",
            Self::Stranger => "stranger",
        }
    }

    /// Which one, where there are many. Also names the owner of the keys it makes.
    pub fn id(&self) -> Option<Uuid> {
        match self {
            Self::User { id, .. } => Some(id.0),
            Self::Token { id, .. } => Some(id.0),
            Self::CommandLine | Self::Bearer | Self::Stranger => None,
        }
    }

    /// For people.
    pub fn name(&self) -> &str {
        match self {
            Self::User { email, .. } => email,
            Self::Token { name, .. } => name,
            Self::CommandLine => "command line",
            Self::Bearer => "holder of the secret",
            Self::Stranger => "nobody who is known",
        }
    }
}

impl Act {
    /// The same, asked for under a name.
    #[must_use]
    pub fn once(&self, once: Option<Once>) -> Self {
        Self {
            once,
            ..self.clone()
        }
    }
}

/// Commands need no more than a time to act.
impl From<Timestamp> for Act {
    fn from(at: Timestamp) -> Self {
        Self {
            at,
            author: Author::CommandLine,
            session: None,
            address: None,
            request: None,
            once: None,
        }
    }
}

impl From<&Self> for Act {
    fn from(act: &Self) -> Self {
        act.clone()
    }
}
