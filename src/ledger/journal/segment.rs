//! One file of records, of a fixed size that it has from the start: what is written later asks the
//! file system for nothing.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blank::end_of_written;
use super::directory;
use super::disk::Disk;
use super::frame::{HEAD, MOST_BODY};

const CHUNK: u64 = 256 * 1024;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) number: u32,
    pub(super) bytes: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
}

impl Segment {
    /// Makes an empty segment that survives the machine, or nothing.
    pub(super) fn create(
        disk: &dyn Disk,
        directory: &Path,
        number: u32,
        bytes: u64,
    ) -> io::Result<Self> {
        let path = path(directory, number);
        let make = || -> io::Result<File> {
            let file = options().create_new(true).open(&path)?;
            disk.allocate(&file, bytes)?;
            disk.sync(&file)?;
            directory::sync(directory)?;
            Ok(file)
        };
        let file = make().inspect_err(|_| drop(std::fs::remove_file(&path)))?;
        Ok(Self {
            number,
            bytes,
            path,
            file: Arc::new(file),
        })
    }

    /// A segment that is there.
    pub(super) fn open(directory: &Path, number: u32) -> io::Result<Self> {
        let path = path(directory, number);
        let file = options().open(&path)?;
        Ok(Self {
            number,
            bytes: file.metadata()?.len(),
            path,
            file: Arc::new(file),
        })
    }

    /// Writes all of `bytes` at `offset`. What a failed write leaves there has to be overwritten.
    pub(super) fn write(&self, disk: &dyn Disk, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut rest, mut offset) = (bytes, offset);
        while !rest.is_empty() {
            match disk.write(&self.file, rest, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    offset += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives back the room that a dead process left unused, and says whether anything remains.
    pub(super) fn trim(&mut self) -> io::Result<bool> {
        let mut end = self.bytes;
        while end > 0 {
            let from = end.saturating_sub(CHUNK);
            let mut bytes = vec![0; usize::try_from(end - from).unwrap_or_default()];
            self.file.read_exact_at(&mut bytes, from)?;
            if let Some(written) = end_of_written(&bytes) {
                // A record may end in zeros.
                let most = from + (written + HEAD + MOST_BODY) as u64;
                self.cut(self.bytes.min(most))?;
                return Ok(true);
            }
            end = from;
        }
        Ok(false)
    }

    /// Gives back everything behind `end`, which nobody writes to any more.
    pub(super) fn cut(&mut self, end: u64) -> io::Result<()> {
        self.file.set_len(end)?;
        self.bytes = end;
        Ok(())
    }

    /// Deletes it, as far as the disk lets us: what stays is only read again.
    pub(super) fn delete(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, journal.file = %self.path.display(), "a journal segment could not be deleted");
        }
    }
}

/// Where the segment of `number` is.
pub(super) fn path(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number}.log"))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::super::disk::Local;
    use super::*;

    const BYTES: u64 = CHUNK * 2 + 5;

    #[test]
    fn a_new_segment_is_zeros_with_room_behind_them() {
        use std::os::unix::fs::MetadataExt;
        let directory = tempfile::tempdir().unwrap();
        let segment = Segment::create(&Local, directory.path(), 1, BYTES).unwrap();
        let metadata = segment.file.metadata().unwrap();
        assert_eq!(metadata.len(), BYTES);
        assert!(metadata.blocks() * 512 >= BYTES);
        assert_eq!(metadata.mode() & 0o777, 0o600);
    }

    #[test]
    fn trimming_keeps_what_is_written_and_finds_blank_segments() {
        let directory = tempfile::tempdir().unwrap();
        let mut segment = Segment::create(&Local, directory.path(), 1, BYTES).unwrap();
        assert!(!segment.trim().unwrap());
        segment.write(&Local, b"x", 3).unwrap();
        assert!(segment.trim().unwrap());
        let length = segment.file.metadata().unwrap().len();
        assert_eq!(length, 4 + (HEAD + MOST_BODY) as u64);
        assert!(Segment::open(directory.path(), 1).unwrap().trim().unwrap());
    }
}
