//! What one value alone cannot show: names that must differ, references that must resolve, ranges.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use secrecy::ExposeSecret;

use super::error::ConfigError;
use super::{Config, Model, Provider};
use crate::domain::encoding::Encoding;
use crate::domain::limits::LARGEST_AMOUNT;
use crate::store::check_url;
use crate::telemetry::log_filter;

/// A megabyte: room for a few hundred calls.
const SMALLEST_JOURNAL: u64 = 1024 * 1024;

const NO_PROVIDER: &str = "no provider is configured, so there is no model to call; set OPENAI_API_KEY \
                           or add [[providers]]";

/// Checks the whole; returns what an operator should know.
pub(super) fn check(config: &Config) -> Result<Vec<String>, ConfigError> {
    check_server(config)?;
    check_database(config)?;
    check_ledger(config)?;
    check_retention(config)?;
    config.traces.check()?;
    check_tokens(
        "quota.default_max_output_tokens",
        config.quota.default_max_output_tokens,
        1,
    )?;
    let mut warnings = Vec::new();
    check_names(
        "provider",
        config.providers.iter().map(|provider| &provider.name),
    )?;
    if config.providers.is_empty() {
        warnings.push(NO_PROVIDER.to_owned());
    }
    for provider in &config.providers {
        check_provider(provider)?;
        warnings.extend(plain_http(provider));
    }
    check_names("model", config.models.iter().map(|model| &model.name))?;
    for model in &config.models {
        check_model(model, &config.providers)?;
        warnings.extend(undeclared(model, config.quota.default_max_output_tokens));
        warnings.extend(unknown_tokenizer(model));
        warnings.extend(unpriced(model, &config.models));
    }
    Ok(warnings)
}

fn check_server(config: &Config) -> Result<(), ConfigError> {
    let server = &config.server;
    let timeouts = [
        ("header_timeout", server.header_timeout),
        ("body_timeout", server.body_timeout),
        ("idle_timeout", server.idle_timeout),
    ];
    let caps = [
        ("max_body_bytes", server.max_body_bytes),
        ("max_calls", server.max_calls),
        ("max_connections", server.max_connections),
    ];
    let zero_timeouts = timeouts.iter().filter(|(_, span)| span.is_zero());
    let zero_caps = caps.iter().filter(|(_, cap)| *cap == 0);
    let mut zero = zero_timeouts
        .map(|(name, _)| name)
        .chain(zero_caps.map(|(name, _)| name));
    if let Some(name) = zero.next() {
        return invalid(format!("server.{name} must be above 0; correct it"));
    }
    if server.max_buffered_bytes < server.max_body_bytes {
        return invalid(
            "server.max_buffered_bytes must be at least server.max_body_bytes; raise it or lower the other",
        );
    }
    check_public_url(&server.public_url)
}

/// Links are made by appending to it.
fn check_public_url(text: &str) -> Result<(), ConfigError> {
    let url = text.parse::<Uri>().unwrap_or_default();
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    let has_host = url.host().is_some_and(|host| !host.is_empty());
    if is_web && has_host && !text.contains(['@', '?', '#']) {
        return Ok(());
    }
    invalid(
        "server.public_url must be an absolute http or https address without user, query or fragment, \
         such as \"https://gateway.example\"",
    )
}

fn check_database(config: &Config) -> Result<(), ConfigError> {
    check_url(config.database_url().expose_secret()).map_err(|error| {
        ConfigError::invalid(format!("database_url (DATABASE_URL) is of no use: {error}"))
    })
}

fn check_ledger(config: &Config) -> Result<(), ConfigError> {
    if config.ledger.journal_max_bytes < SMALLEST_JOURNAL {
        return invalid(format!(
            "ledger.journal_max_bytes must be at least {SMALLEST_JOURNAL}; raise it"
        ));
    }
    Ok(())
}

/// Calls must outlive the journals that may book them again, and the database itself refuses to let
/// go of younger rows of the audit trail.
fn check_retention(config: &Config) -> Result<(), ConfigError> {
    for (name, kept, least) in [
        ("calls", config.retention.calls, 1),
        ("audit", config.retention.audit, 31),
    ] {
        if kept < Duration::from_hours(24) * least {
            return invalid(format!(
                "retention.{name} must be at least \"{least}d\"; raise it"
            ));
        }
    }
    Ok(())
}

fn check_names<'a>(kind: &str, names: impl Iterator<Item = &'a String>) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if name.trim().is_empty() {
            return invalid(format!("a {kind} has an empty name; name it"));
        }
        if !seen.insert(name) {
            return invalid(format!("two {kind}s are called {name:?}; rename one"));
        }
    }
    Ok(())
}

fn check_provider(provider: &Provider) -> Result<(), ConfigError> {
    let name = &provider.name;
    if provider.models.is_empty() {
        return invalid(format!(
            "provider {name:?} serves no model; add patterns to its models, such as \"*\""
        ));
    }
    if provider.first_byte_timeout.is_zero() {
        return invalid(format!(
            "provider {name:?}: first_byte_timeout must be above 0"
        ));
    }
    Ok(())
}

/// For the gateway alone: commands write no log.
pub(super) fn check_log_filter(config: &Config) -> Result<(), ConfigError> {
    log_filter(&config.log_filter).map(drop)
}

/// For the gateway alone: a shell whose clients use it may well name it, and administer it, too.
pub(super) fn check_loops(config: &Config) -> Result<(), ConfigError> {
    let listen = config.server.listen;
    let mut providers = config.providers.iter();
    let Some(own) = providers.find(|provider| points_at(&provider.base_url, listen)) else {
        return Ok(());
    };
    invalid(format!(
        "provider {:?}: base_url is this gateway's own address; point it at the provider, or unset OPENAI_BASE_URL if it comes from there",
        own.name
    ))
}

/// A gateway that calls itself never ends; clients' `OPENAI_BASE_URL` makes that an easy mistake.
fn points_at(base_url: &Uri, listen: SocketAddr) -> bool {
    base_url.port_u16() == Some(listen.port())
        && is_loopback(base_url)
        && (listen.ip().is_loopback() || listen.ip().is_unspecified())
}

fn check_model(model: &Model, providers: &[Provider]) -> Result<(), ConfigError> {
    let name = &model.name;
    if !providers.iter().any(|known| known.name == model.provider) {
        return invalid(format!(
            "model {name:?} names the provider {:?}, which is not configured; add it or correct the name",
            model.provider
        ));
    }
    let counts = [
        ("max_output_tokens", model.max_output_tokens, 1),
        ("context_window", model.context_window, 1),
        ("part_tokens", Some(model.part_tokens), 0),
        ("prompt_overhead", Some(model.prompt_overhead), 0),
    ];
    for (field, count, least) in counts {
        if let Some(count) = count {
            check_tokens(&format!("model {name:?}: {field}"), count, least)?;
        }
    }
    Ok(())
}

fn check_tokens(name: &str, count: i64, least: i64) -> Result<(), ConfigError> {
    if (least..=LARGEST_AMOUNT).contains(&count) {
        return Ok(());
    }
    invalid(format!(
        "{name} must lie between {least} and {LARGEST_AMOUNT}; correct it"
    ))
}

fn plain_http(provider: &Provider) -> Option<String> {
    let is_plain = provider.base_url.scheme() == Some(&Scheme::HTTP);
    (is_plain && !is_loopback(&provider.base_url)).then(|| {
        format!(
            "provider {:?} is called over plain http, so its credential and every prompt can be read on the way; use https",
            provider.name
        )
    })
}

fn undeclared(model: &Model, default: i64) -> Option<String> {
    model.max_output_tokens.is_none().then(|| {
        format!(
            "model {:?} declares no max_output_tokens; {default} are held for a call that names no maximum",
            model.name
        )
    })
}

fn unknown_tokenizer(model: &Model) -> Option<String> {
    let name = model.tokenizer.as_deref()?;
    (name != "bytes" && Encoding::parse(name).is_none()).then(|| {
        format!(
            "model {:?}: the tokenizer {name:?} is not known, so its prompts count their bytes; known are \"o200k\", \"cl100k\" and \"bytes\"",
            model.name
        )
    })
}

/// Where no model has a price, money plays no part.
fn unpriced(model: &Model, all: &[Model]) -> Option<String> {
    let has_prices = all.iter().any(|other| other.price.is_some());
    (has_prices && model.price.is_none()).then(|| {
        format!(
            "model {:?} declares no price: its calls count as free, and budgets in USD refuse it",
            model.name
        )
    })
}

fn is_loopback(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn invalid<T>(message: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::invalid(message))
}
