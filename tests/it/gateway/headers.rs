//! Which headers cross the gateway, as the provider and the client see them.

use crate::provider::{EventStream, Seen, Usage, completion, sse};
use crate::support::app::{CREDENTIAL, TestApp};
use crate::support::client::{CHAT, chat_body};

/// Of the provider's account and connection, and what would move a proxy or a browser before us.
const ACCOUNT: [(&str, &str); 27] = [
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
    ("authorization", "Bearer theirs"),
    ("location", "http://10.0.0.1/v1/chat/completions/1"),
    ("content-location", "http://10.0.0.1/v1/chat/completions"),
    ("x-accel-redirect", "/internal/file"),
    ("x-sendfile", "/etc/hosts"),
    ("clear-site-data", "\"*\""),
    ("report-to", "{}"),
    ("nel", "{}"),
    ("refresh", "0;url=/"),
];

/// What proxies before us say of the client and of themselves. A provider behind Cloudflare refuses
/// calls that carry Cloudflare's own.
const BEFORE_US: [(&str, &str); 8] = [
    ("cf-connecting-ip", "203.0.113.7"),
    ("cf-visitor", "{}"),
    ("cdn-loop", "cloudflare; loops=1"),
    ("true-client-ip", "203.0.113.7"),
    ("fly-client-ip", "203.0.113.7"),
    ("x-cluster-client-ip", "203.0.113.7"),
    ("x-envoy-external-address", "203.0.113.7"),
    ("x-envoy-retry-on", "5xx"),
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
        ("x-goog-user-project", "canary"),
        ("x-openwebui-user-email", "canary@example.org"),
        ("te", "trailers"),
        ("content-type", "application/json"),
        ("idempotency-key", "k"),
        ("x-stainless-lang", "python"),
    ];
    let headers: Vec<_> = headers.into_iter().chain(BEFORE_US).collect();
    let sent = sent(&app, &headers).await;
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
    for (name, _) in BEFORE_US {
        assert_eq!(sent.header(name), None, "{name}");
    }
    assert_eq!(sent.header("idempotency-key"), Some("k"));
    assert_eq!(sent.header("x-stainless-lang"), Some("python"));
    assert_eq!(sent.header("accept-encoding"), Some("identity"));
}

/// What the provider got of a call with `headers`.
async fn sent(app: &TestApp, headers: &[(&str, &str)]) -> Seen {
    let opened = app
        .client
        .send(http::Method::POST, CHAT, headers, &chat_body(""))
        .await;
    assert_eq!(opened.read().await.status, 200);
    app.last_sent()
}

/// A provider that went by another coding or type would read another body than was checked.
#[tokio::test]
async fn the_provider_is_told_of_the_one_kind_of_body_that_was_read() {
    let app = TestApp::start().await;
    let bearer = format!("Bearer {}", app.key().await.secret);
    for types in [
        &["application/json; charset=utf-7"][..],
        &["application/json", "multipart/form-data; boundary=b"],
        &["application/vnd.openai+json"],
        &[],
    ] {
        let types = types.iter().map(|kind| ("content-type", *kind));
        let headers: Vec<_> = [("authorization", bearer.as_str())]
            .into_iter()
            .chain(types)
            .collect();
        let sent = sent(&app, &headers).await;
        let told: Vec<_> = sent.headers.get_all("content-type").iter().collect();
        assert_eq!(told, ["application/json"]);
    }
}
