//! Answers that are one large document.

use http_body_util::BodyExt;
use tollgate::domain::usage::Source;

use crate::provider::{Answer, Script};
use crate::support::app::TestApp;
use crate::support::client::{CHAT, chat_body};

/// More than is collected before it passes on.
const BEYOND: usize = 40_000_000;

fn answer_of(length: usize) -> Answer {
    let text = "x".repeat(length);
    let body = serde_json::json!({"choices": [{"message": {"content": text}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}});
    Answer::json(200, &body)
}

async fn before(script: Script) -> TestApp {
    let app = TestApp::start().await;
    app.provider.direct(move |_| script.clone());
    app
}

#[tokio::test]
async fn they_pass_whole_and_are_charged_what_they_report() {
    for length in [10_000_000, BEYOND] {
        let app = before(answer_of(length).script()).await;
        let key = app.key().await;
        let answer = app.client.chat(&key.secret).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.len() > length && answer.body.ends_with(b"}"));
        let call = &app.booked(1).await[0];
        assert_eq!((call.total_tokens, call.source), (3, Source::Reported));
    }
}

#[tokio::test]
async fn a_cut_beyond_what_is_collected_is_no_clean_end() {
    for script in [
        answer_of(BEYOND).close_at(BEYOND - 1000),
        answer_of(BEYOND).reset_at(BEYOND - 1000),
    ] {
        let app = before(script.script()).await;
        let key = app.key().await;
        let answer = app.client.open(CHAT, &key.secret, &chat_body("")).await;
        // A reset may overtake so much that there is nothing to pass on yet.
        if answer.0.status() == 200 {
            assert!(answer.0.into_body().collect().await.is_err());
        } else {
            assert_eq!(answer.read().await.code(), "upstream_invalid_response");
        }
        let call = &app.booked(1).await[0];
        assert_eq!((call.status, call.source), (502, Source::Estimated));
        assert!(call.total_tokens > 0);
    }
}

#[tokio::test]
async fn a_client_that_leaves_within_one_pays_what_it_reports() {
    let app = before(answer_of(BEYOND).script()).await;
    let key = app.key().await;
    let mut answer = app.client.open(CHAT, &key.secret, &chat_body("")).await;
    answer.next().await.unwrap();
    drop(answer);
    let call = &app.booked(1).await[0];
    assert_eq!((call.total_tokens, call.source), (3, Source::Reported));
}
