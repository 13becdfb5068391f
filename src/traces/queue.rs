//! Calls that ended and wait to be sent. Whoever adds one takes a lock for a moment and wakes nobody,
//! except for each full batch.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Asked;
use super::context::Context;
use super::span::Ended;
use crate::domain::tenant::CallId;
use crate::domain::time::Timestamp;
use crate::metrics::Metrics;

/// Some megabytes; calls beyond are dropped and counted.
const CAPACITY: usize = 8192;
/// Calls that are sent together.
pub(super) const BATCH: usize = 512;
/// How long a call waits for others.
const GATHER: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Queue {
    waiting: Mutex<Vec<Waiting>>,
    full: Notify,
    metrics: Arc<Metrics>,
}

/// A call that ended.
pub(super) struct Waiting {
    pub(super) context: Context,
    pub(super) call: CallId,
    /// When it came in.
    pub(super) at: Timestamp,
    /// `None` if it reached no provider.
    pub(super) asked: Option<Asked>,
    pub(super) ended: Ended,
}

impl Waiting {
    /// How many spans it has.
    pub(super) fn spans(&self) -> u64 {
        1 + u64::from(self.asked.is_some())
    }
}

impl Queue {
    pub(super) fn new(metrics: &Arc<Metrics>) -> Self {
        Self {
            waiting: Mutex::default(),
            full: Notify::new(),
            metrics: Arc::clone(metrics),
        }
    }

    /// Adds a call, or counts it as dropped.
    pub(super) fn push(&self, call: Waiting) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= CAPACITY {
            drop(waiting);
            self.metrics.spans.dropped.inc_by(call.spans());
            return;
        }
        waiting.push(call);
        let count = waiting.len();
        drop(waiting);
        if count.is_multiple_of(BATCH) {
            self.full.notify_one();
        }
    }

    /// Returns when something should be sent; whether it is the last time.
    pub(super) async fn due(&self, stop: &CancellationToken) -> bool {
        tokio::select! {
            () = tokio::time::sleep(GATHER) => false,
            () = self.full.notified() => false,
            () = stop.cancelled() => true,
        }
    }

    pub(super) fn take(&self) -> Vec<Waiting> {
        std::mem::take(&mut self.waiting.lock())
    }
}
