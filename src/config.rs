//! The configuration: defaults, then files, then the environment, then flags. What `load` returns is
//! complete, typed and checked; an unknown key or a bad value is refused by its name, before
//! anything starts. No secret is ever part of an error, of `Debug` or of [`Config::show`].

mod address_range;
mod credential;
mod duration;
mod environment;
mod error;
mod layers;
mod model;
mod provider;
mod sections;
mod setting;
mod shape;
mod traces;
mod validate;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub use address_range::AddressRange;
pub use credential::redact_url;
pub use environment::process_environment;
pub use error::ConfigError;
pub use model::Model;
pub use provider::{OnDisconnect, OutputCapField, Protocol, Provider};
pub use sections::{Auth, Durability, Ledger, Quota, Retention, Server};
pub use traces::Traces;

use crate::domain::price::Price;
use environment::Environment;
use layers::Layers;
use provider::RawProvider;

/// Everything the gateway is told from outside.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the embedded database and the journal live.
    pub data_dir: PathBuf,
    /// Listeners, timeouts and caps.
    pub server: Server,
    /// How keys are proven.
    pub auth: Auth,
    /// What holds assume.
    pub quota: Quota,
    /// How usage is kept.
    pub ledger: Ledger,
    /// How long records are kept.
    pub retention: Retention,
    /// Where spans are sent.
    pub traces: Traces,
    /// Where calls may go.
    pub providers: Vec<Provider>,
    /// Aliases and facts about models.
    pub models: Vec<Model>,
    /// `RUST_LOG`, or `info`.
    pub log_filter: String,
    /// What an operator should know; the caller logs it once.
    pub warnings: Vec<String>,
    database_url: Option<SecretString>,
    effective: toml::Table,
}

/// Where a configuration comes from.
pub struct Sources<'a, E> {
    /// `--config`, in the order given.
    pub files: &'a [PathBuf],
    /// The environment's variables, see [`process_environment`].
    pub environment: E,
    /// `--data-dir`.
    pub data_dir: Option<&'a Path>,
}

/// The merged layers as they are written, before credentials are resolved.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    data_dir: PathBuf,
    database_url: String,
    server: Server,
    auth: Auth,
    quota: Quota,
    ledger: Ledger,
    retention: Retention,
    traces: Traces,
    #[serde(default)]
    providers: Vec<RawProvider>,
    #[serde(default)]
    models: Vec<Model>,
}

impl Config {
    /// Reads and checks all sources.
    pub fn load<E>(sources: Sources<'_, E>) -> Result<Self, ConfigError>
    where
        E: IntoIterator<Item = (String, String)>,
    {
        Self::read(sources, true)
    }

    /// The same for commands that call no provider: an administrator's shell need not hold the
    /// providers' credentials, and may point its clients at this gateway.
    pub fn load_without_credentials<E>(sources: Sources<'_, E>) -> Result<Self, ConfigError>
    where
        E: IntoIterator<Item = (String, String)>,
    {
        Self::read(sources, false)
    }

    fn read<E>(sources: Sources<'_, E>, credentials: bool) -> Result<Self, ConfigError>
    where
        E: IntoIterator<Item = (String, String)>,
    {
        let environment = Environment::new(sources.environment);
        let mut layers = Layers::defaults();
        for file in sources.files {
            layers.add_file(file)?;
        }
        environment.overlay(&mut layers)?;
        if let Some(dir) = sources.data_dir {
            layers.set_text("data_dir", &dir.to_string_lossy());
        }
        Self::build(layers.into_table(), &environment, credentials)
    }

    fn build(
        table: toml::Table,
        environment: &Environment,
        credentials: bool,
    ) -> Result<Self, ConfigError> {
        let raw: RawConfig = table
            .clone()
            .try_into()
            .map_err(|error| ConfigError::value(&error))?;
        let resolved = raw
            .providers
            .into_iter()
            .map(|raw| raw.resolve(credentials, environment));
        let mut config = Self {
            data_dir: raw.data_dir,
            server: raw.server,
            auth: raw.auth,
            quota: raw.quota,
            ledger: raw.ledger,
            retention: raw.retention,
            traces: raw.traces,
            providers: resolved.collect::<Result<_, _>>()?,
            models: raw.models,
            log_filter: environment.get("RUST_LOG").unwrap_or("info").to_owned(),
            warnings: Vec::new(),
            database_url: (!raw.database_url.is_empty()).then(|| raw.database_url.into()),
            effective: table,
        };
        config.warnings = validate::check(&config)?;
        if credentials {
            validate::check_loops(&config)?;
            validate::check_log_filter(&config)?;
        }
        let url = redact_url(config.database_url().expose_secret());
        let shown = &mut config.effective;
        shown.insert("database_url".to_owned(), url.into());
        Ok(config)
    }

    /// Where the store is: as configured, else SQLite in the data directory.
    pub fn database_url(&self) -> SecretString {
        let embedded = || format!("sqlite://{}/tollgate.db", self.data_dir.display()).into();
        self.database_url.clone().unwrap_or_else(embedded)
    }

    /// Uses the embedded database in `data_dir`, whatever was configured.
    pub fn embed_in(&mut self, data_dir: PathBuf) {
        self.data_dir = data_dir;
        self.database_url = None;
    }

    /// Sends calls of `models` to a simulated provider at `address`; they cost what is said there.
    pub fn simulate_provider(
        &mut self,
        address: SocketAddr,
        models: &[(&str, Price)],
    ) -> Result<(), ConfigError> {
        let provider = Provider::simulated(address, models.iter().map(|(name, _)| *name))?;
        for (name, price) in models {
            if self.model(name).is_none() {
                let model = Model::simulated(name, &provider.name, *price);
                self.models.push(model);
            }
        }
        self.providers.push(provider);
        Ok(())
    }

    /// The effective configuration with its secrets redacted, to be printed.
    pub fn show(&self) -> &toml::Table {
        &self.effective
    }

    /// The model entry that clients mean by `name`.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }
}

#[cfg(test)]
mod tests;
