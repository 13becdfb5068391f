//! A call's future that outlives its client. axum drops a handler when its client leaves; dropped
//! unfinished, this one moves into the task tracker and goes on there for as long as it may.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Response;

use crate::gateway::access_log::Answering;
use crate::gateway::answer::Answer;
use crate::gateway::refusal::Refusal;
use crate::lifecycle::Lifecycle;

/// See the module.
pub struct Detached {
    call: Option<Answering>,
    patience: Option<Duration>,
    lifecycle: Arc<Lifecycle>,
}

impl Detached {
    /// `patience` is how long the call goes on without its client; `None` drops it at once.
    pub(super) fn new(
        call: Answering,
        patience: Option<Duration>,
        lifecycle: &Arc<Lifecycle>,
    ) -> Self {
        Self {
            call: Some(call),
            patience,
            lifecycle: Arc::clone(lifecycle),
        }
    }
}

impl Future for Detached {
    type Output = Result<Response<Answer>, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = &mut self.call else {
            return Poll::Ready(Err(Refusal::Internal));
        };
        let polled = call.as_mut().poll(cx);
        if polled.is_ready() {
            self.call = None;
        } else if self.lifecycle.is_stopped() {
            // Dropped, it settles by estimate; its client gets an answer all the same.
            self.call = None;
            return Poll::Ready(Err(Refusal::ShuttingDown));
        }
        polled
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        let (Some(call), Some(patience)) = (self.call.take(), self.patience) else {
            return;
        };
        // Where nothing can be spawned any more the call is dropped, which settles it by estimate.
        self.lifecycle.detach(async move {
            let _ = tokio::time::timeout(patience, call).await;
        });
    }
}
