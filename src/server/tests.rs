use std::convert::Infallible;
use std::time::Instant;

use axum::body::Body;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;
use crate::config::{Config, Sources};

/// A server of an endless answer and a large one, whose readers have `write` to take something.
async fn impatient(write: Duration) -> (SocketAddr, Arc<Lifecycle>) {
    watched(write, unbounded_channel().0).await
}

/// Says so when it is dropped.
struct Ending(UnboundedSender<Instant>);

impl Drop for Ending {
    fn drop(&mut self) {
        // Most tests do not listen.
        let _ = self.0.send(Instant::now());
    }
}

/// The same, and whenever an endless answer is dropped, `ended` is told.
async fn watched(write: Duration, ended: UnboundedSender<Instant>) -> (SocketAddr, Arc<Lifecycle>) {
    let config = Config::load_without_credentials(Sources {
        files: &[],
        environment: [],
        data_dir: None,
    });
    let endless = move || {
        let ending = Ending(ended.clone());
        let zeros = move || {
            let _kept = &ending;
            Ok::<_, Infallible>(Bytes::from_static(&[0; 1024]))
        };
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
async fn a_reader_that_stalls_in_http_1_is_given_up_with_its_call() {
    let stall = Duration::from_millis(300);
    let (sender, mut ended) = unbounded_channel();
    let (address, lifecycle) = watched(stall, sender).await;
    let mut reader = TcpStream::connect(address).await.unwrap();
    let call = b"GET /endless HTTP/1.1\r\nhost: t\r\n\r\n";
    reader.write_all(call).await.unwrap();
    // As long as it reads, however long that is, it is served.
    let began = Instant::now();
    let (mut last_read, mut some) = (began, vec![0; 100_000]);
    while last_read < began + 2 * stall {
        reader.read_exact(&mut some).await.unwrap();
        last_read = Instant::now();
    }
    let end = tokio::time::timeout(Duration::from_secs(10), ended.recv()).await;
    let stalled = end.expect("the call ends").unwrap() - last_read;
    assert!(stalled >= stall / 2, "after {stalled:?}");
    let mut rest = Vec::new();
    let _ = reader.read_to_end(&mut rest).await;
    assert!(!rest.ends_with(b"0\r\n\r\n"), "it looks whole");
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
