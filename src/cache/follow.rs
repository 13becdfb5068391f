//! Follows the store's list of changes and drops what they concern. Polled, because a notification
//! can be lost; Postgres also notifies, so that most changes are seen at once.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;
use uuid::Uuid;

use super::{Callers, Entry};
use crate::store::StoreError;
use crate::store::changes::{self, Change, ChangeKind};

const EVERY: Duration = Duration::from_millis(250);
/// How long the store may take to answer: one that hangs counts as away and is asked anew.
const PATIENCE: Duration = Duration::from_secs(5);
const PRUNE_EVERY: Duration = Duration::from_mins(1);

/// How far the list was read.
#[derive(Clone, Copy)]
struct Seen {
    /// The number of the last change.
    head: i64,
    /// That change, unless there was none yet. It is read again with what follows it.
    last: Option<Change>,
}

impl Seen {
    /// What follows in `changes`, which begin with the last one; `None` if they do not continue the
    /// list: some were pruned while this process slept, or the store was set back, and numbers mean
    /// other changes now.
    fn rest(self, changes: &[Change]) -> Option<&[Change]> {
        match (self.last, changes.split_first()) {
            (Some(last), Some((first, rest))) => (*first == last).then_some(rest),
            (Some(_), None) => None,
            (None, None) => Some(&[]),
            (None, Some((first, _))) => (first.id == self.head + 1).then_some(changes),
        }
    }
}

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

    async fn catch_up(&self, seen: &mut Option<Seen>) -> Result<(), StoreError> {
        let asked = Instant::now();
        if let Some(known) = *seen {
            let changes = changes::since(&self.db, known.head - 1).await?;
            if let Some(rest) = known.rest(&changes) {
                self.obey(rest);
                if let Some(newest) = rest.last().copied() {
                    let (head, last) = (newest.id, Some(newest));
                    *seen = Some(Seen { head, last });
                }
                self.followed(asked);
                return Ok(());
            }
            *seen = None;
        }
        // Nothing read before this moment is kept, whatever the list held then.
        let head = changes::head(&self.db).await?;
        let last = changes::since(&self.db, head - 1).await?.first().copied();
        let last = last.filter(|last| last.id == head);
        *seen = Some(Seen { head, last });
        self.forget_all();
        self.followed(asked);
        Ok(())
    }

    fn obey(&self, changes: &[Change]) {
        let of_kind = |is_recall| {
            let changes = changes.iter();
            let changes =
                changes.filter(move |change| (change.kind == ChangeKind::Recall) == is_recall);
            changes.map(|change| change.subject)
        };
        self.ledger.recalled(of_kind(true));
        self.forget(&of_kind(false).collect());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    fn change(id: i64, at: i64) -> Change {
        Change {
            id,
            kind: ChangeKind::Key,
            subject: Uuid::nil(),
            at: Timestamp(at),
        }
    }

    #[test]
    fn a_list_goes_on_behind_the_change_that_was_seen_last_or_is_another_list() {
        let seen = Seen {
            head: 7,
            last: Some(change(7, 1)),
        };
        let more = [change(7, 1), change(8, 2)];
        assert_eq!(seen.rest(&more), Some(&more[1..]));
        assert_eq!(seen.rest(&more[..1]), Some(&[][..]));
        assert_eq!(seen.rest(&more[1..]), None, "it was pruned");
        assert_eq!(seen.rest(&[]), None, "the store was set back");
        assert_eq!(
            seen.rest(&[change(7, 3), change(8, 4)]),
            None,
            "and went on"
        );
        let none = Seen {
            head: 0,
            last: None,
        };
        assert_eq!(none.rest(&[]), Some(&[][..]));
        assert_eq!(none.rest(&[change(1, 1)]), Some(&[change(1, 1)][..]));
        assert_eq!(none.rest(&[change(2, 1)]), None);
    }
}
