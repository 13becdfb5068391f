//! Providers that refuse, fail, lie or vanish: what the client is told, and what it costs.

use std::time::Instant;

use crate::provider::{Answer, NOBODY, Provider, Script, Usage, completion};
use crate::support::app::{CREDENTIAL, TestApp};
use crate::support::client::{CHAT, Reply, chat_body};
use crate::support::db::TestDb;

async fn answer_to(app: &TestApp, script: Script) -> Reply {
    app.provider.direct(move |_| script.clone());
    let key = app.key().await;
    app.client.chat(&key.secret).await
}

#[tokio::test]
async fn what_the_provider_says_about_the_request_passes_unmodified_without_our_credential() {
    let app = TestApp::start().await;
    for (n, status) in [400, 404, 413, 422].into_iter().enumerate() {
        let message = format!("prompt is too long (your key: {CREDENTIAL})");
        let script = Answer::error(
            status,
            "invalid_request_error",
            "context_length_exceeded",
            &message,
        );
        let answer = answer_to(&app, script.script()).await;
        assert_eq!(answer.status, status);
        let expected = serde_json::json!("prompt is too long (your key: [redacted])");
        assert_eq!(answer.json()["error"]["message"], expected);
        let call = &app.booked(n + 1).await[0];
        assert_eq!((call.status, call.total_tokens), (status, 0));
    }
}

#[tokio::test]
async fn every_other_status_is_told_apart_by_whose_problem_it_is() {
    let app = TestApp::start().await;
    let error = |status, code: &str| Answer::error(status, "t", code, "sk-secret details").script();
    let cases = [
        (error(401, "invalid_api_key"), 503, "upstream_unavailable"),
        (error(402, "no_credit"), 503, "upstream_unavailable"),
        (error(403, "forbidden"), 503, "upstream_unavailable"),
        (
            error(429, "insufficient_quota"),
            503,
            "upstream_unavailable",
        ),
        (
            error(429, "rate_limit_exceeded"),
            429,
            "upstream_rate_limited",
        ),
        (error(409, "conflict"), 502, "upstream_error"),
        (error(418, "teapot"), 502, "upstream_error"),
        (error(500, "x"), 502, "upstream_error"),
        (error(503, "x"), 502, "upstream_error"),
        (error(529, "x"), 502, "upstream_error"),
        (
            Answer::new(302)
                .header("location", "http://127.0.0.1:1/")
                .script(),
            502,
            "upstream_invalid_response",
        ),
        (
            Answer::new(307)
                .header("location", "http://127.0.0.1:1/")
                .script(),
            502,
            "upstream_invalid_response",
        ),
        (Answer::new(204).script(), 502, "upstream_invalid_response"),
        (Answer::new(304).script(), 502, "upstream_invalid_response"),
        (
            Answer::new(200)
                .header("content-type", "text/html")
                .body("<html>")
                .script(),
            502,
            "upstream_invalid_response",
        ),
        (
            Answer::new(200)
                .header("content-type", "application/json")
                .body("{\"a\":")
                .script(),
            502,
            "upstream_invalid_response",
        ),
        (
            Answer::new(200)
                .header("content-type", "application/json")
                .header("content-encoding", "gzip")
                .body("{}")
                .script(),
            502,
            "upstream_invalid_response",
        ),
    ];
    for (n, (script, status, code)) in cases.into_iter().enumerate() {
        let sent = app.sent().len();
        let answer = answer_to(&app, script).await;
        answer.assert_refused(status, code);
        assert!(!answer.text().contains("details"), "{}", answer.text());
        let is_final = status == 503;
        assert_eq!(
            answer.header("x-should-retry"),
            is_final.then_some("false"),
            "{code}"
        );
        assert_eq!(
            app.sent().len(),
            sent + 1,
            "{code} is not tried again by us"
        );
        let call = &app.booked(n + 1).await[0];
        assert_eq!(call.status, status);
    }
}

#[tokio::test]
async fn the_providers_own_wait_is_kept() {
    let app = TestApp::start().await;
    let throttled =
        Answer::error(429, "requests", "rate_limit_exceeded", "slow").header("retry-after", "17");
    let answer = answer_to(&app, throttled.script()).await;
    answer.assert_refused(429, "upstream_rate_limited");
    assert_eq!(answer.header("retry-after"), Some("17"));
    assert_eq!(app.booked(1).await[0].total_tokens, 0);
}

#[tokio::test]
async fn a_provider_that_is_not_there_costs_nothing() {
    let provider = Provider::honest().await;
    let second = format!(
        "[[models]]\nname = \"gone\"\nprovider = \"gone\"\n[[providers]]\nname = \"gone\"\nbase_url = \"{NOBODY}\"\nmodels = [\"gone\"]\n"
    );
    let app = TestApp::with(TestDb::sqlite().await, provider, &second).await;
    let key = app.key().await;
    let body = chat_body("").replace("\"m\"", "\"gone\"");
    let began = Instant::now();
    let answer = app.client.post(CHAT, &key.secret, &body).await;
    answer.assert_refused(502, "upstream_unreachable");
    assert!(began.elapsed().as_secs() < 5 && !answer.text().contains("127.0.0.1"));
    let call = &app.booked(1).await[0];
    assert_eq!(
        (call.total_tokens, call.source),
        (0, tollgate::domain::usage::Source::None)
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_and_charged() {
    let app = TestApp::start().await;
    let half = |cut| {
        let seen = completion_of(1, 1);
        match cut {
            0 => Script::reset(),
            1 => Script::close(),
            2 => Script::raw("SSH-2.0-OpenSSH_9\r\n"),
            3 => seen.reset_at(20).script(),
            4 => seen.close_at(20).script(),
            _ => seen.claiming(10_000).script(),
        }
    };
    for cut in 0..6 {
        let answer = answer_to(&app, half(cut)).await;
        assert_eq!(answer.status, 502, "{cut}: {}", answer.text());
        assert!(answer.code().starts_with("upstream_"), "{cut}");
        let calls = app.booked(cut + 1).await;
        assert_eq!(calls.len(), cut + 1, "one event each");
        assert!(calls[0].total_tokens > 0);
    }
}

fn completion_of(input: u64, output: u64) -> Answer {
    let body = serde_json::json!({"choices": [{"message": {"content": "pong"}}],
        "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output}});
    Answer::json(200, &body)
}

#[tokio::test]
async fn a_provider_that_never_answers_is_given_up() {
    let provider = Provider::start(|_| Script::hang()).await;
    let patience = "first_byte_timeout = \"300ms\"";
    let app = TestApp::with(TestDb::sqlite().await, provider, patience).await;
    let key = app.key().await;
    let answer = app.client.chat(&key.secret).await;
    answer.assert_refused(504, "upstream_timeout");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    app.provider.cancelled(1).await;
    assert_eq!(
        app.booked(1).await[0].source,
        tollgate::domain::usage::Source::Estimated
    );
}

#[tokio::test]
async fn a_large_answer_passes_whole() {
    let app = TestApp::start().await;
    let text = "x".repeat(10_000_000);
    let body = serde_json::json!({"choices": [{"message": {"content": text}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}});
    let answer = answer_to(&app, Answer::json(200, &body).script()).await;
    assert_eq!(answer.body.len(), body.to_string().len());
    assert_eq!(app.booked(1).await[0].total_tokens, 3);
}

#[tokio::test]
async fn a_pooled_connection_that_had_closed_is_replaced_and_the_call_sent_once() {
    let app = TestApp::before(
        Provider::start(|seen| completion(seen, Usage::new(1, 1)).script().then_close()).await,
    )
    .await;
    let key = app.key().await;
    for n in 1..=20 {
        assert_eq!(app.client.chat(&key.secret).await.status, 200);
        assert_eq!(app.sent().len(), n);
    }
}

#[tokio::test]
async fn two_tenants_share_no_answer_and_the_account_stays_hidden() {
    let app = TestApp::start().await;
    app.provider.direct(|seen| {
        let answer = completion(seen, Usage::new(1, 1));
        let private = [
            ("set-cookie", "a=b"),
            ("openai-organization", "org-x"),
            ("x-ratelimit-remaining-tokens", "9"),
            ("server", "cloud"),
            ("cf-ray", "1"),
            ("x-request-id", "theirs"),
            ("openai-processing-ms", "5"),
        ];
        private
            .into_iter()
            .fold(answer, |answer, (name, value)| answer.header(name, value))
            .script()
    });
    let (one, two) = (app.key().await, app.key().await);
    for key in [&one, &two] {
        let answer = app.client.chat(&key.secret).await;
        for name in [
            "set-cookie",
            "openai-organization",
            "x-ratelimit-remaining-tokens",
            "server",
            "cf-ray",
        ] {
            assert_eq!(answer.header(name), None, "{name}");
        }
        assert_ne!(answer.header("x-request-id"), Some("theirs"));
        assert_eq!(answer.header("openai-processing-ms"), Some("5"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(app.sent().len(), 2);
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
