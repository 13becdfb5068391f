//! Opening, checking and closing the database. Postgres is connected to on first use, so that the
//! gateway can start while it is away; a `SQLite` file is created for its owner's eyes only.

use std::fs::{DirBuilder, OpenOptions};
use std::future::ready;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::time::timeout;

use super::{Db, SqlitePools, StoreError};

/// How long a caller waits for a connection before the database counts as away.
const ACQUIRE: Duration = Duration::from_secs(1);

/// How long a writer waits for another process's transaction, or for its migration.
const BUSY: Duration = Duration::from_secs(10);

/// How long a connection that goes back to the pool may take to answer. The pool would wait for ever,
/// and keep its place, if the server was gone and nobody had said so.
const RELEASE: Duration = Duration::from_secs(1);

/// How long closing waits for what still runs.
const CLOSE: Duration = Duration::from_secs(2);

/// What Postgres gives up by itself. A process that stops in the middle of a transaction, or whose
/// machine is gone, holds up nobody for longer than the first; and no statement, whose process may
/// have left it behind, waits for a lock longer than the second.
const GIVE_UP: [(&str, &str); 2] = [
    ("idle_in_transaction_session_timeout", "5s"),
    ("lock_timeout", "10s"),
];

/// Statements that a connection keeps prepared: those of the product, lists in all their sizes.
const STATEMENTS: usize = 250;

/// Statements over many rows spill no journal of their own to disk; pages that every booking writes
/// stay in memory, and in the log for 16 MB before they go to their place. Twice the pages cost 2 MB and
/// save nothing measurable, with one key in use or with 10 000 in turn.
const WRITING: [(&str, &str); 3] = [
    ("temp_store", "MEMORY"),
    ("cache_size", "-2048"),
    ("wal_autocheckpoint", "4000"),
];

/// What Postgres gives up besides, of what people ask for.
const GIVE_UP_FOR_PEOPLE: [(&str, &str); 1] = [("statement_timeout", "2s")];

const POSTGRES_CONNECTIONS: u32 = 16;
const SQLITE_READERS: u32 = 4;
/// Further ones for what people ask for.
const FOR_PEOPLE: u32 = 6;
/// Pages each reader keeps, in negative KiB: they look single rows up, and the system caches the file.
const READER_CACHE: &str = "-512";

/// Where a database is.
enum Address<'a> {
    Postgres(&'a str),
    Sqlite(&'a Path),
}

impl<'a> Address<'a> {
    fn read(url: &'a str) -> Result<Self, StoreError> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url));
        }
        let path = url.strip_prefix("sqlite://");
        let path = path.filter(|path| !path.is_empty() && !path.contains('?'));
        let path = path.ok_or_else(|| {
            StoreError::setup(
                "a database URL is postgres://… or sqlite://PATH (which takes no parameters)",
            )
        })?;
        Ok(Self::Sqlite(Path::new(path)))
    }
}

/// Whether [`Db::connect`] can use `url`; looks at nothing but the text.
pub fn check_url(url: &str) -> Result<(), StoreError> {
    match Address::read(url)? {
        Address::Postgres(url) => postgres_options(url).map(drop),
        Address::Sqlite(_) => Ok(()),
    }
}

impl Db {
    /// Opens `postgres://…`, `postgresql://…` or `sqlite://PATH`.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        match Address::read(url)? {
            Address::Postgres(url) => postgres(url).map(Self::Postgres),
            Address::Sqlite(path) => sqlite(path).await.map(Self::Sqlite),
        }
    }

    /// The same for looking alone: a file that is not there reads as an empty database, and is not
    /// created.
    pub fn connect_to_look(url: &str) -> Result<Self, StoreError> {
        match Address::read(url)? {
            Address::Postgres(url) => postgres(url).map(Self::Postgres),
            Address::Sqlite(path) => Ok(Self::Sqlite(looking(path))),
        }
    }

    /// Further connections to the same database, for what people ask for: however much that is, and
    /// however long it takes, calls and their booking keep their own.
    #[must_use]
    pub fn for_people(&self) -> Self {
        match self {
            Self::Postgres(pool) => {
                let options = pool.connect_options().as_ref().clone();
                let people = pool.options().clone().max_connections(FOR_PEOPLE);
                Self::Postgres(people.connect_lazy_with(options.options(GIVE_UP_FOR_PEOPLE)))
            }
            Self::Sqlite(pools) => {
                let options = pools.read.connect_options().as_ref().clone();
                let people = pools.read.options().clone().max_connections(FOR_PEOPLE);
                Self::Sqlite(SqlitePools {
                    read: people.connect_lazy_with(options),
                    ..pools.clone()
                })
            }
        }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        with_pool!(self, |pool| sqlx::query("SELECT 1")
            .execute(pool)
            .await
            .map(|_| ()))?;
        Ok(())
    }

    /// Closes all connections, once what runs on them is done; what hangs is left behind.
    pub async fn close(&self) {
        let closing = async {
            match self {
                Self::Postgres(pool) => pool.close().await,
                Self::Sqlite(pools) => {
                    pools.read.close().await;
                    pools.write.close().await;
                }
            }
        };
        // Late or not, nobody uses them any more.
        let _ = timeout(CLOSE, closing).await;
    }
}

/// The problem never repeats the address: it holds a password.
fn postgres_options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).ok();
    options.filter(|_| !is_password_cut(url)).ok_or_else(|| {
        StoreError::setup(
            "the Postgres URL cannot be read; check its parts, and encode what is special in its \
             password (? is %3F, # is %23, / is %2F, : is %3A, @ is %40)",
        )
    })
}

/// Whether a password reads as a port, up to what is special in it, and the rest of it as a path or as
/// parameters, which are told in warnings.
fn is_password_cut(url: &str) -> bool {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = url.find(['/', '?', '#']).unwrap_or(url.len());
    let (authority, rest) = url.split_at(end);
    authority.contains(':') && !authority.contains('@') && rest.contains('@')
}

fn postgres(url: &str) -> Result<PgPool, StoreError> {
    let options = postgres_options(url)?;
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE)
        .after_release(|connection, _| Box::pin(is_alive(connection)));
    // Part of the start, so that a new connection is ready after one exchange.
    let options = options.options(GIVE_UP);
    Ok(pool.connect_lazy_with(options.application_name("tollgate")))
}

/// Whether a connection may go back to the pool: also one whose last statement nobody waited for. The
/// pool asks once more after that, without a limit.
async fn is_alive(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let answer = timeout(RELEASE, connection.ping()).await;
    answer
        .map_err(|_| sqlx::Error::PoolTimedOut)?
        .map(|()| true)
}

async fn sqlite(path: &Path) -> Result<SqlitePools, StoreError> {
    let file = create_file(path).map_err(|error| {
        let path = path.display();
        StoreError::setup(format!("the database file {path} cannot be used: {error}"))
    })?;
    let options = SqliteConnectOptions::new()
        .filename(&file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .statement_cache_capacity(STATEMENTS);
    let pool = |connections| {
        let pool = SqlitePoolOptions::new().max_connections(connections);
        pool.acquire_timeout(BUSY)
            .idle_timeout(None)
            .max_lifetime(None)
            .before_acquire(|connection, _| Box::pin(ready(Ok(is_free(connection)))))
    };
    let writer = WRITING
        .iter()
        .fold(options.clone(), |options, (name, value)| {
            options.pragma(*name, *value)
        });
    let write = pool(1).connect_with(writer).await?;
    let readers = options
        .pragma("query_only", "ON")
        .pragma("cache_size", READER_CACHE);
    let read = pool(SQLITE_READERS).connect_lazy_with(readers);
    Ok(SqlitePools { write, read, file })
}

/// Whether a connection may be used again. A full or failing disk has `SQLite` undo a transaction by
/// itself; undoing it once more fails, and the connection counts as busy with it from then on.
fn is_free(connection: &SqliteConnection) -> bool {
    !connection.is_in_transaction()
}

fn looking(path: &Path) -> SqlitePools {
    let options = SqliteConnectOptions::new().busy_timeout(BUSY);
    let options = if path.exists() {
        options.filename(path).read_only(true)
    } else {
        options.in_memory(true)
    };
    let pool = SqlitePoolOptions::new().max_connections(1);
    let pool = pool.connect_lazy_with(options);
    SqlitePools {
        write: pool.clone(),
        read: pool,
        file: path.to_owned(),
    }
}

/// Creates the file and its directory where they are missing. Answers the real path, so that every
/// process names the file, and the lock beside it, alike.
fn create_file(path: &Path) -> std::io::Result<PathBuf> {
    if let Some(directory) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    // One that is there is not opened: closing it again would end the locks that other connections
    // of this process have on it, and whoever else closes the database would take away its log.
    let mut options = OpenOptions::new();
    let created = options.create_new(true).write(true).mode(0o600).open(path);
    match created {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        created => drop(created?),
    }
    path.canonicalize()
}
