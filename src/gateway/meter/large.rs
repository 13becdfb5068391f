//! An answer that is too large to be collected: it passes, and is settled before its end. Its status
//! line is gone by then, so where it is cut the connection is aborted, never closed cleanly.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::tab::Tab;
use super::unattended::{Unattended, Watch};
use super::usage;
use crate::domain::usage::Ending;
use crate::gateway::answer::Cut;
use crate::gateway::refusal::Refusal;
use crate::ledger::{Keeping, Unavailable};
use crate::lifecycle::Lifecycle;
use crate::upstream::{IDLE, UpstreamBody};

/// Providers write usage behind what it is for, so it is in the last bytes.
const TAIL: usize = 16 * 1024;

/// See the module.
pub struct LargeBody {
    /// What was collected before it proved too large.
    collected: Bytes,
    upstream: Option<UpstreamBody>,
    tail: Tail,
    tab: Option<Tab>,
    /// What the client may not see the end before.
    keeping: Option<Keeping>,
    status: u16,
    idle: Pin<Box<Sleep>>,
    patience: Duration,
    lifecycle: Arc<Lifecycle>,
}

/// The end of what passed so far.
#[derive(Default)]
struct Tail {
    last: BytesMut,
    length: usize,
}

impl LargeBody {
    /// `collected` and then the rest of `upstream`, read on for `patience` if the client leaves.
    pub(super) fn new(
        collected: Bytes,
        upstream: UpstreamBody,
        (tab, status): (Tab, u16),
        patience: Duration,
        lifecycle: Arc<Lifecycle>,
    ) -> Self {
        let mut tail = Tail::default();
        tail.see(collected.clone());
        Self {
            collected,
            upstream: Some(upstream),
            tail,
            tab: Some(tab),
            keeping: None,
            status,
            idle: Box::pin(tokio::time::sleep(IDLE)),
            patience,
            lifecycle,
        }
    }

    fn take(&mut self, bytes: &Bytes) {
        self.tail.see(bytes.clone());
        self.idle.as_mut().reset(Instant::now() + IDLE);
    }

    fn ended(&mut self) {
        self.upstream = None;
        if let Some(tab) = self.tab.take() {
            self.keeping = tab.settle(self.tail.ending(), self.status);
        }
    }

    fn cut(&mut self, refusal: &Refusal) -> Cut {
        self.upstream = None;
        if let Some(tab) = self.tab.take() {
            // The connection breaks: nobody takes that for the end.
            let _ = tab.fail(self.tail.ending(), refusal);
        }
        Cut
    }
}

impl Body for LargeBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        if !this.collected.is_empty() {
            let collected = std::mem::take(&mut this.collected);
            return Poll::Ready(Some(Ok(Frame::data(collected))));
        }
        while let Some(upstream) = &mut this.upstream {
            match Pin::new(upstream).poll_frame(cx) {
                Poll::Pending if this.idle.as_mut().poll(cx).is_pending() => return Poll::Pending,
                Poll::Pending => {
                    return Poll::Ready(Some(Err(this.cut(&Refusal::UpstreamTimeout))));
                }
                Poll::Ready(Some(Err(_))) => {
                    let cut = this.cut(&Refusal::UpstreamInvalidResponse);
                    return Poll::Ready(Some(Err(cut)));
                }
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(bytes) = frame.into_data() {
                        this.take(&bytes);
                        return Poll::Ready(Some(Ok(Frame::data(bytes))));
                    }
                }
                Poll::Ready(None) => this.ended(),
            }
        }
        match &mut this.keeping {
            Some(keeping) => {
                let kept = ready!(keeping.as_mut().poll(cx));
                this.keeping = None;
                Poll::Ready(kept.err().map(|Unavailable| Err(Cut)))
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.upstream.is_none() && self.collected.is_empty() && self.keeping.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Drop for LargeBody {
    /// The client left, but the provider has done its work: what it reports is charged.
    fn drop(&mut self) {
        if let (Some(tab), Some(upstream)) = (self.tab.take(), self.upstream.take()) {
            let unattended = Unattended::new(std::mem::take(&mut self.tail), tab, self.status);
            self.lifecycle
                .detach(unattended.read(upstream, self.patience));
        }
    }
}

impl Watch for Tail {
    fn see(&mut self, bytes: Bytes) {
        self.length = self.length.saturating_add(bytes.len());
        let last = bytes.len().saturating_sub(TAIL);
        if self.last.len() > TAIL {
            let _ = self.last.split_to(self.last.len() - TAIL);
        }
        self.last
            .extend_from_slice(bytes.get(last..).unwrap_or_default());
    }

    fn is_over(&self) -> bool {
        false
    }

    fn finish(&mut self) {}

    fn delivered(&self) -> i64 {
        i64::try_from(self.length.div_ceil(4)).unwrap_or(i64::MAX)
    }

    fn ending(&self) -> Ending {
        Ending::Ran {
            usage: usage::at_end(&self.last),
            delivered: self.delivered(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_found_however_the_end_is_cut() {
        let document = format!(
            r#"{{"data":["{}"],"usage": {{"prompt_tokens":9,"total_tokens":9}} ,"x":1}}"#,
            "y".repeat(3 * TAIL)
        );
        for size in [1, 1000, TAIL, usize::MAX] {
            let mut tail = Tail::default();
            for piece in document.as_bytes().chunks(size) {
                tail.see(Bytes::copy_from_slice(piece));
            }
            let Ending::Ran { usage, delivered } = tail.ending() else {
                panic!("it ran");
            };
            assert_eq!(usage.map(|usage| usage.total), Some(9), "{size}");
            assert_eq!(
                delivered,
                i64::try_from(document.len().div_ceil(4)).unwrap()
            );
            assert!(tail.last.len() <= 2 * TAIL);
        }
    }
}
