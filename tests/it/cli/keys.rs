//! The life of a key.

use std::fs;

use serde_json::{Value, json};

use super::{Installation, id, names};

fn create(tollgate: &Installation, flags: &[&str]) -> Value {
    let line = ["key", "create", "--org", "Acme", "--name", "Production"];
    tollgate.json(&[&line, flags].concat())
}

#[test]
fn a_new_key_has_its_documented_form() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    let key = create(
        &tollgate,
        &[
            "--models",
            "gpt-4o,claude-*",
            "--rpm",
            "60",
            "--quota",
            "1000",
            "--quota-period",
            "month",
            "--budget",
            "25",
            "--budget-period",
            "day",
            "--expires",
            "2999-01-01T00:00:00Z",
        ],
    );
    let secret = key["secret"].as_str().unwrap();
    assert!(secret.starts_with("sk-") && secret.len() == 35);
    let (head, tail) = (&secret[..7], &secret[31..]);
    assert_eq!(key["display"], format!("{head}…{tail}"));
    assert_eq!(key["models"], json!(["gpt-4o", "claude-*"]));
    assert_eq!(
        key["limits"],
        json!({
            "requests_per_minute": 60, "tokens_per_minute": null, "requests_per_day": null,
            "concurrency": null, "quota": {"unit": "tokens", "amount": 1000, "period": "month"},
            "budget": {"amount_usd": "25.00", "period": "day"},
        })
    );
    assert_eq!(key["quota_state"]["remaining"], 1000);
    assert_eq!(key["budget_state"]["used_usd"], "0.00");
    assert_eq!(key["budget_state"]["held_usd"], "0.00");
    assert_eq!(key["budget_state"]["remaining_usd"], "25.00");
    assert!(key["budget_state"]["resets_at"].is_string());
    assert_eq!(key["expires_at"], "2999-01-01T00:00:00Z");
    assert_eq!(key["previous_secret"], json!(null));
    assert_eq!(
        (&key["name"], &key["status"]),
        (&json!("Production"), &json!("active"))
    );
}

#[test]
fn a_secret_is_printed_once_and_stored_nowhere() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    let text = tollgate.text(&["key", "create", "--org", "Acme", "--name", "k"]);
    let secret = text
        .split_whitespace()
        .find(|word| word.starts_with("sk-") && word.len() == 35);
    let secret = secret.unwrap();
    assert!(
        !tollgate
            .text(&["key", "list", "--org", "Acme"])
            .contains(secret)
    );
    assert!(
        !tollgate
            .json(&["key", "list", "--org", "Acme"])
            .to_string()
            .contains(secret)
    );
    for file in fs::read_dir(tollgate.directory.path().join("data")).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(
            !bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
        );
    }
}

#[test]
fn a_key_is_changed_disabled_enabled_and_deleted() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    let key = id(&create(&tollgate, &["--expires", "30d", "--rpm", "1"]));
    let changed = [
        "key",
        "update",
        &key,
        "--name",
        "New",
        "--expires",
        "none",
        "--tpm",
        "5",
    ];
    let changed = tollgate.json(&changed);
    assert_eq!(
        (&changed["name"], &changed["expires_at"]),
        (&json!("New"), &json!(null))
    );
    assert_eq!(changed["limits"]["requests_per_minute"], 1);
    assert_eq!(changed["limits"]["tokens_per_minute"], 5);
    assert_eq!(changed.get("secret"), None);
    assert_eq!(
        tollgate.json(&["key", "disable", &key])["status"],
        "disabled"
    );
    assert_eq!(tollgate.json(&["key", "enable", &key])["status"], "active");
    tollgate.json(&["key", "delete", &key]);
    assert!(names(&tollgate.json(&["key", "list", "--org", "Acme"])).is_empty());
    assert!(
        tollgate
            .failure(1, &["key", "enable", &key])
            .contains("no key")
    );
}

#[test]
fn a_rotation_gives_a_new_secret_and_the_old_one_its_grace() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    let old = create(&tollgate, &[]);
    let new = tollgate.json(&["key", "rotate", &id(&old), "--grace", "1h"]);
    assert_eq!(new["id"], old["id"]);
    assert_ne!(new["secret"], old["secret"]);
    assert_eq!(new["previous_secret"]["display"], old["display"]);
    assert_eq!(new["previous_secret"]["calls_since_rotation"], 0);
    let newest = tollgate.json(&["key", "rotate", &id(&old), "--grace", "0"]);
    assert_eq!(newest["previous_secret"], json!(null));
}

#[test]
fn what_the_api_refuses_is_refused_here_too() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    let line = ["key", "create", "--org", "Acme", "--name", "k"];
    let line = [&line[..], &["--expires", "2020-01-01T00:00:00Z"]].concat();
    let message = tollgate.failure(2, &line);
    assert!(message.contains("--expires: lies in the past"), "{message}");
    let none = tollgate.json(&["key", "list", "--org", "Acme"]);
    assert!(names(&none).is_empty());

    let key = id(&create(&tollgate, &[]));
    let far = ["--expires", "9999-12-31T00:00:00Z"];
    let update = ["key", "update", &key];
    for line in [&line[..line.len() - 2], &update] {
        let message = tollgate.failure(2, &[line, &far].concat());
        assert!(message.contains("the year 9998"), "{message}");
    }
    let message = tollgate.failure(2, &["key", "rotate", &key, "--grace", "400d"]);
    assert!(
        message.contains("--grace") && message.contains("30 days"),
        "{message}"
    );
    tollgate.json(&["key", "rotate", &key, "--grace", "30d"]);
}

#[test]
fn a_key_named_with_another_organisation_is_not_there() {
    let tollgate = Installation::new();
    tollgate.organisation("Acme");
    tollgate.organisation("Bolt");
    let key = id(&create(&tollgate, &[]));
    let line = tollgate.failure(1, &["key", "delete", &key, "--org", "Bolt"]);
    assert!(line.contains("no key"), "{line}");
    tollgate.json(&["key", "delete", &key, "--org", "Acme"]);
}
