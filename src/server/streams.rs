//! Runs the streams of HTTP/2 connections, which hyper puts on tasks of their own: waited for and
//! cut like connections, so that no call outlives the server unseen.

use hyper::rt::Executor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// See the module.
#[derive(Clone)]
pub(super) struct Streams {
    pub(super) tasks: TaskTracker,
    /// Calls have to end: their streams look again.
    pub(super) stopped: CancellationToken,
    /// Nothing may go on.
    pub(super) cut: CancellationToken,
}

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let Self { stopped, cut, .. } = self.clone();
        self.tasks.spawn(async move {
            let mut stream = std::pin::pin!(stream);
            tokio::select! {
                () = stream.as_mut() => return,
                () = stopped.cancelled() => {}
                () = cut.cancelled() => return,
            }
            tokio::select! {
                () = stream => {}
                () = cut.cancelled() => {}
            }
        });
    }
}
