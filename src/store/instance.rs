//! One gateway a database: budgets are counted in the memory of the process that serves, so a
//! second one would let both spend the same room. Held as long as the value lives.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::PgPool;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use super::{Db, StoreError};

/// Names the lock among the advisory locks of a database: "tollgate" in ASCII.
const ADVISORY: i64 = 0x746f_6c6c_6761_7465;
/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock($1)";

/// The right to serve from this database and data directory.
#[derive(Debug)]
pub struct InstanceLock {
    _journal: File,
    database: DatabaseLock,
}

/// Why this process may not serve.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Another process serves from the same data directory.
    #[error(
        "another tollgate uses the data directory {}; stop it or set another --data-dir",
        .0.display()
    )]
    DataDirectory(PathBuf),
    /// Another process serves from the same database.
    #[error("another tollgate serves from this database; stop it before starting this one")]
    Database,
    /// A lock file cannot be made.
    #[error("the lock file {} cannot be used ({source}); make its directory writable", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug)]
enum DatabaseLock {
    Postgres {
        connection: PgConnection,
        pool: PgPool,
    },
    Sqlite {
        _file: File,
    },
}

impl InstanceLock {
    /// Takes the lock of `data_dir` and that of the database.
    pub async fn acquire(db: &Db, data_dir: &Path) -> Result<Self, InstanceError> {
        let journal = data_dir.join("journal/0/lock");
        let taken = || InstanceError::DataDirectory(data_dir.to_owned());
        let journal = lock_file(&journal)?.ok_or_else(taken)?;
        let database = match db {
            Db::Postgres(pool) => advisory_lock(pool).await?,
            Db::Sqlite(pools) => {
                let mut path = pools.file.clone().into_os_string();
                path.push(".lock");
                let file = lock_file(Path::new(&path))?.ok_or(InstanceError::Database)?;
                DatabaseLock::Sqlite { _file: file }
            }
        };
        Ok(Self {
            _journal: journal,
            database,
        })
    }

    /// Takes the lock again if its connection was lost; to be called every few seconds. Fails with
    /// [`InstanceError::Database`] if another was faster: then this process must stop.
    pub async fn keep(&mut self) -> Result<(), InstanceError> {
        let DatabaseLock::Postgres { connection, pool } = &mut self.database else {
            return Ok(());
        };
        let alive = timeout(PATIENCE, connection.ping()).await;
        if !matches!(alive, Ok(Ok(()))) {
            let pool = pool.clone();
            self.database = advisory_lock(&pool).await?;
        }
        Ok(())
    }
}

/// Locks the file at `path`, creating it and its directory; `None` if another has it.
fn lock_file(path: &Path) -> Result<Option<File>, InstanceError> {
    let failed = |source| InstanceError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(directory) = path.parent() {
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let file = options.open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The lock lives as long as its connection, which therefore is none of the pool's. The server
/// notices a machine that vanished by keep-alives.
async fn advisory_lock(pool: &PgPool) -> Result<DatabaseLock, InstanceError> {
    let options = pool.connect_options().as_ref().clone();
    let options = options.options([
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ]);
    let connect = timeout(PATIENCE, PgConnection::connect_with(&options)).await;
    let connect = connect.map_err(|late| StoreError::unavailable(&late))?;
    let mut connection = connect.map_err(StoreError::from)?;
    let lock = sqlx::query_scalar(TRY_LOCK).bind(ADVISORY);
    let is_ours: bool = lock
        .fetch_one(&mut connection)
        .await
        .map_err(StoreError::from)?;
    if !is_ours {
        return Err(InstanceError::Database);
    }
    let pool = pool.clone();
    Ok(DatabaseLock::Postgres { connection, pool })
}
