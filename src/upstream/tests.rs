//! Connections against hyper's own server: when they are used again, and when not.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::TryStreamExt;
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::service::service_fn;
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::http2::Shared;
use super::*;

/// A server of either protocol that says `hello`, and how many connections it has taken.
async fn server() -> (Uri, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/hello?x=1", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let (tasks, taken) = (TaskTracker::new(), Arc::clone(&count));
    let serving = tasks.clone();
    tasks.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            taken.fetch_add(1, Ordering::SeqCst);
            serving.spawn(async move {
                let hello = service_fn(async |request: Request<hyper::body::Incoming>| {
                    let text = format!("hello {}", request.uri().path());
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text))))
                });
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(socket), hello).await;
            });
        }
    });
    (uri.parse().unwrap(), count)
}

fn request(uri: &Uri) -> Outgoing {
    Request::get(uri.clone()).body(Bytes::new()).unwrap()
}

async fn text(response: Response<UpstreamBody>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_connection_whose_answer_was_read_is_used_again() {
    let (uri, count) = server().await;
    let upstream = Upstream::new().unwrap();
    for _ in 0..3 {
        let response = upstream.send(request(&uri), drop).await.unwrap();
        assert_eq!(text(response).await, "hello /hello");
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn calls_at_once_have_connections_of_their_own() {
    let (uri, count) = server().await;
    let upstream = Upstream::new().unwrap();
    let first = upstream.send(request(&uri), drop).await.unwrap();
    let second = upstream.send(request(&uri), drop).await.unwrap();
    for response in [first, second] {
        assert_eq!(text(response).await, "hello /hello");
    }
    assert_eq!(count.load(Ordering::SeqCst), 2);
    text(upstream.send(request(&uri), drop).await.unwrap()).await;
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_connection_whose_answer_was_given_up_is_not_used_again() {
    let (uri, count) = server().await;
    let upstream = Upstream::new().unwrap();
    drop(upstream.send(request(&uri), drop).await.unwrap());
    text(upstream.send(request(&uri), drop).await.unwrap()).await;
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn calls_of_h2_share_a_connection() {
    let (uri, count) = server().await;
    let host = uri.authority().unwrap().as_str();
    let socket = TcpStream::connect(host).await.unwrap();
    let shared = Shared::begin(MaybeHttpsStream::Http(TokioIo::new(socket)), || ());
    let shared = shared.await.unwrap();
    for _ in 0..2 {
        let place = shared.first_place();
        let Ok(response) = shared.clone().send(request(&uri), place).await else {
            panic!("it answers");
        };
        assert_eq!(response.version(), http::Version::HTTP_2);
        assert_eq!(text(response).await, "hello /hello");
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// A server of h2 that takes two calls at once by one connection and answers each without an end.
async fn crowded_server() -> Uri {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let tasks = TaskTracker::new();
    let serving = tasks.clone();
    tasks.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            serving.spawn(async move {
                let endless = service_fn(async |_: Request<hyper::body::Incoming>| {
                    let frames = futures_util::stream::pending::<Result<_, Infallible>>();
                    let body = StreamBody::<_>::new(frames.map_ok(Frame::<Bytes>::data));
                    Ok::<_, Infallible>(Response::new(body))
                });
                let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let server = server.max_concurrent_streams(2);
                let _ = server.serve_connection(TokioIo::new(socket), endless).await;
            });
        }
    });
    uri.parse().unwrap()
}

#[tokio::test]
async fn calls_beyond_those_that_a_provider_takes_at_once_go_by_another_connection() {
    let uri = crowded_server().await;
    let origin = Arc::new(Origin::of(&uri));
    let open = async || {
        let socket = TcpStream::connect(uri.authority().unwrap().as_str());
        let io = MaybeHttpsStream::Http(TokioIo::new(socket.await.unwrap()));
        origin.begin_shared(io).await.unwrap()
    };
    let call = async |found: Found| {
        let answered = found.send(request(&uri)).await.ok();
        answered.expect("it is answered").into_body()
    };
    let first = call(open().await).await;
    let _second = call(origin.take().expect("there is room")).await;
    assert!(
        origin.take().is_none(),
        "a third would wait for another's end"
    );
    let _third = call(open().await).await;
    let _fourth = call(origin.take().expect("there is room on the new one")).await;
    assert!(origin.take().is_none());
    drop(first);
    let _fifth = call(origin.take().expect("there is room again")).await;
    assert!(origin.take().is_none());
}

/// A server of h2 that ends each connection a moment after it began, and where it listens.
async fn leaving_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tasks = TaskTracker::new();
    let serving = tasks.clone();
    tasks.spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            serving.spawn(async move {
                let silent = service_fn(async |_: Request<hyper::body::Incoming>| {
                    std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
                });
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                let serving = server.serve_connection(TokioIo::new(socket), silent);
                let _ = tokio::time::timeout(Duration::from_millis(1), serving).await;
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_on_a_connection_of_h2_that_ends_at_any_moment_is_told_at_once() {
    let address = leaving_server().await;
    let uri: Uri = format!("http://{address}/").parse().unwrap();
    for _ in 0..200 {
        let socket = TcpStream::connect(&address).await.unwrap();
        let (forgotten, has_ended) = tokio::sync::oneshot::channel();
        let forget = move || forgotten.send(()).unwrap_or_default();
        let io = MaybeHttpsStream::Http(TokioIo::new(socket));
        let Ok(shared) = Shared::begin(io, forget).await else {
            continue;
        };
        let calls = TaskTracker::new();
        let call = || {
            let (shared, request) = (shared.clone(), request(&uri));
            let place = shared.first_place();
            calls.spawn(async move { shared.send(request, place).await.is_err() })
        };
        let sent: Vec<_> = (0..4).map(|_| call()).collect();
        drop(shared);
        for sent in sent {
            let failed = tokio::time::timeout(Duration::from_secs(10), sent).await;
            assert!(failed.expect("the call is told").unwrap());
        }
        has_ended.await.unwrap();
    }
}

/// A provider of h2 that answers the first request with `frame`, and a connection to it.
async fn refused_by(frame: &'static [u8]) -> (Shared, TaskTracker) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let provider = TaskTracker::new();
    provider.spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let (mut read, mut answered) = (Vec::new(), false);
        while socket
            .read_buf(&mut read)
            .await
            .is_ok_and(|count| count > 0)
        {
            // A HEADERS frame of stream 1, with or without a body behind it.
            let is_asked = [b"\x01\x04\0\0\0\x01", b"\x01\x05\0\0\0\x01"]
                .iter()
                .any(|headers| memchr::memmem::find(&read, *headers).is_some());
            if is_asked && !std::mem::replace(&mut answered, true) {
                socket.write_all(frame).await.unwrap();
            }
        }
    });
    let socket = TcpStream::connect(address).await.unwrap();
    let io = MaybeHttpsStream::Http(TokioIo::new(socket));
    (Shared::begin(io, || ()).await.unwrap(), provider)
}

#[tokio::test]
async fn a_request_of_h2_that_its_provider_did_not_process_comes_back_whole() {
    let go_away = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let refused_stream = b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07";
    for frame in [&go_away[..], refused_stream] {
        let (shared, _provider) = refused_by(frame).await;
        let request = Request::post("http://provider/v1/x")
            .header("x-a", "b")
            .body(Bytes::from_static(b"body"))
            .unwrap();
        let sent = shared.clone().send(request, shared.first_place());
        let Err(Unanswered::Unsent(request)) = sent.await else {
            panic!("it comes back");
        };
        assert_eq!(
            (request.uri().path(), &request.headers()["x-a"]),
            ("/v1/x", &"b".parse().unwrap())
        );
        assert_eq!(request.body(), "body");
        assert!(!shared.is_open(), "nothing more is sent by it");
    }
}

#[tokio::test]
async fn a_request_of_h2_that_its_provider_may_have_processed_has_failed() {
    let cancelled = b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08";
    let (shared, _provider) = refused_by(cancelled).await;
    let uri: Uri = "http://provider/".parse().unwrap();
    let place = shared.first_place();
    let sent = shared.send(request(&uri), place).await;
    assert!(matches!(sent, Err(Unanswered::Failed(_))));
}
