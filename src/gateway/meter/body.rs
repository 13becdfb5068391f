//! A provider's stream on its way to the client. Every ending is exactly one of: end, failure, stop,
//! drop; each settles the call, and the ones that the client can see do so before it sees them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::joined::{JOINED, Joined};
use super::scanner::Scanner;
use super::tab::Tab;
use super::unattended::{Unattended, Watch};
use crate::gateway::answer::Cut;
use crate::gateway::forward::{IDLE, UpstreamBody};
use crate::gateway::refusal::Refusal;
use crate::lifecycle::Lifecycle;

/// No stream runs much longer.
const LONGEST: Duration = Duration::from_hours(1);
const OK: u16 = 200;

/// See the module.
pub struct MeteredBody {
    upstream: Option<UpstreamBody>,
    scanner: Scanner,
    tab: Option<Tab>,
    joined: Joined,
    /// Output tokens at which the stream is cut.
    overrun: Option<i64>,
    began: Instant,
    /// Whether anything came since the timer was set: cheaper than a look at the clock a frame.
    is_heard: bool,
    idle: Option<Pin<Box<Sleep>>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    patience: Option<Duration>,
    lifecycle: Arc<Lifecycle>,
}

impl MeteredBody {
    pub(super) fn new(
        upstream: UpstreamBody,
        tab: Tab,
        hides_usage: bool,
        overrun: Option<i64>,
        patience: Option<Duration>,
        lifecycle: Arc<Lifecycle>,
    ) -> Self {
        Self {
            upstream: Some(upstream),
            scanner: Scanner::new(hides_usage),
            tab: Some(tab),
            joined: Joined::default(),
            overrun,
            began: Instant::now(),
            is_heard: false,
            idle: None,
            stop: Box::pin(lifecycle.stopped()),
            patience,
            lifecycle,
        }
    }

    /// Takes the next frame in; `Pending` only if there is nothing to do before it comes.
    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(upstream) = &mut self.upstream else {
            return Poll::Ready(());
        };
        match Pin::new(upstream).poll_frame(cx) {
            Poll::Pending if self.joined.len() > 0 => return Poll::Pending,
            Poll::Pending => return self.poll_deadlines(cx),
            Poll::Ready(Some(Ok(frame))) => self.take(frame),
            Poll::Ready(Some(Err(_))) => self.broke(),
            Poll::Ready(None) => self.ended(),
        }
        Poll::Ready(())
    }

    fn take(&mut self, frame: Frame<Bytes>) {
        let Ok(bytes) = frame.into_data() else { return };
        self.is_heard = true;
        if let Some(tab) = &mut self.tab {
            tab.saw_byte();
        }
        let passed = self.scanner.pass(bytes);
        self.joined.push(passed);
        if self.scanner.seen().is_done {
            self.settle();
        } else if self.is_overrun() {
            self.cut_short();
        }
    }

    /// The provider closed. Without a finished choice that was too early, and must not look like
    /// the end: most clients would take the half for the whole.
    fn ended(&mut self) {
        let rest = self.scanner.finish();
        self.joined.push(rest);
        let seen = self.scanner.seen();
        if seen.is_done || seen.is_finished || seen.is_failed {
            self.settle();
            self.upstream = None;
        } else {
            self.fail(&Refusal::UpstreamInvalidResponse);
        }
    }

    /// After the provider's own last word nothing is missing.
    fn broke(&mut self) {
        let seen = self.scanner.seen();
        if seen.is_done || seen.is_failed {
            self.settle();
            self.upstream = None;
        } else {
            self.fail(&Refusal::UpstreamInvalidResponse);
        }
    }

    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stop.as_mut().poll(cx).is_ready() {
            self.fail(&Refusal::ShuttingDown);
            return Poll::Ready(());
        }
        let idle = || Box::pin(tokio::time::sleep(IDLE));
        while self
            .idle
            .get_or_insert_with(idle)
            .as_mut()
            .poll(cx)
            .is_ready()
        {
            self.idle = None;
            if !std::mem::take(&mut self.is_heard) {
                self.fail(&Refusal::UpstreamTimeout);
                return Poll::Ready(());
            }
            if self.began.elapsed() > LONGEST {
                self.cut_short();
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    fn settle(&mut self) {
        let ending = self.scanner.ending();
        if let Some(tab) = self.tab.take() {
            tab.settle(ending, OK);
        }
    }

    /// Ends the stream with an error event and without `[DONE]`.
    fn fail(&mut self, refusal: &Refusal) {
        self.upstream = None;
        // After `[DONE]` nothing is missing, and nothing may follow.
        if let Some(tab) = self.tab.take() {
            tab.fail(self.scanner.ending(), refusal);
            self.last_words(&refusal.event());
        }
    }

    fn is_overrun(&self) -> bool {
        let delivered = self.scanner.seen().delivered();
        self.overrun.is_some_and(|most| delivered > most)
    }

    /// The provider does not stop where it was told to: the client gets what it asked for.
    fn cut_short(&mut self) {
        const LENGTH: &str = "data: {\"id\":\"\",\"object\":\"chat.completion.chunk\",\"created\":0,\
            \"model\":\"\",\"choices\":[{\"index\":0,\"delta\":{},\"text\":\"\",\
            \"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n";
        self.settle();
        self.upstream = None;
        self.last_words(LENGTH);
    }

    /// Adds `events` as the last ones, between two events even if the provider stopped within one.
    fn last_words(&mut self, events: &str) {
        if !self.scanner.is_at_boundary() {
            self.joined.push(Bytes::from_static(b"\n\n"));
        }
        self.joined.push(Bytes::copy_from_slice(events.as_bytes()));
    }
}

impl Body for MeteredBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let this = self.get_mut();
        loop {
            let is_over = this.upstream.is_none();
            if is_over || this.joined.len() >= JOINED {
                let frame = this.joined.take().map(|bytes| Ok(Frame::data(bytes)));
                return Poll::Ready(frame);
            }
            if this.poll_upstream(cx).is_pending() {
                return match this.joined.take() {
                    Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                    None => Poll::Pending,
                };
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.upstream.is_none() && self.joined.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Drop for MeteredBody {
    /// The client left. The provider is cancelled by dropping its stream, or read on.
    fn drop(&mut self) {
        let Some(tab) = self.tab.take() else { return };
        match (self.patience, self.upstream.take()) {
            (Some(patience), Some(upstream)) => {
                let scanner = std::mem::replace(&mut self.scanner, Scanner::new(false));
                let unattended = Unattended::new(scanner, tab, OK);
                self.lifecycle.detach(unattended.read(upstream, patience));
            }
            _ => tab.abandon(self.scanner.ending(), OK),
        }
    }
}
