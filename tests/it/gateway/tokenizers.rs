//! Long prompts near the end of a quota: counted by the tokenizer that the model's entry names.

use super::limits::quota;
use crate::provider::Provider;
use crate::support::app::TestApp;
use crate::support::client::{CHAT, Reply};
use crate::support::db::TestDb;

const MODELS: &str = r#"
[[models]]
name = "counted"
provider = "mock"
tokenizer = "o200k"

[[models]]
name = "gpt-4o"
provider = "mock"
"#;

/// 45 000 bytes, 10 001 tokens.
fn text() -> String {
    "The quick brown fox jumps over the lazy dog. ".repeat(1000)
}

async fn call(app: &TestApp, amount: i64, model: &str) -> Reply {
    let key = app.limited_key(quota(amount)).await;
    let text = text();
    let body = format!(
        r#"{{"model":"{model}","max_tokens":10,"messages":[{{"role":"user","content":"{text}"}}]}}"#
    );
    app.client.post(CHAT, &key.secret, &body).await
}

#[tokio::test]
async fn a_prompt_that_fits_by_its_tokens_is_admitted() {
    let app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, MODELS).await;
    for _ in 0..2 {
        let fits = call(&app, 10_200, "counted").await;
        assert_eq!(fits.status, 200, "{}", fits.text());
    }
    let refused = call(&app, 10_000, "counted").await;
    refused.assert_refused(429, "insufficient_quota");
    assert_eq!(app.sent().len(), 2);
}

#[tokio::test]
async fn without_a_tokenizer_of_the_entrys_own_bytes_count() {
    let app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, MODELS).await;
    for model in ["gpt-4o", "other"] {
        let refused = call(&app, 40_000, model).await;
        refused.assert_refused(429, "insufficient_quota");
        let fits = call(&app, 50_000, model).await;
        assert_eq!(fits.status, 200, "{}", fits.text());
    }
}
