//! Why calls of a key fail: what its owner looks at first.

use std::time::Duration;

use uuid::Uuid;

use super::{Access, Management, Problem};
use crate::domain::tenant::KeyId;
use crate::domain::time::Timestamp;
use crate::store::refusals::{self, KeyRefusal, RefusalCount, RefusalRow};

/// Counts go back so far unless something else is asked for.
const LATELY: Duration = Duration::from_hours(24 * 7);

/// The refused calls of a key.
#[derive(Debug)]
pub struct Refusals {
    /// How many there were of each hour and code, the latest hour first.
    pub hours: Vec<RefusalCount>,
    /// The last hundred, newest first.
    pub last: Vec<RefusalRow>,
}

impl Management {
    /// The refused calls of a key since `from`, by default of the last seven days.
    pub async fn refusals(
        &self,
        access: &Access,
        id: Uuid,
        from: Option<Timestamp>,
    ) -> Result<Refusals, Problem> {
        self.find_key(access, id).await?;
        let (organisation, key) = (access.organisation(), KeyId(id));
        let from = from.unwrap_or_else(|| self.now().minus(LATELY));
        Ok(Refusals {
            hours: refusals::counts(&self.db, organisation, key, from).await?,
            last: refusals::last(&self.db, organisation, key).await?,
        })
    }

    /// The latest refusals of all keys that whoever asks may see, newest first.
    pub async fn latest_refusals(
        &self,
        access: &Access,
        limit: u16,
    ) -> Result<Vec<KeyRefusal>, Problem> {
        let (organisation, owner) = (access.organisation(), access.own_only());
        Ok(refusals::latest(&self.db, organisation, owner, i64::from(limit)).await?)
    }
}
