//! A disk that fails when it is told to.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ledger::journal::{Disk, Local};

/// A disk that takes nothing while it is broken.
#[derive(Default)]
pub(super) struct Fragile(AtomicBool);

impl Fragile {
    pub(super) fn set_broken(&self, is_broken: bool) {
        self.0.store(is_broken, Ordering::Release);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Acquire) {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(())
    }
}

impl Disk for Fragile {
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.check()?;
        Local.allocate(file, bytes)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.check()?;
        Local.write(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.check()?;
        Local.sync(file)
    }
}
