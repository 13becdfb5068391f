//! Which headers cross the gateway, as the provider and the client see them.

use crate::provider::{EventStream, Usage, completion, sse};
use crate::support::app::{CREDENTIAL, TestApp};
use crate::support::client::{CHAT, chat_body};

/// Of the provider's account and connection.
const ACCOUNT: [(&str, &str); 18] = [
    ("set-cookie", "a=b"),
    ("openai-organization", "org-x"),
    ("openai-project", "proj-x"),
    ("anthropic-organization-id", "org-x"),
    ("x-ratelimit-remaining-tokens", "9"),
    ("anthropic-ratelimit-tokens-limit", "9"),
    ("server", "cloud"),
    ("via", "1.1 cloud"),
    ("alt-svc", "h3"),
    ("strict-transport-security", "max-age=1"),
    ("cf-ray", "1"),
    ("retry-after", "1"),
    ("www-authenticate", "Bearer"),
    ("proxy-authenticate", "Basic"),
    ("access-control-allow-origin", "*"),
    ("x-tollgate-quota-remaining", "1"),
    ("connection", "x-hop"),
    ("x-hop", "1"),
];

fn answering(stream: bool) -> impl Fn(&crate::provider::Seen) -> crate::provider::Script {
    move |seen| {
        let more = [("x-request-id", "theirs"), ("openai-processing-ms", "5")];
        let headers = ACCOUNT.into_iter().chain(more);
        if stream {
            let said = EventStream::of([sse::finish("stop"), sse::done()]);
            return headers
                .fold(said, |said, (name, value)| said.header(name, value))
                .finish();
        }
        let answer = completion(seen, Usage::new(1, 1));
        headers
            .fold(answer, |answer, (name, value)| answer.header(name, value))
            .script()
    }
}

#[tokio::test]
async fn the_providers_account_stays_hidden() {
    let app = TestApp::start().await;
    let key = app.key().await;
    for (stream, cache) in [(false, "no-store"), (true, "no-cache, no-transform")] {
        app.provider.direct(answering(stream));
        let body = chat_body(if stream { r#","stream":true"# } else { "" });
        let answer = app.client.post(CHAT, &key.secret, &body).await;
        assert_eq!(answer.status, 200);
        for (name, _) in ACCOUNT {
            assert_eq!(answer.header(name), None, "{name}");
        }
        assert_ne!(answer.header("x-request-id"), Some("theirs"));
        assert_eq!(answer.header("x-request-id"), answer.header("request-id"));
        assert_eq!(answer.header("openai-processing-ms"), Some("5"));
        assert_eq!(answer.header("cache-control"), Some(cache));
    }
}

#[tokio::test]
async fn two_tenants_share_no_answer() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let key = app.key().await;
        let answer = app.client.chat(&key.secret).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        ids.push(answer.header("x-request-id").unwrap().to_owned());
    }
    assert_eq!(app.sent().len(), 2);
    let calls = app.booked(2).await;
    assert_ne!(calls[0].key_id, calls[1].key_id);
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn the_provider_never_sees_who_calls() {
    let app = TestApp::start().await;
    let key = app.key().await;
    let headers = [
        ("x-api-key", key.secret.as_str()),
        ("cookie", "session=canary"),
        ("openai-organization", "org-canary"),
        ("openai-project", "canary"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-real-ip", "203.0.113.7"),
        ("forwarded", "for=203.0.113.7"),
        ("x-openwebui-user-email", "canary@example.org"),
        ("te", "trailers"),
        ("content-type", "application/json"),
        ("idempotency-key", "k"),
        ("x-stainless-lang", "python"),
    ];
    let opened = app
        .client
        .send(http::Method::POST, CHAT, &headers, &chat_body(""))
        .await;
    assert_eq!(opened.read().await.status, 200);
    let sent = app.last_sent();
    let all = format!("{sent:?}");
    for hidden in [
        "canary\"",
        "203.0.113.7",
        "org-canary",
        key.secret.as_str(),
        "example.org",
    ] {
        assert!(
            !all.replace(CREDENTIAL, "").contains(hidden),
            "{hidden} in {all}"
        );
    }
    assert_eq!(sent.header("idempotency-key"), Some("k"));
    assert_eq!(sent.header("x-stainless-lang"), Some("python"));
    assert_eq!(sent.header("accept-encoding"), Some("identity"));
}
