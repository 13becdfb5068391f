//! Providers that refuse, fail, lie or vanish: what the client is told, and what it costs.

use crate::provider::{Answer, EventStream, Provider, Script, Usage, completion, sse};
use crate::support::app::{CREDENTIAL, TestApp};
use crate::support::client::Reply;
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
async fn usage_that_comes_with_a_failure_is_charged() {
    let app = TestApp::start().await;
    for (n, status) in [400, 418, 500, 503].into_iter().enumerate() {
        let usage = serde_json::json!({"prompt_tokens": 90, "total_tokens": 100});
        let body = serde_json::json!({"error": {"message": "m"}, "usage": usage});
        answer_to(&app, Answer::json(status, &body).script()).await;
        let call = &app.booked(n + 1).await[0];
        assert_eq!(call.total_tokens, 100, "{status}");
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
        (Answer::new(205).script(), 502, "upstream_invalid_response"),
        (Answer::new(206).script(), 502, "upstream_invalid_response"),
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
async fn a_rate_limit_that_speaks_of_billing_is_no_lack_of_credit() {
    let app = TestApp::start().await;
    let message = "Slow down. Buy a higher limit at https://provider.example/account/billing.";
    let throttled = Answer::error(429, "requests", "rate_limit_exceeded", message);
    let answer = answer_to(&app, throttled.script()).await;
    answer.assert_refused(429, "upstream_rate_limited");
}

#[tokio::test]
async fn a_refusal_that_cannot_be_read_is_not_passed_on_empty() {
    let app = TestApp::start().await;
    let refusal = || Answer::error(400, "invalid_request_error", "x", "Too long.");
    let unreadable = [
        refusal().header("content-encoding", "gzip").script(),
        refusal().body("x".repeat(2_000_000)).script(),
        refusal().close_at(10).script(),
    ];
    for script in unreadable {
        let answer = answer_to(&app, script).await;
        answer.assert_refused(502, "upstream_invalid_response");
    }
    assert!(
        app.booked(3)
            .await
            .iter()
            .all(|call| call.total_tokens == 0)
    );
}

#[tokio::test]
async fn a_refusal_in_the_shape_of_a_stream_passes_as_it_is() {
    let app = TestApp::start().await;
    let said = sse::error("invalid_request_error", "Too long.").bytes;
    let script = Answer::new(400)
        .header("content-type", "text/event-stream")
        .body(said.clone());
    let answer = answer_to(&app, script.script()).await;
    assert_eq!((answer.status.as_u16(), answer.body), (400, said));
}

#[tokio::test]
async fn a_stream_in_a_coding_we_cannot_read_is_refused() {
    let app = TestApp::start().await;
    let packed = EventStream::of([sse::chunk("x")]).header("content-encoding", "gzip");
    let answer = answer_to(&app, packed.finish()).await;
    answer.assert_refused(502, "upstream_invalid_response");
    assert!(app.booked(1).await[0].total_tokens > 0);
}

#[tokio::test]
async fn a_body_in_no_coding_is_read_however_that_is_said() {
    let app = TestApp::start().await;
    for (n, coding) in ["identity", "Identity", "none", ""].into_iter().enumerate() {
        let plain = completion_of(3, 4).header("content-encoding", coding);
        let answer = answer_to(&app, plain.script()).await;
        assert_eq!(answer.status, 200, "{coding}");
        assert_eq!(answer.header("content-encoding"), None);
        assert_eq!(app.booked(n + 1).await[0].total_tokens, 7);
    }
}
