//! Why a configuration cannot be used, in one line that says where and what to do.

use std::path::PathBuf;

/// A reason not to start; the binary ends with code 78.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("cannot read {}: {reason}; check the path and its permissions", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A file that is no TOML.
    #[error("{} is not valid TOML at line {line}: {reason}; correct it", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A key that nothing reads.
    #[error("unknown configuration key {key} in {origin}; {hint}")]
    UnknownKey {
        /// Its full name.
        key: String,
        /// The file or variable that holds it.
        origin: String,
        /// The nearest name, or where to look.
        hint: String,
    },
    /// A value of the wrong kind.
    #[error("{key} in {origin} must be {expected}")]
    Kind {
        /// Its full name.
        key: String,
        /// The file or variable that holds it.
        origin: String,
        /// What to write instead.
        expected: String,
    },
    /// A value that cannot be meant.
    #[error("{0}")]
    Value(String),
    /// A credential that is not where it should be.
    #[error("{owner}: {reason}")]
    Credential {
        /// What needs it.
        owner: String,
        /// What to do.
        reason: String,
    },
}

impl ConfigError {
    /// What serde found wrong with a merged value; serde names the key.
    pub(super) fn value(error: &toml::de::Error) -> Self {
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        Self::Value(format!("{}; correct it", lines.join(" ").trim_end()))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Value(message.into())
    }
}
