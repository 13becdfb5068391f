//! `[traces]`: where spans are sent.

use http::Uri;
use serde::Deserialize;

use super::error::ConfigError;

/// See the module.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// A collector's address for OTLP over HTTP; empty: nothing is traced.
    pub endpoint: String,
    /// Of the calls that bring no trace along, from 0 to 1.
    pub ratio: f64,
}

impl Traces {
    /// Where spans are sent, if anything is traced.
    pub fn uri(&self) -> Option<Uri> {
        let base = self.endpoint.trim_end_matches('/');
        let uri = format!("{base}/v1/traces").parse::<Uri>().ok()?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        // Credentials would be shown by `config show`, and a query is no part of a base address.
        let is_plain = !base.contains(['@', '?', '#']);
        (is_web && is_plain && uri.host().is_some()).then_some(uri)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if !self.endpoint.is_empty() && self.uri().is_none() {
            return Err(ConfigError::invalid(
                "traces.endpoint must be an address such as \"http://127.0.0.1:4318\", without credentials; correct it or OTEL_EXPORTER_OTLP_ENDPOINT",
            ));
        }
        if !(0.0..=1.0).contains(&self.ratio) {
            return Err(ConfigError::invalid(
                "traces.ratio must lie between 0 and 1; correct it",
            ));
        }
        Ok(())
    }
}
