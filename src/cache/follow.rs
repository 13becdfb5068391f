//! Follows the store's list of changes and drops what they concern. Polled, because a notification
//! can be lost; Postgres also notifies, so that most changes are seen at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use uuid::Uuid;

use super::{Callers, Entry};
use crate::store::StoreError;
use crate::store::changes::{self, ChangeKind};

const EVERY: Duration = Duration::from_millis(250);
/// How long the store may take to answer: one that hangs counts as away and is asked anew.
const PATIENCE: Duration = Duration::from_secs(5);
const PRUNE_EVERY: Duration = Duration::from_mins(1);

impl Callers {
    /// Follows changes for ever, and says when that has not worked for too long.
    pub async fn follow(self: Arc<Self>) {
        let judging = async {
            loop {
                tokio::time::sleep(EVERY).await;
                self.judge_store();
            }
        };
        tokio::join!(self.follow_changes(), self.prune_limiters(), judging);
    }

    async fn follow_changes(&self) {
        let mut seen = None;
        let mut listener = self.listen().await;
        loop {
            let caught_up = timeout(PATIENCE, self.catch_up(&mut seen)).await;
            let caught_up = caught_up.unwrap_or_else(|late| Err(StoreError::unavailable(&late)));
            if let Err(error) = caught_up {
                tracing::warn!(%error, "changes of keys cannot be read; known keys work on for a while");
            }
            match &mut listener {
                Some(changes) => {
                    if let Ok(Err(_)) = timeout(EVERY, changes.recv()).await {
                        tokio::time::sleep(EVERY).await;
                    }
                }
                None => tokio::time::sleep(EVERY).await,
            }
        }
    }

    async fn prune_limiters(&self) {
        loop {
            tokio::time::sleep(PRUNE_EVERY).await;
            self.shared.prune();
            self.limiters.prune();
        }
    }

    /// Polling alone is enough, so a database that cannot be listened to is only polled.
    async fn listen(&self) -> Option<changes::Listener> {
        let listening = timeout(PATIENCE, changes::listen(&self.db)).await;
        listening.ok()?.ok()?
    }

    async fn catch_up(&self, seen: &mut Option<i64>) -> Result<(), StoreError> {
        let asked = Instant::now();
        let Some(last) = *seen else {
            // Nothing read before this moment is kept, whatever the list held then.
            *seen = Some(changes::head(&self.db).await?);
            self.forget_all();
            self.followed(asked);
            return Ok(());
        };
        let changes = changes::since(&self.db, last).await?;
        if changes.first().is_some_and(|first| first.id != last + 1) {
            // Some were pruned while this process slept: nobody knows which.
            *seen = None;
            return Ok(());
        }
        if let Some(newest) = changes.last() {
            let of_kind = |is_recall| {
                let changes = changes.iter();
                let changes =
                    changes.filter(move |change| (change.kind == ChangeKind::Recall) == is_recall);
                changes.map(|change| change.subject)
            };
            self.ledger.recalled(of_kind(true));
            self.forget(&of_kind(false).collect());
            *seen = Some(newest.id);
        }
        self.followed(asked);
        Ok(())
    }

    /// Drops every entry that one of `subjects`, organisations, projects or keys, concerns. Unknown
    /// keys go too: one of them may exist now.
    fn forget(&self, subjects: &HashSet<Uuid>) {
        if subjects.is_empty() {
            return;
        }
        let change = self.count_change(|| self.shared.forget(subjects));
        self.ledger.edited(subjects, change);
        self.entries.retain(|_, entry| match entry {
            Entry::Unknown { .. } => false,
            Entry::Known(caller) => !caller
                .scopes()
                .iter()
                .any(|scope| subjects.contains(&scope.id.uuid())),
        });
    }

    fn forget_all(&self) {
        self.count_change(|| self.shared.forget_all());
        self.entries.clear();
    }

    /// Counts a change, and forgets what is shared at the same moment: whoever reads anew finds
    /// nothing that is older.
    fn count_change(&self, forget: impl FnOnce()) -> u64 {
        let mut generation = self.generation.write();
        forget();
        *generation += 1;
        *generation
    }
}
