//! Follows the store's list of changes and drops what they concern. Polled, because a notification
//! can be lost; Postgres also notifies, so that most changes are seen at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{Callers, Entry};
use crate::store::{StoreError, changes};

const EVERY: Duration = Duration::from_millis(250);

impl Callers {
    /// Follows changes for ever.
    pub async fn follow(self: Arc<Self>) {
        let mut seen = None;
        let mut listener = self.listen().await;
        loop {
            if let Err(error) = self.catch_up(&mut seen).await {
                tracing::warn!(%error, "changes of keys cannot be read; known keys work on for a while");
            }
            self.judge_store();
            match &mut listener {
                Some(changes) => {
                    if let Ok(Err(_)) = tokio::time::timeout(EVERY, changes.recv()).await {
                        tokio::time::sleep(EVERY).await;
                    }
                }
                None => tokio::time::sleep(EVERY).await,
            }
        }
    }

    /// Polling alone is enough, so a database that cannot be listened to is only polled.
    async fn listen(&self) -> Option<changes::Listener> {
        changes::listen(&self.db).await.ok().flatten()
    }

    async fn catch_up(&self, seen: &mut Option<i64>) -> Result<(), StoreError> {
        let Some(last) = *seen else {
            // Nothing read before this moment is kept, whatever the list held then.
            *seen = Some(changes::head(&self.db).await?);
            self.forget_all();
            self.store_answered();
            return Ok(());
        };
        let changes = changes::since(&self.db, last).await?;
        self.store_answered();
        if let Some(newest) = changes.last() {
            self.forget(&changes.iter().map(|change| change.subject).collect());
            *seen = Some(newest.id);
        }
        Ok(())
    }

    /// Drops every entry that one of `subjects`, organisations, projects or keys, concerns. Unknown
    /// keys go too: one of them may exist now.
    fn forget(&self, subjects: &HashSet<Uuid>) {
        *self.generation.write() += 1;
        self.entries.retain(|_, entry| match entry {
            Entry::Unknown { .. } => false,
            Entry::Known(caller) => !caller
                .scopes()
                .iter()
                .any(|scope| subjects.contains(&scope.id.uuid())),
        });
        self.limiters.prune();
    }

    fn forget_all(&self) {
        *self.generation.write() += 1;
        self.entries.clear();
    }
}
