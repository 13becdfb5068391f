//! The directory of one journal: whose it is, and that only one process has it. Its `lock` is held as
//! long as the value lives; `holder` says which instance it belongs to and how often it was opened.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::OpenError;
use super::segment::Segment;

/// See the module.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    pub(super) instance: Uuid,
    /// How often it was opened to be written.
    pub(super) epoch: i64,
    _lock: File,
}

const LOCK: &str = "lock";
const HOLDER: &str = "holder";

impl Directory {
    /// Takes the directory at `path`, made if need be; `None` if another process has it.
    pub(super) fn claim(path: &Path) -> Result<Option<Self>, OpenError> {
        let Some(lock) = lock(path)? else {
            return Ok(None);
        };
        let (instance, epoch) = match read_holder(path)? {
            Some(holder) => holder,
            None => (Uuid::now_v7(), 0),
        };
        Ok(Some(Self {
            path: path.to_owned(),
            instance,
            epoch,
            _lock: lock,
        }))
    }

    /// Begins a new epoch, for good.
    pub(super) fn begin_epoch(&mut self) -> Result<(), OpenError> {
        self.epoch = self.epoch.saturating_add(1);
        let text = format!("{} {}\n", self.instance, self.epoch);
        let path = self.path.join(HOLDER);
        replace(&path, text.as_bytes()).map_err(OpenError::at(&path))
    }

    /// Whether nobody has ever written to it.
    pub(super) fn is_new(&self) -> bool {
        self.epoch == 0 && self.segments().is_ok_and(|segments| segments.is_empty())
    }

    /// Its segments, in order.
    pub(super) fn segments(&self) -> io::Result<Vec<Segment>> {
        let mut numbers = Vec::new();
        for entry in self.path.read_dir()? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".log"));
            numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        let open = |number| Segment::open(&self.path, number);
        numbers.into_iter().map(open).collect()
    }

    /// The segments that a dead process wrote, without the room that it made ahead.
    pub(super) fn inherit(&self) -> io::Result<Vec<Segment>> {
        let mut inherited = Vec::new();
        for mut segment in self.segments()? {
            if segment.trim()? {
                inherited.push(segment);
            } else {
                segment.delete();
            }
        }
        Ok(inherited)
    }

    /// Deletes it and all that is in it. Its lock goes last: whoever waits for it notices.
    pub(super) fn remove(self) -> io::Result<()> {
        for entry in self.path.read_dir()? {
            let entry = entry?;
            if entry.file_name() != LOCK {
                std::fs::remove_file(entry.path())?;
            }
        }
        std::fs::remove_file(self.path.join(LOCK))?;
        match std::fs::remove_dir(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(error),
            _ => Ok(()),
        }
    }
}

/// Makes `directory` and what it lies in, for this user only.
pub(super) fn make(directory: &Path) -> Result<(), OpenError> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(directory);
    made.map_err(OpenError::at(directory))
}

/// Makes the names in `directory` survive the machine.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Locks `directory`. Its last holder may be removing it meanwhile: then the lock is worth nothing.
fn lock(directory: &Path) -> Result<Option<File>, OpenError> {
    let path = directory.join(LOCK);
    loop {
        make(directory)?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).mode(0o600);
        let file = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened.map_err(OpenError::at(&path))?,
        };
        match file.try_lock() {
            Ok(()) if is_at(&file, &path) => return Ok(Some(file)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(OpenError::at(&path)(source)),
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let held = file.metadata().map(identity);
    let there = path.metadata().map(identity);
    matches!((held, there), (Ok(held), Ok(there)) if held == there)
}

fn read_holder(directory: &Path) -> Result<Option<(Uuid, i64)>, OpenError> {
    let path = directory.join(HOLDER);
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(OpenError::at(&path))?,
    };
    let words = text.trim_end().split_once(' ');
    let holder = words.and_then(|(instance, epoch)| {
        let epoch = epoch.parse().ok().filter(|epoch| *epoch >= 0)?;
        Some((Uuid::parse_str(instance).ok()?, epoch))
    });
    holder.map(Some).ok_or(OpenError::Damaged(path))
}

/// Puts a file in place whole or not at all.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o600);
    let mut file = options.open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), sync)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_its_instance_and_counts_its_epochs() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("journal/0");
        let mut first = Directory::claim(&path).unwrap().unwrap();
        first.begin_epoch().unwrap();
        assert!(Directory::claim(&path).unwrap().is_none());
        let instance = first.instance;
        drop(first);
        let mut second = Directory::claim(&path).unwrap().unwrap();
        second.begin_epoch().unwrap();
        assert_eq!((second.instance, second.epoch), (instance, 2));
    }

    #[test]
    fn a_holder_that_makes_no_sense_is_not_replaced() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(HOLDER), "0 0").unwrap();
        let claimed = Directory::claim(home.path());
        assert!(matches!(claimed, Err(OpenError::Damaged(_))));
    }

    #[test]
    fn a_removed_directory_is_made_anew_for_the_next() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("1");
        let mut first = Directory::claim(&path).unwrap().unwrap();
        first.begin_epoch().unwrap();
        let instance = first.instance;
        first.remove().unwrap();
        assert!(!path.exists());
        let second = Directory::claim(&path).unwrap().unwrap();
        assert_ne!(second.instance, instance);
    }

    #[test]
    fn only_its_user_can_look_into_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data/journal/0");
        Directory::claim(&path)
            .unwrap()
            .unwrap()
            .begin_epoch()
            .unwrap();
        let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
        assert_eq!(mode(&home.path().join("data")), 0o700);
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join(LOCK)), 0o600);
        assert_eq!(mode(&path.join(HOLDER)), 0o600);
    }
}
