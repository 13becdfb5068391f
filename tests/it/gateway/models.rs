//! What a key may call, listed and enforced by the same rule.

use tollgate::domain::limits::Limits;
use tollgate::domain::time::Clock;
use tollgate::store::projects;

use crate::provider::Provider;
use crate::support::app::{KeySpec, TestApp};
use crate::support::client::{CHAT, chat_body};
use crate::support::db::TestDb;

const MODELS: &str = r#"
    [[models]]
    name = "org/big model"
    provider = "mock"
    [[models]]
    name = "gpt-4o"
    provider = "mock"
    [[models]]
    name = "claude"
    provider = "mock"
"#;

async fn app() -> TestApp {
    TestApp::with(TestDb::sqlite().await, Provider::honest().await, MODELS).await
}

fn only(models: &[&str]) -> KeySpec {
    let models = models.iter().map(ToString::to_string).collect();
    KeySpec {
        models: Some(models),
        ..KeySpec::default()
    }
}

fn ids(list: &serde_json::Value) -> Vec<&str> {
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_key_sees_only_what_it_may_call() {
    let app = app().await;
    let all = app.key().await;
    let list = app.client.get("/v1/models", &all.secret).await.json();
    assert_eq!(ids(&list), ["claude", "gpt-4o", "org/big model"]);
    assert_eq!(list["object"], "list");
    assert_eq!(
        (list["has_more"].as_bool(), list["first_id"].as_str()),
        (Some(false), Some("claude"))
    );
    let one = app.key_with(only(&["gpt-*"])).await;
    let list = app.client.get("/v1/models", &one.secret).await.json();
    assert_eq!(ids(&list), ["gpt-4o"]);
    let none = app.key_with(only(&[])).await;
    assert!(ids(&app.client.get("/v1/models", &none.secret).await.json()).is_empty());
}

#[tokio::test]
async fn one_model_is_found_behind_escapes_and_a_foreign_one_is_not() {
    let app = app().await;
    let key = app.key_with(only(&["org/*"])).await;
    for path in ["/v1/models/org%2Fbig%20model", "/v1/models/org/big%20model"] {
        let model = app.client.get(path, &key.secret).await;
        assert_eq!(model.status, 200, "{}", model.text());
        assert_eq!(model.json()["id"], "org/big model");
    }
    let answer = app.client.get("/v1/models/gpt-4o", &key.secret).await;
    answer.assert_refused(404, "model_not_found");
}

#[tokio::test]
async fn every_level_has_to_allow_a_model() {
    let app = app().await;
    let now = Clock::default().now();
    let models = ["gpt-4o".to_owned(), "claude".to_owned()];
    let organisation = app.organisation.id;
    let limits = Limits::default();
    let project = projects::create(app.db(), organisation, "P", &limits, Some(&models), now);
    let project_id = Some(project.await.unwrap().id);
    let key = app
        .key_with(KeySpec {
            project_id,
            ..only(&["claude", "m"])
        })
        .await;
    let call = async |model: &str| {
        let body = chat_body("").replace("\"m\"", &format!("\"{model}\""));
        app.client.post(CHAT, &key.secret, &body).await
    };
    assert_eq!(call("claude").await.status, 200);
    for model in ["gpt-4o", "m", "nowhere"] {
        let answer = call(model).await;
        answer.assert_refused(404, "model_not_found");
        assert_eq!(answer.json()["error"]["param"], "model");
    }
    assert_eq!(app.sent().len(), 1);
}
