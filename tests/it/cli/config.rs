//! Configuration from outside the process.

use std::fs;

use super::{Installation, failed};

#[test]
fn an_unknown_key_is_named_and_ends_with_78() {
    let tollgate = Installation::new();
    let file = tollgate.directory.path().join("t.toml");
    fs::write(&file, "[server]\nlisen = \"127.0.0.1:1\"\n").unwrap();
    for command in [&["org", "list"][..], &["config", "check"], &["serve"]] {
        let line = [command, &["--config", "t.toml"]].concat();
        let line = tollgate.failure(78, &line);
        assert!(
            line.contains("server.lisen") && line.contains("server.listen"),
            "{line}"
        );
        assert!(line.contains("t.toml"), "{line}");
    }
    let output = tollgate
        .command()
        .env("TOLLGATE_SERVR__LISTEN", "x")
        .arg("migrate")
        .output();
    assert!(failed(78, &output.unwrap()).contains("TOLLGATE_SERVR__LISTEN"));
}

#[test]
fn no_secret_is_in_what_is_shown() {
    let tollgate = Installation::new();
    for output in ["text", "json"] {
        let mut command = tollgate.command();
        command.env("DATABASE_URL", "postgres://user:s3cr3t@db/tollgate");
        command.env("TOLLGATE_PROVIDERS__0__NAME", "p");
        command.env("TOLLGATE_PROVIDERS__0__PROTOCOL", "openai");
        command.env("TOLLGATE_PROVIDERS__0__BASE_URL", "https://p.example");
        command.env("TOLLGATE_PROVIDERS__0__MODELS", "*");
        command.env("TOLLGATE_PROVIDERS__0__API_KEY", "s3cr3t");
        let shown = command.args(["config", "show", "--output", output]);
        let shown = String::from_utf8(shown.output().unwrap().stdout).unwrap();
        assert!(shown.contains("user:***@db"), "{shown}");
        assert!(
            shown.contains("p.example") && !shown.contains("s3cr3t"),
            "{shown}"
        );
    }
}

#[test]
fn what_is_in_force_is_shown() {
    let tollgate = Installation::new();
    let output = tollgate
        .command()
        .args([
            "config",
            "show",
            "--output",
            "json",
            "--data-dir",
            "elsewhere",
        ])
        .env("DATABASE_URL", "")
        .env("PORT", "3000")
        .env("OPENAI_API_KEY", "sk-s3cr3t")
        .output()
        .unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["server"]["listen"], "127.0.0.1:3000");
    assert_eq!(shown["database_url"], "sqlite://elsewhere/tollgate.db");
    assert_eq!(shown["providers"][0]["api_key"]["env"], "OPENAI_API_KEY");
}

#[test]
fn what_is_shown_can_be_loaded_again() {
    let tollgate = Installation::new();
    let shown = tollgate.text(&["config", "show"]);
    fs::write(tollgate.directory.path().join("again.toml"), &shown).unwrap();
    assert_eq!(
        tollgate.text(&["config", "show", "--config", "again.toml"]),
        shown
    );
}

#[test]
fn a_missing_credential_stops_the_check_but_no_administration() {
    let tollgate = Installation::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/example.toml");
    let line = tollgate.failure(78, &["config", "check", "--config", example]);
    assert!(line.contains("OPENAI_API_KEY"), "{line}");
    tollgate.text(&["org", "list", "--config", example]);
}

#[test]
fn a_valid_configuration_is_said_to_be_valid() {
    let tollgate = Installation::new();
    let provider =
        "[[providers]]\nname = \"p\"\nbase_url = \"https://p.example/v1\"\nmodels = [\"*\"]\n";
    std::fs::write(tollgate.directory.path().join("one.toml"), provider).unwrap();
    let checked = tollgate.json(&["config", "check", "--config", "one.toml"]);
    assert_eq!(checked, serde_json::json!({"valid": true, "warnings": []}));

    let without = tollgate.json(&["config", "check"]);
    assert_eq!(without["valid"], true);
    let warning = without["warnings"][0].as_str().unwrap();
    assert!(warning.contains("OPENAI_API_KEY"), "{warning}");
}
