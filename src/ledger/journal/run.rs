//! The two threads beside the calls, one that syncs and one that tidies, and how they end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::keeper::cut;
use super::segment::Segment;
use super::{Durability, Journal};

/// Records wait this long for others, unless somebody waits for them.
const GATHER: Duration = Duration::from_millis(4);
const TIDY_EVERY: Duration = Duration::from_secs(1);

/// Ends the threads, even if nobody waits for them any more.
struct Ending(Arc<Journal>);

impl Journal {
    /// Keeps it until `stop`: brings it to the disk, makes room ahead, deletes what is booked. Whoever
    /// writes should have ended by then.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let ending = Ending(Arc::clone(&self));
        let (syncer, keeper) = (Arc::clone(&self), Arc::clone(&self));
        let syncing = spawn_blocking(move || syncer.keep_synced());
        let keeping = spawn_blocking(move || keeper.keep_tidy());
        stop.cancelled().await;
        drop(ending);
        // A thread that panicked has said so.
        let _ = tokio::join!(syncing, keeping);
        let _ = spawn_blocking(move || self.close()).await;
    }

    fn stop(&self) {
        let writer = self.writer.lock();
        self.is_stopping.store(true, Ordering::Release);
        drop(writer);
        self.to_sync.notify_all();
        self.to_tidy.notify_all();
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Leaves nothing behind but what was written.
    fn close(&self) {
        self.sync();
        self.write_mark();
        let mut writer = self.writer.lock();
        let spare = writer.spare.take();
        if writer.is_housed
            && let Some(extent) = writer.log.last_mut()
        {
            cut(extent);
        }
        drop(writer);
        spare.into_iter().for_each(Segment::delete);
    }

    fn keep_tidy(&self) {
        while self.wait_for_work() {
            self.tidy(Instant::now());
        }
    }

    /// Waits until a spare segment was used up, or a while; false once the journal stops.
    fn wait_for_work(&self) -> bool {
        let mut writer = self.writer.lock();
        if !writer.wants_spare && !self.is_stopping() {
            self.to_tidy.wait_for(&mut writer, TIDY_EVERY);
        }
        writer.wants_spare = false;
        !self.is_stopping()
    }

    /// Syncs whenever there is something to sync, until the journal stops.
    fn keep_synced(&self) {
        let pause = match self.options.durability {
            Durability::Process => GATHER,
            Durability::Disk => Duration::ZERO,
        };
        while self.wait_for_records() {
            std::thread::sleep(pause);
            self.sync();
        }
    }

    /// Waits until something is written; then true, unless the journal stops and nothing is.
    fn wait_for_records(&self) -> bool {
        let mut writer = self.writer.lock();
        while !writer.is_dirty && !self.is_stopping() {
            self.to_sync.wait(&mut writer);
        }
        writer.is_dirty
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.stop();
    }
}
