//! What can go wrong with the database, as its callers tell it apart. What is displayed never holds
//! a statement, an address or a password; the cause is kept for logs, with addresses scrubbed.

use std::borrow::Cow;

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::domain::limits::patch::AmountMissing;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is overloaded or gave way to another; asking again may work.
    #[error("the database is unavailable")]
    Unavailable {
        /// For logs.
        source: Cause,
        /// Whether it only gave way to another transaction.
        gave_way: bool,
    },
    /// Something else stands in the way.
    #[error("{what}")]
    Conflict {
        /// What it is, as a sentence for whoever asked.
        what: &'static str,
    },
    /// Whoever asked may not do this to what is there.
    #[error("{what}")]
    Forbidden {
        /// Why not.
        what: &'static str,
    },
    /// The session or token of whoever asked ended meanwhile.
    #[error("whoever asked is not signed in any more")]
    SignedOut,
    /// Something was made under the same idempotency key at this moment.
    #[error("something was made under this idempotency key meanwhile")]
    MadeMeanwhile,
    /// The row is not what whoever asked had read: someone changed it meanwhile.
    #[error("someone else changed this meanwhile; read it again")]
    VersionConflict,
    /// A later process took over from this one, which may not hold room any more.
    #[error("another process took over from this one")]
    Fenced,
    /// The database lacks what this process wrote: it was replaced by an older one.
    #[error("the database was set back while this process ran")]
    SetBack,
    /// There is no such thing, or it belongs to another organisation.
    #[error("there is no such organisation, project or key")]
    NotFound,
    /// A row holds what no version of this program wrote.
    #[error("a stored row cannot be read")]
    Corrupt {
        /// For logs.
        source: Cause,
    },
    /// The database cannot be used as it was configured.
    #[error("{what}")]
    Setup {
        /// What is wrong, as a sentence for the operator.
        what: String,
    },
    /// The database refused; asking again will not help.
    #[error("the database refused the request")]
    Other {
        /// For logs.
        source: Cause,
    },
}

/// The text of an engine's error, without addresses.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

/// What a unique constraint of a table protects; both engines name the table in their message.
const CONFLICTS: [(&str, &str); 6] = [
    ("organisations", "an organisation with this name exists"),
    ("projects", "a project with this name exists"),
    ("key_secrets", "this secret exists"),
    ("budgets", "this budget exists"),
    ("users", "a user with this e-mail address exists"),
    ("memberships", "this person is a member already"),
];

/// Postgres classes and codes that a later attempt may not meet again: connection, resources,
/// operator intervention, serialization, deadlock, a transaction that took too long to go on, and a
/// server that is not ready, full or only to be read, as one that was just replaced is.
const PASSING: [&str; 8] = ["08", "53", "57", "40", "25P03", "25006", "55P03", "58"];

/// Of those, the ones that ask for the transaction to be done again.
const GAVE_WAY: [&str; 2] = ["40001", "40P01"];

/// `SQLite` results that may pass: busy, locked, I/O error, full, cannot open, read-only.
const PASSING_SQLITE: [i32; 6] = [5, 6, 10, 13, 14, 8];

/// Of those, busy and locked.
const BUSY_SQLITE: [i32; 2] = [5, 6];

impl Cause {
    /// The cause described by `error`.
    pub fn new(error: &dyn std::fmt::Display) -> Self {
        Self(scrub(&error.to_string()))
    }
}

impl StoreError {
    /// A database that cannot be reached, because of `error`.
    pub fn unavailable(error: &dyn std::fmt::Display) -> Self {
        let source = Cause::new(error);
        Self::Unavailable {
            source,
            gave_way: false,
        }
    }

    /// Whether it was a transaction that gave way to another: doing it again may work at once.
    pub(super) fn gave_way(&self) -> bool {
        matches!(self, Self::Unavailable { gave_way: true, .. })
    }

    /// A database that cannot be used: `what` tells the operator why.
    pub fn setup(what: impl Into<String>) -> Self {
        let what = what.into();
        Self::Setup { what }
    }

    /// A row that cannot be used, because of `error`.
    pub fn corrupt(error: &dyn std::fmt::Display) -> Self {
        let source = Cause::new(error);
        Self::Corrupt { source }
    }

    /// A refusal that will not pass, because of `error`.
    pub fn other(error: &dyn std::fmt::Display) -> Self {
        let source = Cause::new(error);
        Self::Other { source }
    }
}

impl StoreError {
    /// What the engine said, for logs; empty where it said nothing.
    pub fn cause(&self) -> String {
        let source = std::error::Error::source(self);
        source.map(ToString::to_string).unwrap_or_default()
    }
}

/// Changes are looked at before they get here: the quota they were made for was removed meanwhile.
impl From<AmountMissing> for StoreError {
    fn from(_: AmountMissing) -> Self {
        Self::VersionConflict
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::RowNotFound => Self::NotFound,
            E::Database(refusal) => of_database(refusal.as_ref()),
            E::ColumnDecode { .. } | E::Decode(_) => Self::Corrupt {
                source: Cause::new(&error),
            },
            E::Io(_)
            | E::Tls(_)
            | E::Protocol(_)
            | E::PoolTimedOut
            | E::PoolClosed
            | E::WorkerCrashed => Self::unavailable(&error),
            _ => Self::other(&error),
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            // Somebody else migrated while we looked.
            MigrateError::VersionMismatch(_) => {
                Self::setup("the database belongs to another build of tollgate; start that one")
            }
            error => Self::other(&error),
        }
    }
}

fn of_database(error: &dyn DatabaseError) -> StoreError {
    if error.is_unique_violation() {
        if error.message().contains("idempotency") {
            return StoreError::MadeMeanwhile;
        }
        let what = CONFLICTS
            .iter()
            .find(|(table, _)| error.message().contains(table));
        let what = what.map_or("this exists", |(_, what)| what);
        return StoreError::Conflict { what };
    }
    let code = error.code().unwrap_or(Cow::Borrowed(""));
    let is_sqlite = error
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .is_some();
    let (passes, gave_way) = if is_sqlite {
        // The low byte is the result, the rest details it.
        let code = code.parse().map_or(0, |code: i32| code & 0xff);
        (PASSING_SQLITE.contains(&code), BUSY_SQLITE.contains(&code))
    } else {
        let passes = PASSING.iter().any(|prefix| code.starts_with(prefix));
        (passes, GAVE_WAY.contains(&&*code))
    };
    if !passes {
        return StoreError::other(&error);
    }
    let source = Cause::new(&error);
    StoreError::Unavailable { source, gave_way }
}

/// Replaces whatever stands between `://` and the next white space or quote.
fn scrub(text: &str) -> String {
    let mut parts = text.split("://");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`'));
        let rest = end.and_then(|end| part.get(end..)).unwrap_or_default();
        clean.push_str("://…");
        clean.push_str(rest);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_hold_no_address() {
        let cause = Cause::new(&"cannot use postgres://u:hunter2@db/x, nor 'sqlite:///a'");
        assert_eq!(
            cause.to_string(),
            "cannot use postgres://… nor 'sqlite://…'"
        );
    }

    #[test]
    fn a_timed_out_pool_is_unavailable() {
        let error = StoreError::from(sqlx::Error::PoolTimedOut);
        assert!(matches!(error, StoreError::Unavailable { .. }));
        assert_eq!(error.to_string(), "the database is unavailable");
    }
}
