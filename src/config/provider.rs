//! `[[providers]]`: where calls may go, with which credential.

use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use secrecy::SecretString;
use serde::Deserialize;

use super::credential::Credential;
use super::duration;
use super::environment::Environment;
use super::error::ConfigError;
use crate::domain::model_access::ModelPattern;

/// A server that models are called on.
#[derive(Clone, Debug)]
pub struct Provider {
    /// What models and records call it.
    pub name: String,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// The address that routes are appended to; absolute, without a query or a slash at its end.
    pub base_url: Uri,
    /// Its credential, if it wants one.
    pub api_key: Option<SecretString>,
    /// The models it serves.
    pub models: Vec<ModelPattern>,
    /// Ask for usage on streams.
    pub include_usage: bool,
    /// The field that caps a call's output.
    pub output_cap_field: OutputCapField,
    /// How long it may take to answer.
    pub first_byte_timeout: Duration,
    on_disconnect: Option<OnDisconnect>,
}

/// How a provider is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// `OpenAI`'s, as most servers speak it.
    #[default]
    #[serde(rename = "openai")]
    OpenAi,
}

/// The field that caps a call's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputCapField {
    /// The current name.
    #[default]
    MaxCompletionTokens,
    /// The former name, which many servers know only.
    MaxTokens,
}

/// What becomes of a stream whose client left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDisconnect {
    /// It is cancelled and charged by estimate.
    Cancel,
    /// It is read on for its true usage.
    Drain,
}

/// A provider as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProvider {
    name: String,
    #[serde(default)]
    protocol: Protocol,
    base_url: String,
    api_key: Option<Credential>,
    models: Vec<String>,
    #[serde(default = "yes")]
    include_usage: bool,
    #[serde(default)]
    output_cap_field: OutputCapField,
    on_disconnect: Option<OnDisconnect>,
    #[serde(default = "ten_minutes", with = "duration")]
    first_byte_timeout: Duration,
}

impl Provider {
    /// A provider without a credential on this machine.
    pub(super) fn simulated<'a>(
        address: SocketAddr,
        models: impl Iterator<Item = &'a str>,
    ) -> Result<Self, ConfigError> {
        let raw = RawProvider {
            name: "sandbox".to_owned(),
            protocol: Protocol::default(),
            base_url: format!("http://{address}/v1"),
            api_key: None,
            models: models.map(ToOwned::to_owned).collect(),
            include_usage: yes(),
            output_cap_field: OutputCapField::default(),
            on_disconnect: None,
            first_byte_timeout: ten_minutes(),
        };
        raw.resolve(false, &Environment::new([]))
    }

    /// What becomes of a stream whose client left: as configured, else cancelled, but drained if
    /// the model `reasons`, because its hidden tokens cannot be estimated.
    pub fn on_disconnect(&self, reasons: bool) -> OnDisconnect {
        self.on_disconnect.unwrap_or(if reasons {
            OnDisconnect::Drain
        } else {
            OnDisconnect::Cancel
        })
    }

    /// Whether it serves `model` by its own list.
    pub fn serves(&self, model: &str) -> bool {
        self.models.iter().any(|pattern| pattern.matches(model))
    }
}

impl OutputCapField {
    /// The field's name in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxTokens => "max_tokens",
        }
    }
}

impl RawProvider {
    /// The provider; without `credentials`, which only calls need, its key is left out.
    pub(super) fn resolve(
        self,
        credentials: bool,
        environment: &Environment,
    ) -> Result<Provider, ConfigError> {
        let owner = format!("provider {:?}", self.name);
        let base_url = parse_base_url(&self.base_url)
            .map_err(|problem| ConfigError::invalid(format!("{owner}: base_url {problem}")))?;
        let wanted = self.api_key.filter(|_| credentials);
        let credential = wanted.map(|key| key.resolve(&owner, environment));
        let patterns = self.models.iter().map(|text| {
            ModelPattern::parse(text)
                .map_err(|error| ConfigError::invalid(format!("{owner}: {text:?}: {error}")))
        });
        Ok(Provider {
            base_url,
            api_key: credential.transpose()?,
            models: patterns.collect::<Result<_, _>>()?,
            name: self.name,
            protocol: self.protocol,
            include_usage: self.include_usage,
            output_cap_field: self.output_cap_field,
            first_byte_timeout: self.first_byte_timeout,
            on_disconnect: self.on_disconnect,
        })
    }
}

/// The problem never repeats the address: it may hold a credential.
fn parse_base_url(text: &str) -> Result<Uri, &'static str> {
    const SHAPE: &str = "must be an absolute http or https address such as \"https://host/v1\"";
    let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| SHAPE)?;
    let authority = uri.authority().ok_or(SHAPE)?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || authority.host().is_empty() {
        return Err(SHAPE);
    }
    if authority.as_str().contains('@') {
        return Err("must not hold a credential; use api_key");
    }
    if text.contains(['?', '#']) {
        return Err("must have no query or fragment");
    }
    Ok(uri)
}

const fn yes() -> bool {
    true
}

const fn ten_minutes() -> Duration {
    Duration::from_mins(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_loses_only_the_slash_at_its_end() {
        let uri = parse_base_url("https://host:8443/api/v1/").unwrap();
        assert_eq!(uri.to_string(), "https://host:8443/api/v1");
        assert!(parse_base_url("http://127.0.0.1:8000").is_ok());
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for text in [
            "",
            "host",
            "/v1",
            "ftp://host/v1",
            "https://",
            "https://u:p@host/v1",
            "https://host/v1?x=1",
            "https://host/v1#x",
            "https://ho st",
        ] {
            assert!(parse_base_url(text).is_err(), "{text}");
        }
    }
}
