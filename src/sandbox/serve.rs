//! The provider's own accept loop: HTTP/1.1 on loopback.

use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use axum::Router;
use axum::body::Body;

/// How long answers in flight may go on after a stop.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after a failed accept, so that a lack of descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is cancelled, then lets answers in flight finish for a few seconds.
///
/// Dropping the future cuts every connection.
pub async fn serve(listener: TcpListener, stop: CancellationToken) {
    let router = super::router();
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let _cut_on_drop = cut.clone().drop_guard();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((socket, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let connection = connection(socket, router.clone(), stop.clone());
        connections.spawn(cut.clone().run_until_cancelled_owned(connection));
    }
    connections.close();
    // Whatever is still open after the deadline is cut by the guard.
    let _ = tokio::time::timeout(DRAIN, connections.wait()).await;
}

/// Serves one connection; after `stop` it ends with the answer in flight.
async fn connection(socket: TcpStream, router: Router, stop: CancellationToken) {
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "sandbox connection ended early");
    }
}
