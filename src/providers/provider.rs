//! One provider, ready to be called: addresses and credential built once, and what was learnt of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{HeaderValue, Uri};
use secrecy::{ExposeSecret, SecretString};

use crate::config::{self, OnDisconnect, OutputCapField};
use crate::domain::encoding::Encoding;
use crate::domain::endpoint::Endpoint;

/// A provider that cannot be called as configured.
#[derive(Debug, thiserror::Error)]
#[error("provider {0:?}: its address or credential cannot be sent in a request")]
pub struct ProviderError(String);

/// See the module.
pub struct Provider {
    /// Its name in the configuration and the records.
    pub name: Arc<str>,
    /// `Authorization` for it.
    pub credential: Option<HeaderValue>,
    /// Whether to ask it for usage on streams.
    include_usage: bool,
    /// The field that caps its output where the client set none.
    pub output_cap_field: OutputCapField,
    /// How long it may take to begin an answer.
    pub first_byte_timeout: Duration,
    settings: config::Provider,
    chat_completions: Uri,
    completions: Uri,
    embeddings: Uri,
    models: Uri,
    refuses_stream_options: AtomicBool,
    listed: ArcSwap<Vec<String>>,
}

impl Provider {
    /// Builds what every call needs.
    pub fn build(settings: &config::Provider) -> Result<Self, ProviderError> {
        let wrong = || ProviderError(settings.name.clone());
        let base = settings.base_url.to_string();
        let uri = |path: &str| {
            let address = format!("{}{path}", base.trim_end_matches('/'));
            address.parse::<Uri>().map_err(|_| wrong())
        };
        let credential = settings.api_key.as_ref().map(bearer).transpose();
        Ok(Self {
            name: settings.name.as_str().into(),
            credential: credential.map_err(|_| wrong())?,
            include_usage: settings.include_usage,
            output_cap_field: settings.output_cap_field,
            first_byte_timeout: settings.first_byte_timeout,
            settings: settings.clone(),
            chat_completions: uri("/chat/completions")?,
            completions: uri("/completions")?,
            embeddings: uri("/embeddings")?,
            models: uri("/models")?,
            refuses_stream_options: AtomicBool::new(false),
            listed: ArcSwap::default(),
        })
    }

    /// Where calls of `endpoint` go.
    pub fn uri(&self, endpoint: Endpoint) -> &Uri {
        match endpoint {
            Endpoint::ChatCompletions => &self.chat_completions,
            Endpoint::Completions => &self.completions,
            Endpoint::Embeddings => &self.embeddings,
        }
    }

    /// Where it lists its models.
    pub fn models_uri(&self) -> &Uri {
        &self.models
    }

    /// Whether one of its patterns names `model`.
    pub fn serves(&self, model: &str) -> bool {
        self.settings.serves(model)
    }

    /// The tokenizer of its `model`, where its own word is enough to tell.
    pub fn encoding(&self, model: &str) -> Option<Encoding> {
        Encoding::of_model(self.settings.base_url.host().unwrap_or_default(), model)
    }

    /// What to do with a stream whose client left, for a model that `reasons` or not.
    pub fn on_disconnect(&self, reasons: bool) -> OnDisconnect {
        self.settings.on_disconnect(reasons)
    }

    /// Whether streams are asked for usage: as configured, until it refused the option.
    pub fn takes_stream_options(&self) -> bool {
        self.include_usage && !self.refuses_stream_options.load(Ordering::Relaxed)
    }

    /// Remembers that it refused `stream_options`.
    pub fn refused_stream_options(&self) {
        if !self.refuses_stream_options.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                provider = &*self.name,
                "the provider does not take `stream_options`: streams that do not ask for usage are estimated"
            );
        }
    }

    /// Exact names of its own list and of its patterns.
    pub fn names(&self) -> Vec<String> {
        let exact = self
            .settings
            .models
            .iter()
            .filter_map(|pattern| pattern.exact());
        let listed = self.listed.load();
        let served = listed.iter().filter(|name| self.serves(name)).cloned();
        exact.map(str::to_owned).chain(served).collect()
    }

    /// Replaces what it lists; patterns decide what of it is served.
    pub fn list(&self, names: Vec<String>) {
        self.listed.store(Arc::new(names));
    }

    /// Whether a list of its own could add names: exact patterns need none.
    pub fn has_globs(&self) -> bool {
        self.settings
            .models
            .iter()
            .any(|pattern| pattern.exact().is_none())
    }

    /// `body` without the provider's credential, if it echoes it.
    pub fn scrub(&self, body: bytes::Bytes) -> bytes::Bytes {
        let Some(secret) = &self.settings.api_key else {
            return body;
        };
        let secret = secret.expose_secret().as_bytes();
        if secret.is_empty() || memchr::memmem::find(&body, secret).is_none() {
            return body;
        }
        let mut scrubbed = Vec::with_capacity(body.len());
        let mut rest: &[u8] = &body;
        while let Some(at) = memchr::memmem::find(rest, secret) {
            scrubbed.extend_from_slice(rest.get(..at).unwrap_or_default());
            scrubbed.extend_from_slice(b"[redacted]");
            rest = rest.get(at + secret.len()..).unwrap_or_default();
        }
        scrubbed.extend_from_slice(rest);
        scrubbed.into()
    }
}

fn bearer(key: &SecretString) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))?;
    value.set_sensitive(true);
    Ok(value)
}
