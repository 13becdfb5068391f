//! Where a call goes: by its model and nothing else, and what was checked is what is sent.

use http::Method;

use crate::provider::Provider;
use crate::support::app::{KeySpec, TestApp};
use crate::support::client::{CHAT, chat_body};
use crate::support::db::TestDb;

#[tokio::test]
async fn routing_reads_the_model_and_nothing_else_and_the_bytes_pass_as_they_came() {
    let other = Provider::honest().await;
    let address = other.base_url();
    let extra = format!(
        "[[providers]]\nname = \"other\"\nprotocol = \"openai\"\nbase_url = \"{address}\"\n\
         models = [\"other\"]\n"
    );
    let app = TestApp::with(TestDb::sqlite().await, Provider::honest().await, &extra).await;
    let bearer = format!("Bearer {}", app.key().await.secret);
    let body = r#" { "model" : "m" , "messages":[], "api_base":"URL", "base_url":"URL",
        "models":["other"], "route":"fallback", "fallbacks":["other"], "provider":"other",
        "extra_body":{"model":"other"}, "metadata":{"model":"other"}, "api_key":"x",
        "seed":12345678901234567890123, "temperature":1.0, "é":"\u00e9" } "#;
    let body = body.replace("URL", &address);
    let path = format!("{CHAT}?model=other&api_base={address}&provider=other");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("x-model", "other"),
        ("x-provider", "other"),
        ("x-base-url", address.as_str()),
        ("x-forwarded-host", "other"),
        ("x-original-url", "/v1/embeddings"),
        ("x-http-method-override", "GET"),
    ];
    let opened = app.client.send(Method::POST, &path, &headers, &body);
    let answer = opened.await.read().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = app.last_sent();
    assert_eq!(sent.header("x-original-url"), None);
    assert_eq!(sent.header("x-http-method-override"), None);
    assert_eq!(sent.body, body.as_bytes());
    assert_eq!((sent.method, sent.path.as_str()), (Method::POST, CHAT));
    assert_eq!(other.calls().len(), 0);
    assert_eq!(app.booked(1).await[0].model, "m");
}

#[tokio::test]
async fn a_fallback_of_the_provider_is_checked_like_the_model() {
    let app = TestApp::start().await;
    let models = Some(vec!["m".to_owned(), "gpt-*".to_owned()]);
    let key = app
        .key_with(KeySpec {
            models,
            ..KeySpec::default()
        })
        .await;
    let call = async |fields: &str| {
        let body = chat_body(&format!(",{fields}"));
        app.client.post(CHAT, &key.secret, &body).await
    };
    for fields in [
        r#""models":["gpt-4o","forbidden"],"route":"fallback""#,
        r#""models":"forbidden""#,
        r#""fallbacks":["forbidden"]"#,
        r#""fallback\u0073":["f\u006frbidden"]"#,
    ] {
        let answer = call(fields).await;
        answer.assert_refused(404, "model_not_found");
        assert!(answer.text().contains("`forbidden`"), "{}", answer.text());
    }
    for fields in [
        r#""fallbacks":[{"m":["forbidden"]}]"#,
        r#""models":{"a":1}"#,
    ] {
        call(fields).await.assert_refused(400, "invalid_value");
    }
    assert_eq!(app.sent().len(), 0);
    assert_eq!(call(r#""models":["gpt-4o","m"]"#).await.status, 200);
}

#[tokio::test]
async fn an_alias_is_replaced_in_place() {
    let provider = Provider::honest().await;
    let extra = "[[models]]\nname = \"fast\"\nprovider = \"mock\"\nupstream = \"gpt-\\\"4\"\n";
    let app = TestApp::with(TestDb::sqlite().await, provider, extra).await;
    let key = app.key().await;
    let body = r#"{"messages":[],"model": "fa\u0073t" ,"seed":1}"#;
    let answer = app.client.post(CHAT, &key.secret, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = r#"{"messages":[],"model": "gpt-\"4" ,"seed":1}"#;
    assert_eq!(app.last_sent().body, sent.as_bytes());
    assert_eq!(app.booked(1).await[0].model, "fast");
}

#[tokio::test]
async fn a_key_for_an_alias_may_not_call_what_stands_behind_it() {
    let provider = Provider::honest().await;
    let extra = "[[models]]\nname = \"fast\"\nprovider = \"mock\"\nupstream = \"gpt-4\"\n";
    let app = TestApp::with(TestDb::sqlite().await, provider, extra).await;
    let models = Some(vec!["fast".to_owned()]);
    let key = app
        .key_with(KeySpec {
            models,
            ..KeySpec::default()
        })
        .await;
    let call = async |model: &str| {
        let body = format!(r#"{{"model":"{model}"}}"#);
        app.client.post(CHAT, &key.secret, &body).await
    };
    assert_eq!(call("fast").await.status, 200);
    assert_eq!(app.last_sent().json()["model"], "gpt-4");
    call("gpt-4").await.assert_refused(404, "model_not_found");
    assert_eq!(app.sent().len(), 1);
}
