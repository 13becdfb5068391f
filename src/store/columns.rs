//! Domain types as columns, the same way in both engines: identifiers as UUIDs, hashes as bytes,
//! enumerations as the words that users read.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};
use uuid::Uuid;

use super::changes::ChangeKind;
use super::leases::LeaseState;
use super::links::Purpose;
use crate::domain::key::SecretHash;
use crate::domain::quota::{Period, Unit};
use crate::domain::role::Role;
use crate::domain::tenant::{
    CallId, InvitationId, KeyId, KeyStatus, OrganisationId, OrganisationStatus, ProjectId,
    SessionId, TokenId, UserId,
};
use crate::domain::usage::Source;

/// Stores `$type` as a `$column`, by a function each way.
macro_rules! column {
    ($type:ty as $column:ty, $to:expr, $from:expr) => {
        impl<DB: Database> Type<DB> for $type
        where
            $column: Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <$column as Type<DB>>::type_info()
            }

            fn compatible(info: &DB::TypeInfo) -> bool {
                <$column as Type<DB>>::compatible(info)
            }
        }

        impl<'q, DB: Database> Encode<'q, DB> for $type
        where
            $column: Encode<'q, DB>,
        {
            fn encode_by_ref(&self, buf: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                let to: fn(&$type) -> $column = $to;
                <$column as Encode<'q, DB>>::encode(to(self), buf)
            }
        }

        impl<'r, DB: Database> Decode<'r, DB> for $type
        where
            $column: Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
                let from: fn($column) -> Result<$type, BoxDynError> = $from;
                from(<$column as Decode<'r, DB>>::decode(value)?)
            }
        }
    };
}

macro_rules! words {
    ($type:ident: $($variant:ident = $word:literal),+) => {
        column!(
            $type as String,
            |value| match value { $($type::$variant => $word),+ }.to_owned(),
            |word| match word.as_str() {
                $($word => Ok($type::$variant),)+
                other => Err(format!("{other:?} is no {}", stringify!($type)).into()),
            }
        );
    };
}

column!(OrganisationId as Uuid, |id| id.0, |id| Ok(OrganisationId(
    id
)));
column!(ProjectId as Uuid, |id| id.0, |id| Ok(ProjectId(id)));
column!(KeyId as Uuid, |id| id.0, |id| Ok(KeyId(id)));
column!(CallId as Uuid, |id| id.0, |id| Ok(CallId(id)));
column!(UserId as Uuid, |id| id.0, |id| Ok(UserId(id)));
column!(TokenId as Uuid, |id| id.0, |id| Ok(TokenId(id)));
column!(SessionId as Uuid, |id| id.0, |id| Ok(SessionId(id)));
column!(InvitationId as Uuid, |id| id.0, |id| Ok(InvitationId(id)));
column!(SecretHash as Vec<u8>, |hash| hash.0.to_vec(), |bytes| Ok(
    SecretHash(bytes.as_slice().try_into()?)
));
words!(OrganisationStatus: Active = "active", Suspended = "suspended");
words!(KeyStatus: Active = "active", Disabled = "disabled");
words!(Role: Viewer = "viewer", Member = "member", Admin = "admin", Owner = "owner");
words!(Purpose: SetUp = "set_up", SignIn = "sign_in", Reset = "reset");
words!(Unit: Tokens = "tokens", Requests = "requests", NanoUsd = "nano_usd");
words!(Period: None = "none", Day = "day", Week = "week", Month = "month");
words!(Source: None = "none", Reported = "reported", Estimated = "estimated", Interrupted = "interrupted");
words!(LeaseState: Open = "open", Suspect = "suspect", Closed = "closed");
words!(ChangeKind: Organisation = "organisation", Project = "project", Key = "key", Recall = "recall");
