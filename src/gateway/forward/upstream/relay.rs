//! Wakes the task that uses a connection, but not while that task is busy with it anyway: then it is
//! enough to note that there is more to do, which saves a turn of the scheduler each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// See the module.
pub(super) struct Relay {
    state: Arc<State>,
    waker: Waker,
}

#[derive(Default)]
struct State {
    task: AtomicWaker,
    is_busy: AtomicBool,
    is_woken: AtomicBool,
}

impl Relay {
    pub(super) fn new() -> Self {
        let state = Arc::<State>::default();
        let waker = Waker::from(Arc::clone(&state));
        Self { state, waker }
    }

    /// Repeats `step`, which takes one part of the connection after the other, until it is ready or
    /// nothing in it wakes another part any more.
    pub(super) fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.state.task.register(cx.waker());
        loop {
            self.state.is_woken.store(false, Ordering::SeqCst);
            self.state.is_busy.store(true, Ordering::SeqCst);
            let polled = step(&mut Context::from_waker(&self.waker));
            self.state.is_busy.store(false, Ordering::SeqCst);
            if polled.is_ready() || !self.state.is_woken.load(Ordering::SeqCst) {
                return polled;
            }
        }
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        if !self.is_busy.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(std::sync::atomic::AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_wake_within_a_step_repeats_it_and_one_between_wakes_the_task() {
        let count = Arc::new(Count(0.into()));
        let task = Waker::from(Arc::clone(&count));
        let (relay, mut steps, mut inner) = (Relay::new(), 0, None);
        let polled = relay.poll(&mut Context::from_waker(&task), |cx| {
            steps += 1;
            if steps < 3 {
                cx.waker().wake_by_ref();
            }
            inner = Some(cx.waker().clone());
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        assert_eq!((steps, count.0.load(Ordering::SeqCst)), (3, 0));
        inner.unwrap().wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }
}
