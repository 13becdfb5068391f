//! Reports over booked events.

use std::path::Path;

use serde_json::json;
use tollgate::domain::tenant::{CallId, KeyId, OrganisationId, ProjectId};
use tollgate::domain::time::Timestamp;
use tollgate::domain::usage::Source;
use tollgate::store::events::{self, Batch, Event};
use tollgate::store::{Db, keys};
use uuid::Uuid;

use super::{Installation, id};

/// Books `count` calls of 10 and 5 tokens on a new key; the key's id.
fn booked(tollgate: &Installation, count: usize) -> String {
    let organisation = tollgate.organisation("Acme");
    let line = [
        "key", "create", "--org", "Acme", "--name", "=k,1", "--quota", "1000000",
    ];
    let key = id(&tollgate.json(&line));
    let file = tollgate.directory.path().join("data/tollgate.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .unwrap()
        .block_on(book(&file, &organisation, &key, count));
    key
}

async fn book(file: &Path, organisation: &str, key: &str, count: usize) {
    let url = format!("sqlite://{}", file.display());
    let db = Db::connect(&url).await.unwrap();
    let key = KeyId(key.parse().unwrap());
    let project = keys::find(&db, key).await.unwrap().unwrap().project_id;
    let organisation = OrganisationId(organisation.parse::<Uuid>().unwrap());
    let events: Vec<Event<'static>> = (0..count)
        .map(|_| event(organisation, project, key))
        .collect();
    events::book(&db, Batch::of(&events)).await.unwrap();
    db.close().await;
}

fn event(organisation: OrganisationId, project: ProjectId, key: KeyId) -> Event<'static> {
    Event {
        id: CallId::new(),
        at: Timestamp::parse("2026-11-20T10:15:00Z").unwrap(),
        organisation_id: organisation,
        project_id: project,
        key_id: key,
        secret_hash: None,
        provider: "p".into(),
        model: "m".into(),
        upstream_model: "m".into(),
        endpoint: "/v1/chat/completions".into(),
        status: 200,
        code: None,
        source: Source::Reported,
        is_stream: false,
        requests: 1,
        input_tokens: 10,
        output_tokens: 5,
        total_tokens: 15,
        cached_tokens: 0,
        reasoning_tokens: 0,
        cost_nano: 1_500,
        held_tokens: 20,
        is_suspicious: false,
        is_disconnected: false,
        duration_ms: 7,
        first_token_ms: None,
        budgets: smallvec::SmallVec::new(),
    }
}

#[test]
fn usage_is_summed_as_asked() {
    let tollgate = Installation::new();
    let key = booked(&tollgate, 3);
    let usage = |by: &str| tollgate.json(&["usage", "--org", "Acme", "--by", by])["data"].clone();
    let numbers = json!({
        "requests": 3, "errors": 0, "input_tokens": 30, "output_tokens": 15, "total_tokens": 45,
        "estimated_tokens": 0, "interrupted_tokens": 0, "cost_usd": "0.0000045",
    });
    let expect = |group: serde_json::Value| {
        let mut row = numbers.clone();
        row.as_object_mut()
            .unwrap()
            .extend(group.as_object().unwrap().clone());
        json!([row])
    };
    assert_eq!(usage("day"), expect(json!({"day": "2026-11-20"})));
    assert_eq!(
        usage("hour"),
        expect(json!({"hour": "2026-11-20T10:00:00Z"}))
    );
    let by_key = json!({"key_id": key, "key_name": "=k,1", "model": "m"});
    assert_eq!(usage("key,model"), expect(by_key));
    let outside = ["usage", "--org", "Acme", "--from", "2026-11-21"];
    assert_eq!(tollgate.json(&outside), json!({"data": []}));
}

#[test]
fn csv_is_safe_to_open() {
    let tollgate = Installation::new();
    let key = booked(&tollgate, 1);
    let csv = tollgate.text(&["usage", "--org", "Acme", "--by", "key", "--csv"]);
    let expected = format!(
        "key_id,key_name,requests,errors,input_tokens,output_tokens,total_tokens,\
         estimated_tokens,interrupted_tokens,cost_usd\n{key},\"'=k,1\",1,0,10,5,15,0,0,0.0000015\n"
    );
    assert_eq!(csv, expected);
}

#[test]
fn all_calls_are_listed() {
    let tollgate = Installation::new();
    let key = booked(&tollgate, 1_500);
    let calls = tollgate.json(&["calls", "--org", "Acme"]);
    let calls = calls["data"].as_array().unwrap();
    assert_eq!(calls.len(), 1_500);
    let mut call = calls[0].clone();
    call.as_object_mut().unwrap().remove("id").unwrap();
    assert_eq!(
        call,
        json!({
            "at": "2026-11-20T10:15:00Z", "key_id": key, "model": "m", "provider": "p",
            "status": 200, "source": "reported", "input_tokens": 10, "output_tokens": 5,
            "total_tokens": 15, "cost_usd": "0.0000015", "duration_ms": 7, "first_token_ms": null,
        })
    );
    let csv = tollgate.text(&["calls", "--org", "Acme", "--key", &key, "--csv"]);
    assert_eq!(csv.lines().count(), 1_501);
    let other = Uuid::nil().to_string();
    let none = tollgate.json(&["calls", "--org", "Acme", "--key", &other]);
    assert_eq!(none, json!({"data": []}));
}
