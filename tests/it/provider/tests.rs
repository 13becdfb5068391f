//! The oracle is proven before anything is proven with it.

mod faults;
mod peer;
mod recorded;

use serde_json::json;

use super::*;
use peer::Peer;

#[tokio::test]
async fn an_honest_provider_answers_and_books_what_it_reported() {
    let provider = Provider::honest().await;
    let mut peer = Peer::of(&provider).await;
    let answer = peer
        .chat(&json!({"model": "m", "n": 3}))
        .await
        .answer()
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["choices"].as_array().unwrap().len(), 3);
    assert_eq!(answer.json()["usage"]["total_tokens"], 18);
    assert_eq!(provider.reported(), Usage::new(11, 7));

    let seen = provider.last();
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/v1/chat/completions")
    );
    assert_eq!(seen.header("host"), Some("provider"));
    assert_eq!(seen.json()["model"], "m");
    assert!(seen.at.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_script_says_which_usage_is_reported() {
    let provider = Provider::start(|seen| match seen.path.as_str() {
        "/v1/embeddings" => embedding(seen, 5).into(),
        _ => completion(seen, Usage::new(2, 3)).into(),
    })
    .await;
    let mut peer = Peer::of(&provider).await;
    let chat = peer.chat(&json!({})).await.answer().await;
    assert_eq!(chat.json()["usage"]["completion_tokens"], 3);
    let vectors = peer.send("/v1/embeddings", &json!({})).await.answer().await;
    assert_eq!(vectors.json()["usage"]["prompt_tokens"], 5);
    assert_eq!(provider.reported(), Usage::new(7, 3));
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let provider = Provider::honest().await;
    let mut peer = Peer::of(&provider).await;
    for path in ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"] {
        let answer = peer.send(path, &json!({"model": "m"})).await.answer().await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json()["model"], "m");
    }
    assert_eq!(
        peer.send("/v1/other", &json!({}))
            .await
            .answer()
            .await
            .status,
        404
    );
    provider.finished(4).await;
    assert_eq!(provider.connections(), 1);
    assert!(
        provider
            .calls()
            .iter()
            .all(|call| call.seen.connection == 1)
    );
    assert_eq!(provider.reported(), Usage::new(33, 14));
}

#[tokio::test]
async fn a_chunked_request_is_put_together() {
    let provider = Provider::honest().await;
    let mut peer = Peer::of(&provider).await;
    let head = "POST /v1/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    peer.write(head).await;
    peer.write("4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n").await;
    assert_eq!(peer.answer().await.status, 200);
    assert_eq!(provider.last().json(), json!({"a": 1}));
}

#[tokio::test]
async fn usage_is_streamed_only_to_those_who_ask() {
    let provider = Provider::honest().await;
    let mut peer = Peer::of(&provider).await;
    let plain = peer.chat(&json!({"stream": true})).await.answer().await;
    assert!(!plain.text().contains("usage") && plain.text().ends_with("data: [DONE]\n\n"));
    assert_eq!(provider.reported(), Usage::default());
    let asked = json!({"stream": true, "stream_options": {"include_usage": true}});
    let asked = peer.chat(&asked).await.answer().await;
    assert!(asked.text().contains("\"total_tokens\":18"));
    assert_eq!(provider.reported(), Usage::new(11, 7));
}

#[tokio::test]
async fn held_requests_wait_until_released() {
    let provider = Provider::honest().await;
    provider.hold();
    let mut peers = Vec::new();
    for _ in 0..5 {
        let mut peer = Peer::of(&provider).await;
        peer.chat(&json!({})).await;
        peers.push(peer);
    }
    provider.waiting(5).await;
    provider.received(5).await;
    assert!(
        provider
            .calls()
            .iter()
            .all(|call| call.ending == Ending::Open)
    );
    drop(peers.pop());
    provider.cancelled(1).await;
    provider.waiting(4).await;
    assert_eq!(provider.held(), 4);
    provider.release();
    for mut peer in peers {
        assert_eq!(peer.answer().await.status, 200);
    }
    provider.finished(4).await;
}

#[tokio::test]
async fn a_gate_stops_a_stream_where_it_stands() {
    let gate = Gate::closed();
    let inner = gate.clone();
    let provider = Provider::start(move |_| {
        let stream = EventStream::new().header("x-id", "7").frame(sse::role());
        stream
            .frame(sse::chunk("a"))
            .gate(&inner)
            .frame(sse::chunk("b"))
            .finish()
    })
    .await;
    let mut peer = Peer::of(&provider).await;
    peer.chat(&json!({})).await;
    gate.waiting(1).await;
    let first = peer.read_some().await;
    assert!(first.contains("x-id: 7") && first.contains("\"a\"") && !first.contains("\"b\""));
    gate.release();
    assert!(peer.rest().await.contains("\"b\""));
}

#[tokio::test]
async fn the_director_can_be_changed_and_told_to_be_late() {
    let provider = Provider::honest().await;
    let gate = Gate::closed();
    let inner = gate.clone();
    provider.direct(move |_| {
        let refusal = Answer::error(429, "requests", "rate_limit_exceeded", "Slow down.");
        let refusal = refusal.header("retry-after", "3").script();
        refusal.behind(&inner).after(Duration::from_millis(1))
    });
    let mut peer = Peer::of(&provider).await;
    peer.chat(&json!({})).await;
    gate.waiting(1).await;
    gate.release();
    let answer = peer.answer().await;
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("retry-after: 3"));
    assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
}
