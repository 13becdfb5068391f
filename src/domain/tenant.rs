//! Who owns what: organisations hold projects, projects hold keys. Each identifier is a type of its
//! own, so that one cannot stand in for another.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Bytes of an identifier's text.
pub const ID_TEXT: usize = uuid::fmt::Hyphenated::LENGTH;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = Uuid)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identifier, ordered by time (`UUIDv7`).
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Writes its text to `buffer`, which is cheaper than formatting it.
            pub fn write(self, buffer: &mut [u8; ID_TEXT]) -> &str {
                self.0.hyphenated().encode_lower(buffer)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A tenant.
    OrganisationId
}
id! {
    /// A group of keys inside an organisation, with limits of its own.
    ProjectId
}
id! {
    /// An API key; its secrets come and go, the key stays.
    KeyId
}
id! {
    /// A person.
    UserId
}
id! {
    /// A management token.
    TokenId
}
id! {
    /// A sign-in that lasts.
    SessionId
}
id! {
    /// An invitation to an organisation.
    InvitationId
}
id! {
    /// One call through the gateway: the client's `x-request-id` and the ledger's event id.
    CallId
}

/// What a limit is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScopeId {
    /// All keys of an organisation together.
    Organisation(OrganisationId),
    /// All keys of a project together.
    Project(ProjectId),
    /// One key.
    Key(KeyId),
}

impl ScopeId {
    /// The bare identifier, as the store keeps it.
    pub fn uuid(self) -> Uuid {
        match self {
            Self::Organisation(id) => id.0,
            Self::Project(id) => id.0,
            Self::Key(id) => id.0,
        }
    }

    /// The scope's kind as users and the store read it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Organisation(_) => "organisation",
            Self::Project(_) => "project",
            Self::Key(_) => "key",
        }
    }
}

/// Whether an organisation's keys may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrganisationStatus {
    /// Its keys work.
    Active,
    /// Its keys answer 403 `organization_suspended`.
    Suspended,
}

/// Whether a key may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It works.
    Active,
    /// It keeps everything and answers 401 `key_disabled`.
    Disabled,
}
