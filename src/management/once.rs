//! Things that are made, and that asking for one twice under a name makes one.

use uuid::Uuid;

use super::{Management, Problem};
use crate::domain::audit::Act;
use crate::store::idempotency;

/// What was made, now or when it was asked for before.
#[derive(Debug)]
pub struct Made<T> {
    /// The thing.
    pub thing: T,
    /// Whether it was made before, under the same name.
    pub is_replayed: bool,
}

impl<T> Made<T> {
    /// Made this time.
    pub(super) fn now(thing: T) -> Self {
        Self {
            thing,
            is_replayed: false,
        }
    }

    /// Made before.
    pub(super) fn before(thing: T) -> Self {
        Self {
            thing,
            is_replayed: true,
        }
    }
}

impl Management {
    /// What was made already under the name that `act` comes with.
    pub(super) async fn made_before(&self, act: &Act) -> Result<Option<Uuid>, Problem> {
        let (Some(once), Some(author)) = (&act.once, act.author.id()) else {
            return Ok(None);
        };
        let made = idempotency::find(&self.db, author, &once.name, act.at).await?;
        match made {
            Some(made) if made.request != once.request => Err(Problem::IdempotencyKeyReused),
            made => Ok(made.map(|made| made.subject_id)),
        }
    }
}
