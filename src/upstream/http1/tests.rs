//! A connection against a provider that says, byte by byte, what the test wants.

use http::{Request, Uri};
use http_body_util::BodyExt;
use hyper_rustls::MaybeHttpsStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::coop;

use super::*;

mod tls;

/// A connection, and the provider's end of it.
async fn pair() -> (Box<Wire>, TcpStream, Arc<Origin>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).await.unwrap();
    let (provider, _) = listener.accept().await.unwrap();
    let uri: Uri = format!("http://{address}/").parse().unwrap();
    let wire = Wire::new(MaybeHttpsStream::Http(TokioIo::new(client)));
    (wire, provider, Arc::new(Origin::of(&uri)))
}

fn request(body: &Bytes) -> Outgoing {
    let request = Request::post("http://provider/").body(body.clone());
    request.unwrap()
}

/// Reads a head and a body of `length`.
async fn take_request(provider: &mut TcpStream, length: usize) {
    let mut read = Vec::new();
    loop {
        provider.read_buf(&mut read).await.unwrap();
        let head = memchr::memmem::find(&read, b"\r\n\r\n");
        if head.is_some_and(|end| read.len() == end + 4 + length) {
            return;
        }
    }
}

/// What a call gets that is answered by `pieces`, and whether its connection is kept.
async fn answered(pieces: &[&str], is_closed: bool) -> (Result<Bytes, Broken>, bool) {
    let (wire, mut provider, origin) = pair().await;
    let sending = wire.send(request(&Bytes::new()), Arc::clone(&origin));
    let providing = async {
        take_request(&mut provider, 0).await;
        for piece in pieces {
            provider.write_all(piece.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        if is_closed {
            provider.shutdown().await.unwrap();
        }
    };
    let (response, ()) = tokio::join!(sending, providing);
    let body = match response {
        Ok(response) => response.into_body().collect().await,
        Err(Unanswered::Failed(broken)) => Err(broken),
        Err(Unanswered::Unsent(_)) => panic!("it was sent"),
    };
    (
        body.map(http_body_util::Collected::to_bytes),
        origin.take().is_some(),
    )
}

#[tokio::test]
async fn an_answer_that_comes_byte_by_byte_is_whole() {
    let answer =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let bytes: Vec<&str> = answer.split_inclusive(|_: char| true).collect();
    let (body, is_kept) = answered(&bytes, false).await;
    assert_eq!((body.unwrap(), is_kept), ("abcde".into(), true));
}

#[tokio::test]
async fn a_body_may_end_with_its_connection() {
    let (body, is_kept) = answered(&["HTTP/1.1 200 OK\r\n\r\nall ", "of it"], true).await;
    assert_eq!((body.unwrap(), is_kept), ("all of it".into(), false));
}

#[tokio::test]
async fn an_answer_that_is_cut_is_broken() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n",
    ] {
        let (body, is_kept) = answered(&[answer], true).await;
        assert!(matches!(body, Err(Broken::Early)), "{answer}");
        assert!(!is_kept);
    }
}

#[tokio::test]
async fn a_connection_that_says_more_than_its_answer_is_not_kept() {
    let one = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
    let two = format!("{one}{one}");
    let (body, is_kept) = answered(&[&two], false).await;
    assert_eq!((body.unwrap(), is_kept), ("hi".into(), false));
}

/// Does as much as tokio allows a task between two rests.
fn tire(cx: &mut Context<'_>) {
    while coop::has_budget_remaining() {
        assert!(pin!(coop::consume_budget()).poll(cx).is_ready());
    }
}

#[tokio::test]
async fn what_comes_behind_an_answer_is_noticed_by_a_call_that_has_done_much() {
    for behind in ["", "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nanother"] {
        let (mut wire, mut provider, _) = pair().await;
        provider.write_all(behind.as_bytes()).await.unwrap();
        provider.shutdown().await.unwrap();
        let MaybeHttpsStream::Http(socket) = wire.io.inner() else {
            panic!("it is plain");
        };
        socket.inner().readable().await.unwrap();
        let is_ready = poll_fn(|cx| {
            tire(cx);
            Poll::Ready(wire.is_ready())
        });
        assert!(!is_ready.await, "{behind}");
    }
}

#[tokio::test]
async fn a_connection_that_closes_after_its_answer_is_not_kept() {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi";
    let (body, is_kept) = answered(&[answer], true).await;
    assert_eq!((body.unwrap(), is_kept), ("hi".into(), false));
}

/// More than the kernel takes at once.
fn large() -> Bytes {
    Bytes::from(vec![b'x'; 32 * 1024 * 1024])
}

#[tokio::test]
async fn an_answer_before_all_of_the_request_counts_and_ends_the_connection() {
    let (wire, mut provider, origin) = pair().await;
    let refusing = async {
        let refusal = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\n\r\nno";
        provider.read_exact(&mut [0; 64]).await.unwrap();
        provider.write_all(refusal.as_bytes()).await.unwrap();
    };
    let sending = wire.send(request(&large()), Arc::clone(&origin));
    let (response, ()) = tokio::join!(sending, refusing);
    let response = response.unwrap_or_else(|_| panic!("it was answered"));
    assert_eq!(response.status(), 413);
    assert_eq!(
        response.into_body().collect().await.unwrap().to_bytes(),
        "no"
    );
    assert!(origin.take().is_none());
}

#[tokio::test]
async fn a_provider_that_answers_first_gets_the_rest_of_the_request() {
    let (wire, mut provider, origin) = pair().await;
    let body = large();
    let length = body.len();
    let providing = async {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
        provider.write_all(head.as_bytes()).await.unwrap();
        take_request(&mut provider, length).await;
        provider.write_all(b"ok").await.unwrap();
    };
    let calling = async {
        let response = wire.send(request(&body), Arc::clone(&origin)).await;
        let response = response.unwrap_or_else(|_| panic!("it was answered"));
        response.into_body().collect().await.unwrap().to_bytes()
    };
    let (text, ()) = tokio::join!(calling, providing);
    assert_eq!(text, "ok");
    assert!(origin.take().is_some());
}

#[tokio::test]
async fn a_request_of_which_nothing_was_taken_comes_back() {
    let (mut wire, provider, origin) = pair().await;
    drop(provider);
    // Until the end has come here: a connection that closed is not ready.
    while wire.is_ready() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(
        wire.send(request(&large()), Arc::clone(&origin)).await,
        Err(Unanswered::Unsent(_) | Unanswered::Failed(Broken::Early | Broken::Io(_)))
    ));
    assert!(origin.take().is_none());
}
