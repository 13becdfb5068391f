//! Every way an answer can go wrong.

use serde_json::json;
use tokio::net::TcpStream;

use super::Peer;
use super::peer::dechunked;
use crate::provider::*;

/// Plays a script and returns what came and whether the connection was reset at the end.
async fn played(script: impl Into<Script>) -> (String, bool) {
    let script = script.into();
    let provider = Provider::start(move |_| script.clone()).await;
    let mut peer = Peer::of(&provider).await;
    let text = peer.chat(&json!({})).await.rest().await;
    provider.finished(1).await;
    (text, peer.was_reset)
}

fn pong() -> EventStream {
    EventStream::of([
        sse::chunk("pong"),
        sse::usage(Usage::new(1, 2)),
        sse::done(),
    ])
}

#[tokio::test]
async fn a_connection_ends_before_the_answer() {
    assert_eq!(played(Script::reset()).await, (String::new(), true));
    assert_eq!(played(Script::close()).await, (String::new(), false));
}

#[tokio::test]
async fn an_answer_is_cut_in_its_body() {
    let answer = Answer::json(200, &json!({"long": "enough"}));
    let (text, reset) = played(answer.clone().reset_at(5)).await;
    assert!(reset && text.contains("content-length: 17\r\n") && text.ends_with("{\"lon"));
    let (text, reset) = played(answer.close_at(5)).await;
    assert!(!reset && text.ends_with("{\"lon"));
}

#[tokio::test]
async fn an_answer_lies_about_its_length() {
    let (text, _) = played(Answer::new(200).body("abc").claiming(9)).await;
    assert!(text.contains("content-length: 9\r\n") && text.ends_with("abc"));
    let (text, _) = played(Answer::new(200).body("abc").claiming(1)).await;
    assert!(text.contains("content-length: 1\r\n") && text.ends_with("abc"));
}

#[tokio::test]
async fn bytes_are_no_http() {
    assert_eq!(
        played(Script::raw("SSH-2.0-x\r\n")).await.0,
        "SSH-2.0-x\r\n"
    );
}

#[tokio::test]
async fn an_answer_without_a_body_names_no_length() {
    let (text, _) = played(Answer::new(204).script().then_close()).await;
    assert_eq!(text, "HTTP/1.1 204 No Content\r\n\r\n");
}

#[tokio::test]
async fn a_stream_ends_without_its_last_chunk() {
    let (text, reset) = played(pong().eof()).await;
    assert!(!reset && text.ends_with("data: [DONE]\n\n\r\n"));
    let (text, reset) = played(pong().reset()).await;
    assert!(reset && text.ends_with("data: [DONE]\n\n\r\n"));
}

#[tokio::test]
async fn a_stream_is_cut_at_any_byte() {
    let whole = [sse::chunk("pong").bytes, sse::usage(Usage::new(1, 2)).bytes].concat();
    for cut in [0, 1, 100, whole.len() - 1] {
        for script in [pong().reset_at(cut), pong().eof_at(cut)] {
            let provider = Provider::start(move |_| script.clone()).await;
            let text = Peer::of(&provider)
                .await
                .chat(&json!({}))
                .await
                .rest()
                .await;
            let (_, body) = text.split_once("\r\n\r\n").unwrap();
            assert_eq!(dechunked(body.as_bytes()), (whole[..cut].to_vec(), false));
            assert_eq!(provider.reported(), Usage::default());
        }
    }
}

#[tokio::test]
async fn a_peer_that_leaves_is_noticed() {
    let scripts = [
        Script::hang(),
        pong().stall(),
        pong().forever(&sse::chunk_with_usage("more", Usage::new(1, 9))),
        pong().wait(PATIENCE).finish(),
        pong().finish().after(PATIENCE),
    ];
    for script in scripts {
        let provider = Provider::start(move |_| script.clone()).await;
        let mut peer = Peer::of(&provider).await;
        peer.chat(&json!({})).await;
        provider.received(1).await;
        drop(peer);
        provider.cancelled(1).await;
    }
}

#[tokio::test]
async fn a_report_is_booked_as_far_as_it_was_written() {
    let frames = [
        sse::comment("hello"),
        sse::chunk_with_usage("a", Usage::new(4, 1)),
        sse::chunk_with_usage("b", Usage::new(4, 2)),
        sse::error("server_error", "broken"),
        sse::finish("stop"),
        sse::Frame::raw("garbage"),
        sse::usage(Usage::new(4, 3)).reporting(Usage::new(5, 3)),
    ];
    let script = EventStream::of(frames).finish();
    let provider = Provider::start(move |_| script.clone()).await;
    Peer::of(&provider)
        .await
        .chat(&json!({}))
        .await
        .answer()
        .await;
    assert_eq!(provider.reported(), Usage::new(5, 3));
    assert_eq!(provider.reported().total(), 8);
}

#[tokio::test]
async fn a_peer_that_breaks_http_is_counted() {
    let both = "POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n";
    let provider = Provider::honest().await;
    for (count, bytes) in [both, "nonsense\r\n\r\n"].into_iter().enumerate() {
        let mut peer = Peer::of(&provider).await;
        peer.write(bytes).await;
        assert_eq!(peer.rest().await, "");
        assert_eq!(provider.malformed(), count + 1);
    }
    assert!(provider.calls().is_empty());
}

#[tokio::test]
async fn nobody_listens_at_nobody() {
    let address = NOBODY
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/v1")
        .unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
