//! `GET /metrics` on a listener of its own: loopback by default, because figures are the operator's.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::Metrics;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// More readers at once than any installation has.
const MOST_CONNECTIONS: usize = 32;
/// For the head of a request; silence between two of them counts.
const PATIENCE: Duration = Duration::from_secs(75);
/// After a failed `accept`, mostly for want of descriptors.
const RECOVERY: Duration = Duration::from_millis(50);

/// Answers on `listener` for ever.
pub async fn serve(metrics: Arc<Metrics>, listener: TcpListener) {
    let read = move || async move { ([(CONTENT_TYPE, OPEN_METRICS)], metrics.text()) };
    let router = Router::new().route("/metrics", get(read));
    let (connections, places) = (
        TaskTracker::new(),
        Arc::new(Semaphore::new(MOST_CONNECTIONS)),
    );
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(RECOVERY).await;
            continue;
        };
        let router = router.clone();
        connections.spawn(async move {
            connection(stream, router).await;
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, router: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    let service = TowerToHyperService::new(router);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a reader of metrics broke off");
    }
}
