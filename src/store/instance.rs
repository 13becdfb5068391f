//! One gateway a `SQLite` file: its leases never expire, because the lock of the file says who is
//! alive. Postgres is shared by any number of gateways. Held as long as the value lives.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Db;

/// The right to serve from a database.
#[derive(Debug)]
pub struct InstanceLock {
    _file: Option<File>,
}

/// Why this process may not serve.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Another process serves from the same file.
    #[error("another tollgate serves from this database; stop it before starting this one")]
    Taken,
    /// The lock file cannot be made.
    #[error("the lock file {} cannot be used ({source}); make its directory writable", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl InstanceLock {
    /// Takes the right to serve from `db`.
    pub fn acquire(db: &Db) -> Result<Self, InstanceError> {
        let Db::Sqlite(pools) = db else {
            return Ok(Self { _file: None });
        };
        let mut path = pools.file.clone().into_os_string();
        path.push(".lock");
        let file = lock_file(Path::new(&path))?;
        Ok(Self { _file: Some(file) })
    }
}

/// Locks the file at `path`, creating it and its directory.
fn lock_file(path: &Path) -> Result<File, InstanceError> {
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
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(InstanceError::Taken),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
