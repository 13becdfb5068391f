//! The environment's layer: `TOLLGATE_SECTION__KEY`, and the names that everyone knows. A secret may
//! also be given as the path of a file that holds it, under its name and `_FILE`. A variable that
//! is set to nothing counts as not set, except a `TOLLGATE_` one.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::credential::read_secret;
use super::error::ConfigError;
use super::layers::Layers;
use super::setting::Setting;

const PREFIX: &str = "TOLLGATE_";
const COLLECTOR: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const OPENAI: &str = "https://api.openai.com/v1";

/// The variables, by name.
pub(super) struct Environment(BTreeMap<String, String>);

/// The variables of this process; what is not UTF-8 is left out.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

impl Environment {
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// A variable that is set to something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Lays the environment over the files. What names Tollgate wins over what is well known,
    /// except `PORT`, which a platform sets over the image's own address.
    pub(super) fn overlay(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        if let Some(url) = self.secret("DATABASE_URL")? {
            layers.set_text("database_url", &url);
        }
        self.add_collector(layers)?;
        for (name, value) in &self.0 {
            if let Some(key) = own_key(name) {
                self.set(layers, name, key, value)?;
            }
        }
        self.replace_port(layers)?;
        if !layers.has_providers() {
            self.add_openai(layers);
        }
        Ok(())
    }

    fn set(
        &self,
        layers: &mut Layers,
        name: &str,
        key: &str,
        value: &str,
    ) -> Result<(), ConfigError> {
        let (key, is_file) = match key.strip_suffix("_FILE") {
            Some(key) if is_secret(key) => (key, true),
            _ => (key, false),
        };
        let mut path: Vec<String> = key.split("__").map(str::to_ascii_lowercase).collect();
        let secret;
        let text = if !is_secret(key) {
            value
        } else if key == "DATABASE_URL" {
            secret = self.secret(&format!("{PREFIX}{key}"))?.unwrap_or_default();
            &secret
        } else {
            // A provider's key stays a reference, so that it is in no table that may be shown.
            path.push(if is_file { "file" } else { "env" }.to_owned());
            if is_file { value } else { name }
        };
        let setting = Setting {
            path: &path,
            text,
            origin: name,
        };
        if let Some(reference) = reference(key) {
            self.check_single(name, reference)?;
            layers.remove(setting.parent());
        }
        layers.set(&setting)
    }

    /// Whether no variable beside `name` says where this provider's key is.
    fn check_single(&self, name: &str, wanted: &str) -> Result<(), ConfigError> {
        let mut names = self.0.keys().filter(|other| *other != name);
        match names.find(|other| own_key(other).and_then(reference) == Some(wanted)) {
            Some(other) => Err(ConfigError::invalid(format!(
                "{name} and {other} are both set; unset one"
            ))),
            None => Ok(()),
        }
    }

    /// The value of `name`, or of the file that `name` and `_FILE` point at.
    fn secret(&self, name: &str) -> Result<Option<String>, ConfigError> {
        let file = format!("{name}_FILE");
        match (self.get(name), self.get(&file)) {
            (Some(_), Some(_)) => Err(ConfigError::invalid(format!(
                "{name} and {file} are both set; unset one"
            ))),
            (Some(value), None) => Ok(Some(value.to_owned())),
            (None, Some(path)) => read_secret(Path::new(path), &file).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The collector that all programs of a machine are told of.
    fn add_collector(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        let Some(endpoint) = self.get(COLLECTOR) else {
            return Ok(());
        };
        layers.set(&Setting {
            path: &["traces", "endpoint"].map(str::to_owned),
            text: endpoint,
            origin: COLLECTOR,
        })
    }

    fn replace_port(&self, layers: &mut Layers) -> Result<(), ConfigError> {
        let Some(port) = self.get("PORT") else {
            return Ok(());
        };
        let port = port.trim().parse().map_err(|_| {
            ConfigError::invalid("PORT must be a port number from 0 to 65535; correct it")
        })?;
        layers.replace_port(port);
        Ok(())
    }

    /// With no provider configured, the variables of `OpenAI`'s own clients make one.
    fn add_openai(&self, layers: &mut Layers) {
        let (base_url, file) = (self.get("OPENAI_BASE_URL"), self.get("OPENAI_API_KEY_FILE"));
        let key = self
            .get("OPENAI_API_KEY")
            .map(|_| ("env", "OPENAI_API_KEY"));
        let key = key.or(file.map(|path| ("file", path)));
        if base_url.is_none() && key.is_none() {
            return;
        }
        let mut provider = Table::new();
        for (field, value) in [
            ("name", "openai"),
            ("protocol", "openai"),
            ("base_url", base_url.unwrap_or(OPENAI)),
        ] {
            provider.insert(field.to_owned(), value.into());
        }
        provider.insert("models".to_owned(), Value::Array(vec!["*".into()]));
        if let Some((kind, reference)) = key {
            let reference = Table::from_iter([(kind.to_owned(), reference.into())]);
            provider.insert("api_key".to_owned(), reference.into());
        }
        layers.add_provider(provider);
    }
}

/// The part of a variable's name that names a key of ours.
///
/// A Kubernetes service called `tollgate` puts its address into every pod as `TOLLGATE_PORT…` and
/// `TOLLGATE_SERVICE_…`; these are nobody's configuration.
fn own_key(name: &str) -> Option<&str> {
    let key = name.strip_prefix(PREFIX)?;
    let is_service = key == "PORT" || key.starts_with("PORT_") || key.starts_with("SERVICE_");
    (!is_service).then_some(key)
}

fn is_secret(key: &str) -> bool {
    key == "DATABASE_URL" || is_api_key(key)
}

fn is_api_key(key: &str) -> bool {
    key.starts_with("PROVIDERS__") && key.ends_with("__API_KEY")
}

/// The provider's key that `key` refers to, in any way of saying where it is.
fn reference(key: &str) -> Option<&str> {
    let suffixes = ["__ENV", "__FILE", "_FILE"];
    let base = suffixes.iter().find_map(|suffix| key.strip_suffix(suffix));
    Some(base.unwrap_or(key)).filter(|base| is_api_key(base))
}
