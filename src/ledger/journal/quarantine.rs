//! Damaged stretches of segments, kept aside for whoever looks into them. A call that was open before
//! such a stretch may have ended in it, so nothing is claimed about it until a person renames the
//! copy from `.quarantine` to `.accepted`: then what is lost is lost.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::directory;
use super::frame::Stretch;
use super::segment::Segment;

impl Stretch {
    /// Whether somebody has accepted that it is lost.
    pub(super) fn is_accepted(&self, directory: &Path) -> bool {
        self.path(directory, "accepted").exists()
    }

    /// Copies it aside, says so, and answers where it is.
    pub(super) fn put_aside(&self, directory: &Path) -> PathBuf {
        let path = self.path(directory, "quarantine");
        if !path.exists()
            && let Err(error) = self.copy(directory, &path)
        {
            tracing::error!(%error, journal.quarantine = %path.display(), "damaged records could not be put aside");
        }
        tracing::error!(
            journal.segment = self.segment,
            journal.offset = self.from,
            journal.bytes = self.bytes(),
            journal.quarantine = %path.display(),
            "the journal is damaged: calls may be missing, and calls that were open then are not charged until the file is renamed to end in .accepted"
        );
        path
    }

    fn copy(&self, directory: &Path, path: &Path) -> io::Result<()> {
        let segment = Segment::open(directory, self.segment)?;
        let bytes = self.bytes() as usize;
        let mut copy = vec![0; bytes];
        segment.file.read_exact_at(&mut copy, self.from.into())?;
        directory::replace(path, &copy)
    }

    fn path(&self, directory: &Path, ending: &str) -> PathBuf {
        directory.join(format!("{}-{}.{ending}", self.segment, self.from))
    }
}
