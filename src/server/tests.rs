use std::convert::Infallible;

use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;

use super::*;
use crate::config::{Config, Sources};

/// A server of an endless answer and a large one, whose readers have `write` to take something.
async fn impatient(write: Duration) -> (SocketAddr, Arc<Lifecycle>) {
    let config = Config::load_without_credentials(Sources {
        files: &[],
        environment: [],
        data_dir: None,
    });
    let endless = || {
        let zeros = || Ok::<_, Infallible>(Bytes::from_static(&[0; 1024]));
        Body::from_stream(futures_util::stream::repeat_with(zeros))
    };
    let router = Router::new()
        .route("/endless", get(async move || endless()))
        .route("/large", get(async || Bytes::from(vec![0; 1 << 20])));
    let lifecycle = Arc::new(Lifecycle::default());
    let mut server = Server::new(&config.unwrap().server, router, &lifecycle);
    Arc::get_mut(&mut server).unwrap().deadlines.write = write;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    TaskTracker::new().spawn(server.accept(listener));
    (address, lifecycle)
}

#[tokio::test]
async fn a_reader_that_stalls_by_its_window_is_given_up() {
    let (address, lifecycle) = impatient(Duration::from_millis(100)).await;
    for (path, window) in [("large", 0), ("large", 1000), ("endless", 1000)] {
        let socket = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(TokioIo::new(socket))
            .await
            .unwrap();
        let connection = TaskTracker::new().spawn(connection);
        let request = Request::get(format!("http://{address}/{path}"));
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let unread = sender.send_request(request).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(5), connection).await;
        assert!(
            ended.is_ok(),
            "{path}: a window of {window} holds the connection"
        );
        drop(unread);
    }
    lifecycle.stop();
}

#[tokio::test]
async fn a_large_answer_comes_whole_to_a_reader_with_a_small_window() {
    let (address, lifecycle) = impatient(Duration::from_secs(5)).await;
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(5000)
        .handshake(TokioIo::new(socket))
        .await
        .unwrap();
    TaskTracker::new().spawn(connection);
    let request = Request::get(format!("http://{address}/large"));
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.headers()["content-length"], "1048576");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.len(), 1 << 20);
    lifecycle.stop();
}
