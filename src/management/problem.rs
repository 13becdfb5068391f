//! Why something that was asked for is not done, as its faces tell it apart.

use std::time::Duration;

use super::fault::Fault;
use crate::store::StoreError;

/// See the module.
#[derive(Debug)]
pub enum Problem {
    /// Nobody is signed in, or no longer.
    Unauthenticated,
    /// The e-mail address or the password is wrong; which one is not told.
    WrongCredentials,
    /// Signed in, but not allowed this; why not.
    Forbidden(&'static str),
    /// A page of another site asks for it.
    CrossSite,
    /// There is no such thing, or it is somebody else's: both read the same.
    NotFound,
    /// The request says what cannot be; every fault at once.
    Invalid(Vec<Fault>),
    /// Something else stands in the way; what it is, as a sentence.
    Conflict(String),
    /// Something else was asked for under this idempotency key.
    IdempotencyKeyReused,
    /// It was made by another request under this idempotency key, at this moment.
    MadeMeanwhile,
    /// It was changed since it was read.
    VersionConflict,
    /// Too many attempts; how long to wait.
    Throttled(Duration),
    /// The store cannot be asked at the moment.
    Unavailable,
    /// A fault of ours, which the log explains.
    Internal,
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Conflict { what } => Self::Conflict(what.to_owned()),
            StoreError::Forbidden { what } => Self::Forbidden(what),
            StoreError::SignedOut => Self::Unauthenticated,
            StoreError::MadeMeanwhile => Self::MadeMeanwhile,
            StoreError::VersionConflict => Self::VersionConflict,
            StoreError::Unavailable { .. } => {
                tracing::warn!(%error, cause = error.cause(), "the store could not be asked");
                Self::Unavailable
            }
            error => {
                tracing::error!(%error, cause = error.cause(), "a request failed");
                Self::Internal
            }
        }
    }
}

impl From<getrandom::Error> for Problem {
    fn from(error: getrandom::Error) -> Self {
        tracing::error!(%error, "the system gives no randomness");
        Self::Internal
    }
}
