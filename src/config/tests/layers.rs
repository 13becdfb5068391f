//! Which layer wins, and what each may say.

use super::*;

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let config = load(&[], &[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.body_timeout, Duration::from_mins(1));
    assert_eq!(config.quota.default_max_output_tokens, 16384);
    assert_eq!(config.retention.calls, Duration::from_hours(90 * 24));
    assert_eq!(
        config.database_url().expose_secret(),
        "sqlite://./data/tollgate.db"
    );
    assert_eq!(config.log_filter, "info");
    assert!(config.providers.is_empty());
    assert!(config.warnings.len() == 1 && config.warnings[0].contains("OPENAI_API_KEY"));
}

#[test]
fn the_example_is_valid_but_for_its_credentials() {
    let example = include_str!("../../../config/example.toml");
    let message = refused(&[example], &[]);
    assert!(message.contains("OPENAI_API_KEY is not set"), "{message}");
    let message = refused(&[example], &[("OPENAI_API_KEY", "k")]);
    assert!(message.contains("/run/secrets/local"), "{message}");
}

#[test]
fn the_shipped_files_name_every_key() {
    let example = example_without_file();
    let config = load(&[&example], &[("OPENAI_API_KEY", "k")]).unwrap();
    let (provider, model) = (&config.providers[0], &config.models[0]);
    assert_eq!(
        provider.output_cap_field,
        OutputCapField::MaxCompletionTokens
    );
    assert_eq!(provider.on_disconnect(true), OnDisconnect::Cancel);
    assert_eq!(model.upstream(), "gpt-4o-mini");
    assert_eq!(model.price.map(|price| price.cached_input), Some(75_000));
    assert_eq!(model.context_window, Some(128_000));
    assert_eq!(model.tokenizer.as_deref(), Some("o200k"));
}

#[test]
fn the_page_of_the_documentation_shows_the_shipped_files() {
    let page = include_str!("../../../docs/configuration.md");
    for (name, file) in [("default", shape::DEFAULTS), ("example", shape::EXAMPLE)] {
        assert!(
            page.contains(&format!("```toml\n{file}```\n")),
            "copy config/{name}.toml into docs/configuration.md"
        );
    }
}

fn example_without_file() -> String {
    let example = include_str!("../../../config/example.toml");
    example.replace("api_key = { file = \"/run/secrets/local\" }", "")
}

#[test]
fn later_files_win_and_the_environment_wins_over_files() {
    let first = "[server]\nlisten = \"127.0.0.1:1\"\ndrain = \"1s\"";
    let second = "[server]\ndrain = \"2s\"";
    let config = load(&[first, second], &[("TOLLGATE_SERVER__IDLE_TIMEOUT", "3m")]).unwrap();
    assert_eq!(config.server.listen.port(), 1);
    assert_eq!(config.server.drain, Duration::from_secs(2));
    assert_eq!(config.server.idle_timeout, Duration::from_mins(3));
}

#[test]
fn the_data_directory_is_set_by_file_then_environment_then_flag() {
    let environment = [("TOLLGATE_DATA_DIR".to_owned(), "/e".to_owned())];
    let sources = |data_dir| Sources {
        files: &[],
        environment: environment.clone(),
        data_dir,
    };
    assert_eq!(
        load(&["data_dir = \"/f\""], &[]).unwrap().data_dir,
        Path::new("/f")
    );
    assert_eq!(
        Config::load(sources(None)).unwrap().data_dir,
        Path::new("/e")
    );
    let flagged = Config::load(sources(Some(Path::new("/x")))).unwrap();
    assert_eq!(
        flagged.database_url().expose_secret(),
        "sqlite:///x/tollgate.db"
    );
}

#[test]
fn lists_and_providers_can_come_from_the_environment() {
    let config = load(
        &[],
        &[
            ("TOLLGATE_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1"),
            ("TOLLGATE_PROVIDERS__0__NAME", "p"),
            ("TOLLGATE_PROVIDERS__0__PROTOCOL", "openai"),
            ("TOLLGATE_PROVIDERS__0__BASE_URL", "https://p.example"),
            ("TOLLGATE_PROVIDERS__0__MODELS", "a,b*"),
            ("TOLLGATE_PROVIDERS__0__INCLUDE_USAGE", "false"),
            ("TOLLGATE_PROVIDERS__0__API_KEY", "s3cr3t"),
        ],
    )
    .unwrap();
    assert_eq!(config.server.trusted_proxies.len(), 2);
    let provider = &config.providers[0];
    assert!(provider.serves("b7") && !provider.serves("c") && !provider.include_usage);
    assert_eq!(provider.api_key.as_ref().unwrap().expose_secret(), "s3cr3t");
}

#[test]
fn well_known_names_work() {
    let config = load(
        &["[server]\nlisten = \"0.0.0.0:80\""],
        &[
            ("DATABASE_URL", "postgres://u:p@h/d"),
            ("PORT", "3000"),
            ("RUST_LOG", "debug"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
        ],
    )
    .unwrap();
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:3000");
    assert_eq!(config.server.public_url, "http://127.0.0.1:3000");
    assert_eq!(config.database_url().expose_secret(), "postgres://u:p@h/d");
    assert_eq!(config.log_filter, "debug");
    assert_eq!(
        config.traces.uri().unwrap(),
        "http://127.0.0.1:4318/v1/traces"
    );
    assert!(refused(&[], &[("PORT", "http")]).contains("PORT"));
    assert!(load(&[], &[("PORT", ""), ("DATABASE_URL", "")]).is_ok());
}

#[test]
fn the_public_address_follows_where_it_listens_unless_it_is_set() {
    let url = |files: &[&str], variables: &[(&str, &str)]| {
        let config = load(files, variables).unwrap();
        config.server.public_url
    };
    assert_eq!(url(&[], &[]), "http://127.0.0.1:8080");
    assert_eq!(url(&[], &[("PORT", "3000")]), "http://127.0.0.1:3000");
    let file = "[server]\nlisten = \"[::1]:80\"";
    assert_eq!(url(&[file], &[]), "http://[::1]:80");
    let file = "[server]\npublic_url = \"https://gate.example\"";
    assert_eq!(url(&[file], &[("PORT", "3000")]), "https://gate.example");
}

#[test]
fn the_variables_of_a_kubernetes_service_are_left_alone() {
    let variables = [
        ("TOLLGATE_PORT", "tcp://10.0.0.1:80"),
        ("TOLLGATE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("TOLLGATE_SERVICE_HOST", "10.0.0.1"),
    ];
    assert!(load(&[], &variables).is_ok());
}

#[test]
fn the_openai_variables_make_a_provider_only_when_none_is_configured() {
    let variables = [
        ("OPENAI_API_KEY", "s3cr3t"),
        ("OPENAI_BASE_URL", "https://o.example/v1/"),
    ];
    let config = load(&[], &variables).unwrap();
    assert_eq!(config.providers[0].name, "openai");
    assert_eq!(
        config.providers[0].base_url.to_string(),
        "https://o.example/v1"
    );
    assert!(config.providers[0].serves("anything"));
    let config = load(&[&provider("")], &variables).unwrap();
    assert_eq!(config.providers[0].name, "p");
}

#[test]
fn the_prices_of_cached_input_are_the_input_price_unless_set() {
    let price = |cached: &str| {
        let line = format!("price = {{ input = \"2\", output = \"3\"{cached} }}");
        let config = load(&[&model(&line)], &[]).unwrap();
        let price = config.model("m").unwrap().price.unwrap();
        (price.cached_input, price.cache_write)
    };
    assert_eq!(price(""), (2_000_000, 2_000_000));
    let set = price(r#", cached_input = "0.2", cache_write = "2.5""#);
    assert_eq!(set, (200_000, 2_500_000));
}

#[test]
fn commands_that_call_no_provider_need_none_that_works() {
    let sources = Sources {
        files: &[],
        environment: [
            ("OPENAI_API_KEY_FILE", "/no/such"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
        data_dir: None,
    };
    let config = Config::load_without_credentials(sources).unwrap();
    assert!(config.providers[0].api_key.is_none());
}
