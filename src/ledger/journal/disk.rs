//! What a disk can refuse a journal, and nothing more, so that tests can be that disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, fallocate};

use super::blank::ZEROS;

/// A disk under a journal.
pub trait Disk: Send + Sync {
    /// Gives `file` its first `bytes` bytes, all zero, in a way that writing them finds room.
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()>;

    /// Writes some of `bytes` at `offset` and says how many.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Returns once everything written to `file` survives the machine.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The disk that there is.
#[derive(Clone, Copy, Debug)]
pub struct Local;

impl Disk for Local {
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => fill(file, bytes),
            done => Ok(done?),
        }
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// For file systems that cannot allocate without writing.
fn fill(file: &File, bytes: u64) -> io::Result<()> {
    let mut at = 0;
    while at < bytes {
        let rest = usize::try_from(bytes - at).unwrap_or(usize::MAX);
        let zeros = ZEROS.get(..rest).unwrap_or(&ZEROS);
        file.write_all_at(zeros, at)?;
        at += zeros.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filling_makes_a_file_of_zeros() {
        let file = tempfile::tempfile().unwrap();
        let bytes = ZEROS.len() as u64 * 2 + 17;
        fill(&file, bytes).unwrap();
        assert_eq!(file.metadata().unwrap().len(), bytes);
    }
}
