//! How the process ends. The first signal stops admission and lets calls finish; the second signal,
//! or the drain deadline, ends them now. Whatever must not be lost is spawned here and waited for.

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;

/// See the module.
#[derive(Default)]
pub struct Lifecycle {
    ready: AtomicBool,
    leaving: AtomicBool,
    soft: CancellationToken,
    hard: CancellationToken,
    /// The same as `hard` for those who ask often: a token takes a lock to answer.
    stopped: AtomicBool,
    calls: TaskTracker,
}

impl Lifecycle {
    /// Whether new calls are welcome.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) && !self.is_leaving()
    }

    /// Whether the end is near: who calls now should call elsewhere next time.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// The store is there and migrated, or it is away.
    pub fn set_ready(&self, ready: bool) {
        let was_ready = self.ready.swap(ready, Ordering::AcqRel);
        if ready && !was_ready {
            supervise(NotifyState::Ready);
        }
    }

    /// Says that the end is near, whatever becomes of the store; calls are still served.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// Asks for the end: no new calls, the ones in flight may finish.
    pub fn stop(&self) {
        self.leave();
        self.soft.cancel();
    }

    /// Ends everything now.
    pub fn stop_now(&self) {
        self.leave();
        self.stopped.store(true, Ordering::Release);
        self.soft.cancel();
        self.hard.cancel();
    }

    /// Returns once the end was asked for.
    pub async fn stopping(&self) {
        self.soft.cancelled().await;
    }

    /// Returns once calls in flight have to end.
    pub fn stopped(&self) -> WaitForCancellationFutureOwned {
        self.hard.clone().cancelled_owned()
    }

    /// The same, to be kept.
    pub fn stopped_token(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Whether calls in flight have to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Lets a call go on without its client until it ends by itself or has to. Where nothing can be
    /// spawned any more it is dropped.
    pub fn detach(&self, call: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped();
        if let (false, Ok(runtime)) = (self.is_stopped(), tokio::runtime::Handle::try_current()) {
            let until_stopped = async move {
                tokio::select! {
                    () = call => {}
                    () = stopped => {}
                }
            };
            self.calls.spawn_on(until_stopped, &runtime);
        }
    }

    /// How many calls go on without their client.
    pub fn detached(&self) -> usize {
        self.calls.len()
    }

    /// Waits for calls without a client.
    pub async fn drained(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    /// Stops at the first of `signals`, and at once at the second. Never returns: what is being served
    /// ends, and with it the process.
    pub async fn obey(&self, mut signals: Signals, delay: Duration) -> Infallible {
        signals.next().await;
        tracing::info!("stopping: calls in flight may finish; a second signal ends them now");
        self.leave();
        supervise(NotifyState::Stopping);
        tokio::select! {
            () = tokio::time::sleep(delay) => {
                self.stop();
                signals.next().await;
            }
            () = signals.next() => {}
        }
        self.stop_now();
        std::future::pending().await
    }
}

/// SIGTERM and SIGINT. Unless somebody listens they end the process as it stands, so this comes before
/// anybody is told that calls are welcome.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on the signals wait here.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns at the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Tells the supervisor how this process stands (`sd_notify(3)`), where there is one that listens.
fn supervise(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "the supervisor could not be told");
    }
}
