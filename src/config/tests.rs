//! The layers, their order, and what is refused.

use super::*;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

type Variables<'a> = &'a [(&'a str, &'a str)];

/// Loads `files` (their texts) under `variables`.
fn load(files: &[&str], variables: Variables<'_>) -> Result<Config, String> {
    let dir = TempDir::new().unwrap();
    let write = |(at, text): (usize, &&str)| {
        let path = dir.path().join(format!("{at}.toml"));
        fs::write(&path, text).unwrap();
        path
    };
    let files: Vec<PathBuf> = files.iter().enumerate().map(write).collect();
    let pairs = variables.iter();
    let sources = Sources {
        files: &files,
        environment: pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        data_dir: None,
    };
    Config::load(sources).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(files: &[&str], variables: Variables<'_>) -> String {
    let message = load(files, variables).unwrap_err();
    assert!(!message.contains('\n'), "{message}");
    message
}

/// A file as the environment's `_FILE` variables and `api_key` name it.
fn secret_file(dir: &TempDir, mode: u32) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.path().join("secret");
    fs::write(&path, "s3cr3t\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn provider(lines: &str) -> String {
    format!(
        "[[providers]]\nname = \"p\"\nprotocol = \"openai\"\n\
         base_url = \"https://p.example/v1\"\nmodels = [\"*\"]\n{lines}\n"
    )
}

fn model(lines: &str) -> String {
    provider(&format!(
        "[[models]]\nname = \"m\"\nprovider = \"p\"\nmax_output_tokens = 1\n{lines}"
    ))
}

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
    assert!(config.providers.is_empty() && config.warnings.is_empty());
}

#[test]
fn the_example_is_valid_but_for_its_credentials() {
    let example = include_str!("../../config/example.toml");
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

fn example_without_file() -> String {
    let example = include_str!("../../config/example.toml");
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
        (
            "[quota]\ndefault_max_output_tokens = 0",
            "default_max_output_tokens",
        ),
        ("server = 1", "server"),
        ("database_url = \"mysql://h/d\"", "database_url"),
        ("[[providers]]\nname = \"p\"", "protocol"),
    ] {
        let message = refused(&[text], &[]);
        assert!(message.contains(key), "{text}: {message}");
    }
    let message = refused(&[], &[("TOLLGATE_SERVER__MAX_CONNECTIONS", "many")]);
    assert!(message.contains("a whole number"), "{message}");
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
    assert_eq!(config.database_url().expose_secret(), "postgres://u:p@h/d");
    assert_eq!(config.log_filter, "debug");
    assert!(refused(&[], &[("PORT", "http")]).contains("PORT"));
    assert!(load(&[], &[("PORT", ""), ("DATABASE_URL", "")]).is_ok());
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
fn a_provider_that_is_this_gateway_is_refused() {
    let message = refused(&[], &[("OPENAI_BASE_URL", "http://localhost:8080/v1")]);
    assert!(message.contains("own address"), "{message}");
}

#[test]
fn a_secret_file_is_read_if_only_its_owner_can() {
    let dir = TempDir::new().unwrap();
    let path = secret_file(&dir, 0o600);
    let key = provider(&format!("api_key = {{ file = {path:?} }}"));
    let config = load(&[&key], &[]).unwrap();
    assert_eq!(
        config.providers[0]
            .api_key
            .as_ref()
            .unwrap()
            .expose_secret(),
        "s3cr3t"
    );
    let config = load(&[], &[("OPENAI_API_KEY_FILE", &path)]).unwrap();
    assert_eq!(
        config.providers[0]
            .api_key
            .as_ref()
            .unwrap()
            .expose_secret(),
        "s3cr3t"
    );
    assert!(
        load(
            &[&provider("")],
            &[("TOLLGATE_PROVIDERS__0__API_KEY_FILE", &path)]
        )
        .is_ok()
    );
    for mode in [0o640, 0o604] {
        secret_file(&dir, mode);
        let message = refused(&[&key], &[]);
        assert!(
            message.contains("chmod 600") && message.contains("\"p\""),
            "{message}"
        );
    }
}

#[test]
fn a_database_url_can_come_from_a_file() {
    let dir = TempDir::new().unwrap();
    let path = secret_file(&dir, 0o600);
    fs::write(&path, "postgres://u:s3cr3t@h/d\n").unwrap();
    for name in ["DATABASE_URL_FILE", "TOLLGATE_DATABASE_URL_FILE"] {
        let config = load(&[], &[(name, &path)]).unwrap();
        assert_eq!(
            config.database_url().expose_secret(),
            "postgres://u:s3cr3t@h/d"
        );
    }
    let both = [
        ("DATABASE_URL", "sqlite://x"),
        ("DATABASE_URL_FILE", path.as_str()),
    ];
    assert!(refused(&[], &both).contains("both set"));
}

#[test]
fn a_missing_credential_is_named() {
    let message = refused(&[&provider("api_key = { env = \"NO_SUCH\" }")], &[]);
    assert!(message.contains("NO_SUCH"), "{message}");
    let message = refused(&[&provider("api_key = { file = \"/no/such\" }")], &[]);
    assert!(message.contains("/no/such"), "{message}");
}

#[test]
fn a_credential_written_into_a_file_is_refused_without_repeating_it() {
    let message = refused(&[&provider("api_key = \"s3cr3t\"")], &[]);
    assert!(
        message.contains("api_key") && !message.contains("s3cr3t"),
        "{message}"
    );
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
fn a_cached_price_is_the_input_price_unless_set() {
    let config = load(&[&model("price = { input = \"2\", output = \"3\" }")], &[]).unwrap();
    assert_eq!(
        config.model("m").unwrap().price.unwrap().cached_input,
        2_000_000
    );
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
fn no_secret_is_shown() {
    let config = load(
        &[&provider("api_key = { env = \"KEY\" }")],
        &[
            ("KEY", "s3cr3t"),
            ("DATABASE_URL", "postgres://u:s3cr3t@h/d"),
        ],
    )
    .unwrap();
    let shown = config.show().to_string();
    assert!(
        shown.contains("postgres://u:***@h/d") && shown.contains("KEY"),
        "{shown}"
    );
    assert!(!shown.contains("s3cr3t") && !format!("{config:?}").contains("s3cr3t"));
    assert!(shown.parse::<toml::Table>().is_ok());
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
