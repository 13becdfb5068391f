//! A provider's stream on its way to the client. Every ending is exactly one of: end, failure, stop,
//! drop; each settles the call, and the ones that the client can see do so before it sees them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
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
use crate::gateway::refusal::Refusal;
use crate::killpoint::{self, Killpoint};
use crate::ledger::{Keeping, Unavailable};
use crate::lifecycle::Lifecycle;
use crate::upstream::{IDLE, UpstreamBody};

/// How often a stream that waits is looked at: how far it came is written down, and silence counted.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// No stream runs much longer.
const LONGEST: Duration = Duration::from_hours(1);
const OK: u16 = 200;

/// See the module.
pub struct MeteredBody {
    upstream: Option<UpstreamBody>,
    scanner: Scanner,
    tab: Option<Tab>,
    joined: Joined,
    /// The end, which the client may not see before its call's record is safe.
    held_back: Option<(Keeping, Bytes)>,
    /// Output tokens at which the stream is cut.
    overrun: Option<i64>,
    began: Instant,
    /// Whether anything came since the timer was set: cheaper than a look at the clock a frame.
    is_heard: bool,
    silence: Duration,
    timer: Option<Pin<Box<Sleep>>>,
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
            held_back: None,
            overrun,
            began: Instant::now(),
            is_heard: false,
            silence: Duration::ZERO,
            timer: None,
            stop: Box::pin(lifecycle.stopped()),
            patience,
            lifecycle,
        }
    }

    /// Takes the next frame in; `Pending` only if there is nothing to do before it comes.
    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // A provider that never pauses would never come to its deadlines.
        if self.upstream.is_some() && self.lifecycle.is_stopped() {
            self.fail(&Refusal::ShuttingDown);
            return Poll::Ready(());
        }
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
        let seen = self.scanner.seen();
        if seen.is_done {
            self.settle(passed);
            return;
        }
        let delivered = seen.delivered();
        self.joined.push(passed);
        if let Some(tab) = &mut self.tab {
            tab.saw_tokens(delivered);
        }
        killpoint::reach(Killpoint::MidStream);
        if self.overrun.is_some_and(|most| delivered > most) {
            self.cut_short();
        }
    }

    /// The provider closed. Without a finished choice that was too early, and must not look like
    /// the end: most clients would take the half for the whole.
    fn ended(&mut self) {
        let rest = self.scanner.finish();
        let seen = self.scanner.seen();
        if seen.is_done || seen.is_finished() || seen.is_failed {
            self.settle(rest);
            self.upstream = None;
        } else {
            self.joined.push(rest);
            self.fail(&Refusal::UpstreamInvalidResponse);
        }
    }

    /// After the provider's own last word nothing is missing.
    fn broke(&mut self) {
        let seen = self.scanner.seen();
        if seen.is_done || seen.is_failed {
            self.settle(Bytes::new());
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
        let timer = || Box::pin(tokio::time::sleep(LOOK_EVERY));
        while self
            .timer
            .get_or_insert_with(timer)
            .as_mut()
            .poll(cx)
            .is_ready()
        {
            self.timer = None;
            if self.look() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Looks at a stream that waits; whether that ended it.
    fn look(&mut self) -> bool {
        let delivered = self.scanner.seen().delivered();
        if let Some(tab) = &mut self.tab {
            tab.note_progress(delivered);
        }
        self.silence = if std::mem::take(&mut self.is_heard) {
            Duration::ZERO
        } else {
            self.silence + LOOK_EVERY
        };
        if self.silence >= IDLE {
            self.fail(&Refusal::UpstreamTimeout);
            return true;
        }
        let is_endless = self.began.elapsed() > LONGEST;
        if is_endless {
            self.cut_short();
        }
        is_endless
    }

    /// The call is over; `last` is what the client sees the end by.
    fn settle(&mut self, last: Bytes) {
        let ending = self.scanner.ending();
        let keeping = self.tab.take().and_then(|tab| tab.settle(ending, OK));
        self.end(keeping, last);
    }

    fn end(&mut self, keeping: Option<Keeping>, last: Bytes) {
        match keeping {
            Some(keeping) => self.held_back = Some((keeping, last)),
            None => self.joined.push(last),
        }
    }

    /// Lets the end out once the call's record is safe; without one the client must not see it.
    fn poll_kept(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some((keeping, _)) = &mut self.held_back else {
            return Poll::Ready(());
        };
        let kept = ready!(keeping.as_mut().poll(cx));
        let last = self.held_back.take().map(|(_, last)| last);
        if let Err(Unavailable) = kept {
            self.upstream = None;
            let event = format!("\n\n{}", Refusal::Unrecorded.event());
            self.joined.push(event.into());
        } else {
            self.joined.push(last.unwrap_or_default());
        }
        Poll::Ready(())
    }

    /// Ends the stream with an error event and without `[DONE]`.
    fn fail(&mut self, refusal: &Refusal) {
        self.upstream = None;
        // After `[DONE]` nothing is missing, and nothing may follow.
        if let Some(tab) = self.tab.take() {
            let keeping = tab.fail(self.scanner.ending(), refusal);
            let last = self.last_words(&refusal.event());
            self.end(keeping, last);
        }
    }

    /// The provider does not stop where it was told to: the client gets what it asked for.
    fn cut_short(&mut self) {
        const LENGTH: &str = "data: {\"id\":\"\",\"object\":\"chat.completion.chunk\",\"created\":0,\
            \"model\":\"\",\"choices\":[{\"index\":0,\"delta\":{},\"text\":\"\",\
            \"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n";
        self.upstream = None;
        if self.tab.is_some() {
            let last = self.last_words(LENGTH);
            self.settle(last);
        }
    }

    /// `events` as the last ones, between two events even if the provider stopped within one.
    fn last_words(&self, events: &str) -> Bytes {
        if self.scanner.is_at_boundary() {
            return Bytes::copy_from_slice(events.as_bytes());
        }
        format!("\n\n{events}").into()
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
            if this.joined.len() == 0 {
                ready!(this.poll_kept(cx));
            }
            let is_over = this.upstream.is_none() || this.held_back.is_some();
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
        self.upstream.is_none() && self.joined.len() == 0 && self.held_back.is_none()
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
