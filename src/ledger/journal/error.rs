//! What can go wrong with a journal: while it is opened, and while it is written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a record was not written, or is not on the disk. The call must not go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no room for the call and its end.
    #[error("the journal is full: too much waits to be written to the store")]
    Full,
    /// The disk refused, or does not keep up.
    #[error("the journal cannot be written: {0}")]
    Failed(Arc<io::Error>),
}

/// Why there is no journal to write.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file cannot be made, read or written.
    #[error("the journal file {} cannot be used ({source}); make its directory writable", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that says whose journal this is makes no sense.
    #[error("the journal file {} is damaged; restore it, or move its directory away", .0.display())]
    Damaged(PathBuf),
    /// All places are taken.
    #[error("{} holds as many journals as there may be, all of them in use", .0.display())]
    Crowded(PathBuf),
}

impl OpenError {
    /// For `map_err`: what the system said about `path`.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        Self::Failed(Arc::new(error))
    }
}
