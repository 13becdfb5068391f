//! What a key may call, listed and enforced by the same rule.

use http::Method;
use serde_json::json;
use tollgate::domain::limits::Limits;
use tollgate::domain::time::Clock;
use tollgate::store::{Db, projects};

use crate::provider::{Answer, Provider, honest};
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
async fn a_model_serves_clients_of_both_worlds() {
    let app = app().await;
    let key = app.key_with(only(&["claude"])).await;
    let model = json!({
        "id": "claude", "object": "model", "created": 0, "owned_by": "mock",
        "type": "model", "display_name": "claude", "created_at": "1970-01-01T00:00:00Z",
    });
    let list = json!({
        "object": "list", "data": [model], "has_more": false,
        "first_id": "claude", "last_id": "claude",
    });
    assert_eq!(app.client.get("/v1/models", &key.secret).await.json(), list);
    let paged = app.client.get("/v1/models?limit=1000", &key.secret).await;
    assert_eq!(paged.json(), list);
    let one = app.client.get("/v1/models/claude", &key.secret).await;
    assert_eq!(one.json(), model);
    assert_eq!(one.header("content-type"), Some("application/json"));
    assert_eq!(one.header("cache-control"), Some("no-store"));
    let none = app.key_with(only(&[])).await;
    let list = app.client.get("/v1/models", &none.secret).await.json();
    assert_eq!(
        (list["first_id"].clone(), list["last_id"].clone()),
        (json!(null), json!(null))
    );
    let bearer = format!("Bearer {}", key.secret);
    for path in ["/v1/models", "/v1/models/claude"] {
        let headers = [("authorization", bearer.as_str())];
        let head = app.client.send(Method::HEAD, path, &headers, "").await;
        let head = head.read().await;
        assert_eq!((head.status.as_u16(), head.text()), (200, ""));
        let nobody = app.client.send(Method::GET, path, &[], "").await;
        nobody.read().await.assert_refused(401, "invalid_api_key");
    }
}

#[tokio::test]
async fn a_foreign_model_and_one_that_is_not_answer_alike() {
    let app = app().await;
    let all = app.key().await;
    let key = app.key_with(only(&["claude"])).await;
    let refused = async |model: &str| {
        let one = app
            .client
            .get(&format!("/v1/models/{model}"), &key.secret)
            .await;
        let body = chat_body("").replace("\"m\"", &format!("\"{model}\""));
        let call = app.client.post(CHAT, &key.secret, &body).await;
        assert_eq!(call.text(), one.text());
        call.assert_refused(404, "model_not_found");
        assert_eq!(call.header("x-should-retry"), Some("false"));
        one.text().replace(model, "")
    };
    assert_eq!(refused("gpt-4o").await, refused("nowhere").await);
    for odd in [
        "%ff",
        "%00",
        "%F0%9F%92%A9",
        "..%2F..%2Fetc",
        "claude%2F",
        "CLAUDE",
        &"m".repeat(9000),
    ] {
        let answer = app
            .client
            .get(&format!("/v1/models/{odd}"), &key.secret)
            .await;
        answer.assert_refused(404, "model_not_found");
        assert!(answer.body.len() < 2000, "{}", answer.text());
    }
    let answer = app.client.get("/v1/models/", &all.secret).await;
    answer.assert_refused(404, "not_found");
    assert_eq!(app.sent().len(), 0);
}

#[tokio::test]
async fn a_providers_own_list_counts_as_far_as_its_patterns_reach() {
    let provider = Provider::start(|seen| match seen.path.as_str() {
        "/v1/models" => {
            let data = ["own-b", "own-a", "gpt-4o", "stranger"].map(|id| json!({"id": id}));
            Answer::json(200, &json!({"object": "list", "data": data})).script()
        }
        _ => honest(seen),
    });
    let provider = provider.await;
    let other = Provider::honest().await;
    // The provider of the tests serves everything; this one only what its patterns name.
    let extra = format!(
        "[[providers]]\nname = \"own\"\nprotocol = \"openai\"\nbase_url = \"{}\"\n\
         models = [\"own-*\", \"exact\"]\n{MODELS}",
        provider.base_url()
    );
    let app = TestApp::with(TestDb::sqlite().await, other, &extra).await;
    let key = app
        .key_with(only(&["own-*", "exact", "stranger", "gpt-*"]))
        .await;
    app.until("the provider's list is there", async || {
        let list = app.client.get("/v1/models", &key.secret).await.json();
        (ids(&list) == ["exact", "gpt-4o", "own-a", "own-b"]).then_some(())
    })
    .await;
    let credentials = provider.calls().into_iter();
    let mut credentials =
        credentials.map(|call| call.seen.header("authorization").map(str::to_owned));
    assert!(credentials.all(|credential| credential.is_none()));
}

#[tokio::test]
async fn the_organisations_list_holds_for_all_its_keys() {
    let app = app().await;
    let Db::Sqlite(pools) = app.db() else {
        panic!("this test is on SQLite");
    };
    sqlx::query("UPDATE organisations SET models = '[\"gpt-*\",\"nowhere\"]'")
        .execute(pools.writer())
        .await
        .unwrap();
    for (spec, listed) in [
        (KeySpec::default(), vec!["gpt-4o"]),
        (only(&["*"]), vec!["gpt-4o"]),
        (only(&["claude"]), vec![]),
        (only(&["*4*", "claude"]), vec!["gpt-4o"]),
    ] {
        let key = app.key_with(spec).await;
        let list = app.client.get("/v1/models", &key.secret).await.json();
        assert_eq!(ids(&list), listed);
        let body = chat_body("").replace("\"m\"", "\"claude\"");
        let answer = app.client.post(CHAT, &key.secret, &body).await;
        answer.assert_refused(404, "model_not_found");
    }
    assert_eq!(app.sent().len(), 0);
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
