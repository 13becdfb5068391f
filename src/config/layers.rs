//! The layers laid over each other: tables are merged key by key, everything else is replaced.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use toml::{Table, Value};

use super::error::ConfigError;
use super::setting::{self, Setting};
use super::shape;

/// What has been merged so far.
pub(super) struct Layers {
    merged: Table,
    shape: Table,
}

impl Layers {
    pub(super) fn defaults() -> Self {
        Self {
            merged: shape::parse_shipped(shape::DEFAULTS),
            shape: shape::shipped(),
        }
    }

    /// Lays a file over what is there.
    pub(super) fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = fs::read_to_string(path).map_err(|reason| ConfigError::Unreadable {
            path: path.to_owned(),
            reason,
        })?;
        let layer = text.parse().map_err(|error| syntax(path, &text, &error))?;
        shape::check(&layer, &self.shape, &path.display().to_string())?;
        merge(&mut self.merged, layer);
        Ok(())
    }

    /// Lays one key over what is there.
    pub(super) fn set(&mut self, setting: &Setting<'_>) -> Result<(), ConfigError> {
        setting.apply(&mut self.merged, &self.shape)
    }

    /// Takes away what is at `path`, if anything is: what comes replaces all of it.
    pub(super) fn remove(&mut self, path: &[String]) {
        setting::remove(&mut self.merged, path);
    }

    /// Sets a top-level key that holds a string.
    pub(super) fn set_text(&mut self, key: &str, text: &str) {
        self.merged.insert(key.to_owned(), text.into());
    }

    pub(super) fn has_providers(&self) -> bool {
        let providers = self.merged.get("providers").and_then(Value::as_array);
        providers.is_some_and(|providers| !providers.is_empty())
    }

    pub(super) fn add_provider(&mut self, provider: Table) {
        let list = Value::Array(vec![provider.into()]);
        self.merged.insert("providers".to_owned(), list);
    }

    /// `server.listen` with another port; left for the check of kinds if it is no address.
    pub(super) fn replace_port(&mut self, port: u16) {
        let server = self.merged.get_mut("server").and_then(Value::as_table_mut);
        let Some(listen) = server.and_then(|server| server.get_mut("listen")) else {
            return;
        };
        let address = listen.as_str().map(str::parse::<SocketAddr>);
        if let Some(Ok(mut address)) = address {
            address.set_port(port);
            *listen = address.to_string().into();
        }
    }

    /// Everything, with a `server.public_url` that follows `server.listen` where nobody set one.
    pub(super) fn into_table(mut self) -> Table {
        let server = self.merged.get_mut("server").and_then(Value::as_table_mut);
        if let Some(server) = server
            && server.get("public_url").and_then(Value::as_str) == Some("")
        {
            let listen = server.get("listen").and_then(Value::as_str);
            let listen = listen.and_then(|listen| listen.parse::<SocketAddr>().ok());
            let url = listen.map_or_else(String::new, own_address);
            server.insert("public_url".to_owned(), url.into());
        }
        self.merged
    }
}

/// Lays `above` over `below`.
pub(super) fn merge(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

/// How this machine reaches what listens there.
fn own_address(mut listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        listen.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{listen}")
}

/// The parser's own message quotes the line, which may hold a secret: only its place is told.
fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    ConfigError::Syntax {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        reason: error.message().replace('\n', ", "),
    }
}
