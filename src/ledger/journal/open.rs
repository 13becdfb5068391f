//! How a journal begins: the first place that nobody has, and all that dead processes left there and
//! beside it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::booked::Inherited;
use super::directory::{self, Directory};
use super::disk::{Disk, Local};
use super::segment::Segment;
use super::sync::Outcome;
use super::writer::Writer;
use super::{Journal, OpenError, Options, Predecessor, mark};

/// Processes that may share a data directory.
const MOST_PLACES: u32 = 1000;
const SMALLEST_SEGMENT: u64 = 64 * 1024;
const LARGEST_SEGMENT: u64 = 64 * 1024 * 1024;
/// A full journal has this many segments.
const SEGMENTS: u64 = 16;

impl Journal {
    /// Takes the first free place under `data_dir`, and what dead processes left in it and beside it:
    /// the first predecessor is always this place's own.
    pub fn open(
        data_dir: &Path,
        options: Options,
    ) -> Result<(Arc<Self>, Vec<Predecessor>), OpenError> {
        Self::open_on(Arc::new(Local), data_dir, options)
    }

    /// The same on a disk of the caller's.
    pub fn open_on(
        disk: Arc<dyn Disk>,
        data_dir: &Path,
        options: Options,
    ) -> Result<(Arc<Self>, Vec<Predecessor>), OpenError> {
        let places = data_dir.join("journal");
        let mut directory = first_free(&places)?;
        for made in [data_dir, &places] {
            directory::sync(made).map_err(OpenError::at(made))?;
        }
        let mark = mark::read(&directory.path);
        let inherited = directory.inherit();
        let inherited = inherited.map_err(OpenError::at(&directory.path))?;
        directory.begin_epoch()?;
        let numbers: Vec<u32> = inherited.iter().map(|segment| segment.number).collect();
        let last = numbers.last().copied().unwrap_or(0).max(mark.segment);
        let journal = Arc::new(Self::new(disk, directory, options, inherited, last));
        journal.tidy(Instant::now());
        let mut predecessors = vec![Predecessor::own(&journal, numbers, mark)];
        predecessors.extend(journal.orphans());
        Ok((journal, predecessors))
    }

    /// What processes left beside this one that are gone by now.
    pub fn orphans(self: &Arc<Self>) -> Vec<Predecessor> {
        let adopt = |path: PathBuf| {
            let adopted = self.adopt(&path);
            adopted.unwrap_or_else(|error| {
                tracing::error!(%error, "a journal that a process left behind cannot be read");
                None
            })
        };
        places(&self.directory.path).filter_map(adopt).collect()
    }

    fn adopt(self: &Arc<Self>, path: &Path) -> Result<Option<Predecessor>, OpenError> {
        let Some(directory) = Directory::claim(path)? else {
            return Ok(None);
        };
        let sibling = if directory.is_new() {
            // Whoever wanted it has taken another.
            directory.remove().map(|()| None)
        } else {
            Predecessor::sibling(self, directory).map(Some)
        };
        sibling.map_err(OpenError::at(path))
    }

    fn new(
        disk: Arc<dyn Disk>,
        directory: Directory,
        options: Options,
        inherited: Vec<Segment>,
        last: u32,
    ) -> Self {
        let segment_bytes = options.max_bytes / SEGMENTS;
        let segment_bytes = segment_bytes.clamp(SMALLEST_SEGMENT, LARGEST_SEGMENT);
        let inherited = inherited.into_iter().map(|segment| Inherited {
            segment,
            booked: None,
        });
        Self {
            directory,
            writer: Mutex::new(Writer::new(Arc::clone(&disk), segment_bytes)),
            disk,
            options,
            segment_bytes,
            next_number: AtomicU32::new(last.saturating_add(1)),
            to_sync: Condvar::new(),
            to_tidy: Condvar::new(),
            syncing: Mutex::new(()),
            outcome: watch::Sender::new(Outcome::default()),
            inherited: Mutex::new(inherited.collect()),
            held: Mutex::default(),
            is_settled_in: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// What was inherited is in the store, but for segments up to `kept`.
    pub(super) fn release(&self, kept: Option<u32>) {
        let mut inherited = self.inherited.lock();
        let now = Instant::now();
        for inherited in inherited.iter_mut() {
            if kept.is_none_or(|kept| inherited.segment.number > kept) {
                inherited.booked.get_or_insert(now);
            }
        }
        drop(inherited);
        self.is_settled_in.store(true, Ordering::Release);
        self.write_mark();
    }

    /// Keeps others from adopting what has to wait for a person.
    pub(super) fn hold(&self, place: Directory) {
        self.held.lock().push(place);
    }
}

fn first_free(places: &Path) -> Result<Directory, OpenError> {
    directory::make(places)?;
    for number in 0..MOST_PLACES {
        let path = places.join(number.to_string());
        if let Some(directory) = Directory::claim(&path)? {
            return Ok(directory);
        }
    }
    Err(OpenError::Crowded(places.to_owned()))
}

/// The places beside `own`.
fn places(own: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = own.parent().map(Path::read_dir);
    let paths = entries.into_iter().flatten().flatten().flatten();
    let paths = paths.map(|entry| entry.path());
    let own = own.to_owned();
    paths.filter(move |path| *path != own && is_place(path))
}

fn is_place(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| name.parse::<u32>().is_ok())
}
