//! Credentials by reference: a variable of the environment, or a file that not everyone may read.

use std::fs;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use super::environment::Environment;
use super::error::ConfigError;

/// `{ env = "NAME" }` or `{ file = "/path" }`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Credential {
    Env(String),
    File(PathBuf),
}

impl Credential {
    pub(super) fn resolve(
        &self,
        owner: &str,
        environment: &Environment,
    ) -> Result<SecretString, ConfigError> {
        let secret = match self {
            Self::Env(name) => environment.get(name).map(str::to_owned).ok_or_else(|| {
                let reason = format!("the environment variable {name} is not set; set it");
                refusal(owner, reason)
            })?,
            Self::File(path) => read_secret(path, owner)?,
        };
        let sendable = http::HeaderValue::from_str(&secret).is_ok();
        if !sendable {
            let reason = "its credential holds characters that no HTTP header takes; correct it";
            return Err(refusal(owner, reason));
        }
        Ok(secret.into())
    }
}

/// A secret from a file, without the white space around it.
pub(super) fn read_secret(path: &Path, owner: &str) -> Result<String, ConfigError> {
    let unreadable = |reason| ConfigError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    if is_shared(&fs::metadata(path).map_err(unreadable)?) {
        let shown = path.display();
        let reason = format!("others can read the credential file {shown}; run chmod o-r {shown}");
        return Err(refusal(owner, reason));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    if text.trim().is_empty() {
        let reason = format!("the credential file {} is empty; fill it", path.display());
        return Err(refusal(owner, reason));
    }
    Ok(text.trim().to_owned())
}

/// With everyone on the machine; a group is made on purpose, as containers' mounts do.
#[cfg(unix)]
fn is_shared(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_shared(_: &fs::Metadata) -> bool {
    false
}

fn refusal(owner: &str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Credential {
        owner: owner.to_owned(),
        reason: reason.into(),
    }
}

/// `url` with its password replaced, in the authority and in the query. A password that was not encoded
/// may hold whatever ends an authority: all up to the last `@` is taken for one, so that rather too much
/// is hidden.
pub fn redact_url(url: &str) -> String {
    let shown = redact_authority(url);
    let Some((rest, query)) = shown.split_once('?') else {
        return shown;
    };
    let pairs = query.split('&').map(redact_pair);
    format!("{rest}?{}", pairs.collect::<Vec<_>>().join("&"))
}

fn redact_authority(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let Some((user, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    let name = user.split_once(':').map(|(name, _)| name);
    match name {
        Some(name) => format!("{scheme}://{name}:***@{host}"),
        None => url.to_owned(),
    }
}

fn redact_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let cases = [
            (
                "postgres://u:p%40@h:5432/d?sslmode=require",
                "postgres://u:***@h:5432/d?sslmode=require",
            ),
            ("postgres://u:p@ss@h/d", "postgres://u:***@h/d"),
            (
                "postgres://h/d?user=u&password=p",
                "postgres://h/d?user=u&password=***",
            ),
            ("postgres://u:p?a@h/d", "postgres://u:***@h/d"),
            ("postgres://u:p#a?b@c@h/d?x=1", "postgres://u:***@h/d?x=1"),
            ("postgres://u:p?a:b@h/d", "postgres://u:***@h/d"),
            ("postgres://:p?a@h/d", "postgres://:***@h/d"),
            (
                "postgres://h/d?password=p@a&x=1",
                "postgres://h/d?password=***&x=1",
            ),
            (
                "postgres://u@h/d?x=1&PassWord=p:a@b#c",
                "postgres://u@h/d?x=1&PassWord=***",
            ),
            (
                "postgres://u:p?a@h/d?password=p?a",
                "postgres://u:***@h/d?password=***",
            ),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("postgres://h:5432/d", "postgres://h:5432/d"),
            ("sqlite:///data/tollgate.db", "sqlite:///data/tollgate.db"),
            ("", ""),
        ];
        for (url, shown) in cases {
            assert_eq!(redact_url(url), shown);
        }
    }
}
