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
    fn now(thing: T) -> Self {
        Self {
            thing,
            is_replayed: false,
        }
    }

    /// Made before.
    fn before(thing: T) -> Self {
        Self {
            thing,
            is_replayed: true,
        }
    }
}

impl Management {
    /// Makes something, or finds what was made under the name that `act` comes with. Of two requests
    /// at once the store lets one wait for the other, whose thing is then found.
    pub(super) async fn once<T, F>(
        &self,
        act: &Act,
        find: impl FnOnce(Uuid) -> F,
        make: impl Future<Output = Result<T, Problem>>,
    ) -> Result<Made<T>, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        if let Some(id) = self.made_before(act).await? {
            return Ok(Made::before(find(id).await?));
        }
        match make.await {
            Err(Problem::MadeMeanwhile) => {
                let id = self.made_before(act).await?;
                let id = id.ok_or(Problem::MadeMeanwhile)?;
                Ok(Made::before(find(id).await?))
            }
            result => Ok(Made::now(result?)),
        }
    }

    /// What was made already under the name that `act` comes with.
    async fn made_before(&self, act: &Act) -> Result<Option<Uuid>, Problem> {
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
