//! What is refused, in one line that names it.

use super::*;

#[test]
fn an_unknown_key_is_named_with_its_nearest() {
    let message = refused(&["[server]\nlisen = \"127.0.0.1:1\""], &[]);
    assert!(
        message.contains("server.lisen") && message.contains("mean server.listen?"),
        "{message}"
    );
    assert!(message.contains("0.toml"), "{message}");
    let message = refused(&[], &[("TOLLGATE_SERVER__LISEN", "x")]);
    assert!(
        message.contains("TOLLGATE_SERVER__LISEN") && message.contains("server.listen"),
        "{message}"
    );
    let message = refused(&[&provider("modles = []")], &[]);
    assert!(
        message.contains("providers.0.modles") && message.contains("models"),
        "{message}"
    );
    for name in [
        "TOLLGATE_X",
        "TOLLGATE_SERVER",
        "TOLLGATE_PROVIDERS",
        "TOLLGATE_",
        "TOLLGATE_A__B",
    ] {
        assert!(refused(&[], &[(name, "1")]).contains(name));
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_named() {
    for (text, key) in [
        ("[server]\nlisten = 1", "server.listen"),
        ("[server]\nlisten = \"here\"", "listen"),
        ("[server]\ndrain = \"long\"", "drain"),
        ("[server]\nmax_body_bytes = -1", "max_body_bytes"),
        ("[server]\nheader_timeout = \"0s\"", "header_timeout"),
        ("[server]\ntrusted_proxies = [\"x\"]", "trusted_proxies"),
        ("[server]\ntrusted_proxies = [1]", "trusted_proxies"),
        ("[ledger]\ndurability = \"none\"", "durability"),
        ("[ledger]\njournal_max_bytes = 1000", "journal_max_bytes"),
        ("[retention]\ncalls = \"1h\"", "retention.calls"),
        ("[retention]\naudit = \"30d\"", "retention.audit"),
        (
            "[quota]\ndefault_max_output_tokens = 0",
            "default_max_output_tokens",
        ),
        ("server = 1", "server"),
        ("database_url = \"mysql://h/d\"", "database_url"),
        ("[[providers]]\nname = \"p\"", "base_url"),
        (&provider("protocol = \"smtp\""), "smtp"),
    ] {
        let message = refused(&[text], &[]);
        assert!(message.contains(key), "{text}: {message}");
    }
    let message = refused(&[], &[("TOLLGATE_SERVER__MAX_CONNECTIONS", "many")]);
    assert!(message.contains("a whole number"), "{message}");
}

#[test]
fn what_a_server_could_not_use_is_refused() {
    for (text, hint) in [
        ("database_url = \"postgres://u:p@h:x/d\"", "database_url"),
        ("database_url = \"postgres://u:s3?cret@h/d\"", "%3F"),
        ("database_url = \"postgres://u:12?secret@h/d\"", "%3F"),
        ("database_url = \"postgres://u:12/secret@h/d\"", "%2F"),
        (
            "database_url = \"postgres://h/d?sslmode=maybe\"",
            "database_url",
        ),
        ("database_url = \"sqlite://\"", "sqlite://PATH"),
        ("database_url = \"sqlite:t.db\"", "sqlite://PATH"),
        ("database_url = \"sqlite://t.db?mode=ro\"", "sqlite://PATH"),
        (
            "[server]\npublic_url = \"https://gw/x?y=1\"",
            "server.public_url",
        ),
        (
            "[server]\npublic_url = \"https://gw/#x\"",
            "server.public_url",
        ),
        ("[server]\npublic_url = \"ftp://gw\"", "server.public_url"),
        (
            "[server]\npublic_url = \"https://u:s3@gw\"",
            "server.public_url",
        ),
        ("[server]\npublic_url = \"gw\"", "server.public_url"),
    ] {
        let message = refused(&[text], &[]);
        assert!(message.contains(hint), "{text}: {message}");
        assert!(!message.contains("s3"), "{message}");
    }
    let message = refused(&[], &[("RUST_LOG", "a=b=c")]);
    assert!(message.contains("RUST_LOG"), "{message}");
    assert!(load(&["[server]\npublic_url = \"https://gw.example/llm\""], &[]).is_ok());
    assert!(load(&[], &[("RUST_LOG", "info,tollgate=debug")]).is_ok());
}

#[test]
fn a_broken_line_is_numbered_but_not_quoted() {
    let message = refused(&["\ndatabase_url = \"postgres://u:s3cr3t@h/d"], &[]);
    assert!(
        message.contains("line 2") && !message.contains("s3cr3t"),
        "{message}"
    );
}

#[test]
fn a_provider_that_is_this_gateway_is_refused() {
    let message = refused(&[], &[("OPENAI_BASE_URL", "http://localhost:8080/v1")]);
    assert!(message.contains("own address"), "{message}");
}

#[test]
fn a_missing_credential_is_named() {
    let message = refused(&[&provider("api_key = { env = \"NO_SUCH\" }")], &[]);
    assert!(message.contains("NO_SUCH"), "{message}");
    let message = refused(&[&provider("api_key = { file = \"/no/such\" }")], &[]);
    assert!(message.contains("/no/such"), "{message}");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let twice = format!("{}{}", provider(""), provider(""));
    for (text, hint) in [
        (twice.as_str(), "two providers are called \"p\""),
        (&provider("").replace("[\"*\"]", "[]"), "serves no model"),
        (
            &provider("").replace("[\"*\"]", "[\"a b\"]"),
            "model pattern",
        ),
        (
            &model("").replace("provider = \"p\"", "provider = \"q\""),
            "\"q\"",
        ),
        (&model("price = { input = \"x\", output = \"1\" }"), "USD"),
        (&model("context_window = 0"), "context_window"),
        (&model("part_tokens = -1"), "part_tokens"),
        (
            &provider("").replace("https://p.example/v1", "p.example"),
            "base_url",
        ),
    ] {
        let message = refused(&[text], &[]);
        assert!(message.contains(hint), "{hint}: {message}");
    }
}

#[test]
fn plain_http_beyond_this_machine_is_warned_about() {
    let plain = |host: &str| {
        let text = provider("").replace("https://p.example", host);
        load(&[&text], &[]).unwrap().warnings.len()
    };
    assert_eq!(plain("http://p.example"), 1);
    assert_eq!(plain("http://127.0.0.1:9"), 0);
    assert_eq!(plain("http://[::1]:9"), 0);
    assert_eq!(plain("http://localhost:9"), 0);
}

#[test]
fn what_a_model_leaves_open_is_warned_about() {
    let declared = "max_output_tokens = 100\nprice = { input = \"1\", output = \"2\" }";
    let entry =
        |name, fields: &str| format!("[[models]]\nname = \"{name}\"\nprovider = \"p\"\n{fields}\n");
    let warnings = |fields: &str| {
        let entries = entry("m", fields) + &entry("other", declared);
        load(&[&provider(&entries)], &[]).unwrap().warnings
    };
    assert!(warnings(declared).is_empty());
    let hints = [
        (
            "price = { input = \"1\", output = \"2\" }",
            "max_output_tokens",
        ),
        ("max_output_tokens = 100", "price"),
    ];
    for (fields, hint) in hints {
        let warnings = warnings(fields);
        assert!(
            warnings.len() == 1 && warnings[0].contains(hint),
            "{warnings:?}"
        );
    }
    let odd = warnings(&format!("{declared}\ntokenizer = \"p50k\""));
    assert!(odd.len() == 1 && odd[0].contains("p50k"), "{odd:?}");
    for known in ["o200k", "cl100k", "bytes"] {
        assert!(warnings(&format!("{declared}\ntokenizer = \"{known}\"")).is_empty());
    }
}

#[test]
fn traces_go_to_an_address_without_credentials_and_are_a_part() {
    for endpoint in [
        "collector:4318",
        "ftp://c",
        "http://u:p@c:4318",
        "http://",
        "http://c/?a=1",
    ] {
        let message = refused(&[], &[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]);
        assert!(message.contains("traces.endpoint"), "{message}");
        assert!(!message.contains("u:p"), "{message}");
    }
    for ratio in ["-0.1", "1.1", "nan"] {
        let message = refused(&[], &[("TOLLGATE_TRACES__RATIO", ratio)]);
        assert!(message.contains("traces.ratio"), "{message}");
    }
    let config = load(
        &["[traces]\nratio = 0"],
        &[("TOLLGATE_TRACES__ENDPOINT", "https://c/otlp/")],
    );
    let traces = config.unwrap().traces;
    assert_eq!(traces.uri().unwrap(), "https://c/otlp/v1/traces");
    assert!(traces.ratio < f64::EPSILON);
}
