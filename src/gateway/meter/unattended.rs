//! An answer that is read on without a client, for the usage at its end. Whatever stops that (the
//! end, a failure, patience, the process's own end) charges what was seen until then.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;

use super::tab::Tab;
use crate::domain::usage::Ending;
use crate::upstream::UpstreamBody;

/// Reads an answer for its cost.
pub(super) trait Watch {
    /// Takes the next piece in.
    fn see(&mut self, bytes: Bytes);
    /// Whether nothing that follows can matter.
    fn is_over(&self) -> bool;
    /// No more pieces come.
    fn finish(&mut self);
    /// About how many output tokens were seen.
    fn delivered(&self) -> i64;
    /// What is to be charged after what was seen.
    fn ending(&self) -> Ending;
}

/// See the module.
pub(super) struct Unattended<W: Watch> {
    watch: W,
    tab: Option<Tab>,
    status: u16,
}

impl<W: Watch> Unattended<W> {
    /// The call of `tab`, whose client saw `status` and left.
    pub(super) fn new(watch: W, tab: Tab, status: u16) -> Self {
        Self {
            watch,
            tab: Some(tab),
            status,
        }
    }

    /// Reads on for as long as `patience` lasts, then settles.
    pub(super) async fn read(mut self, mut upstream: UpstreamBody, patience: Duration) {
        let (watch, tab) = (&mut self.watch, &mut self.tab);
        let reading = async {
            while let Some(Ok(frame)) = upstream.frame().await {
                if let Ok(bytes) = frame.into_data() {
                    watch.see(bytes);
                    if let Some(tab) = tab {
                        tab.saw_tokens(watch.delivered());
                    }
                }
                if watch.is_over() {
                    break;
                }
            }
            watch.finish();
        };
        let _ = tokio::time::timeout(patience, reading).await;
    }
}

impl<W: Watch> Drop for Unattended<W> {
    fn drop(&mut self) {
        if let Some(tab) = self.tab.take() {
            tab.abandon(self.watch.ending(), self.status);
        }
    }
}
