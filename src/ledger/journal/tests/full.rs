use std::time::Instant;

use super::faulty::{Fault, Faulty};
use super::*;

fn on(disk: &Arc<Faulty>, home: &Path) -> Arc<Journal> {
    let disk = Arc::clone(disk) as Arc<dyn Disk>;
    Journal::open_on(disk, home, SMALL).unwrap().0
}

/// Opens calls until no more are taken.
fn open_until_refused(journal: &Journal, from: u128) -> (Vec<u128>, JournalError) {
    let mut open = Vec::new();
    for number in from.. {
        match journal.intend(&opening(number)) {
            Ok(_) => open.push(number),
            Err(error) => return (open, error),
        }
        journal.sync();
        journal.tidy(Instant::now());
    }
    unreachable!("a journal has an end")
}

#[test]
fn a_full_journal_takes_no_call_but_the_end_of_each_it_took() {
    let home = tempfile::tempdir().unwrap();
    let (journal, found) = reopen(home.path());
    let (open, refused) = open_until_refused(&journal, 1);
    assert!(matches!(refused, JournalError::Full));
    for number in &open {
        journal.settle(&opening(*number), &closing()).unwrap();
        journal.sync();
    }
    assert_eq!(read(&mut journal.reader()), open);
    drop((journal, found));
    let (_journal, found) = reopen(home.path());
    let (settled, remains) = replay(&found[0], Which::Unmarked);
    assert_eq!((settled, open_calls(&remains)), (open, vec![]));
}

#[test]
fn segments_are_as_many_as_the_cap_allows() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = reopen(home.path());
    let mut settled = Vec::new();
    for number in 1.. {
        if settle(&journal, number).is_err() {
            break;
        }
        settled.push(number);
        journal.sync();
        journal.tidy(Instant::now());
    }
    assert!(matches!(journal.health(), Err(JournalError::Full)));
    let segments = journal.directory.segments().unwrap();
    let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
    assert!(bytes <= SMALL.max_bytes, "{bytes}");
    assert!(bytes > SMALL.max_bytes * 3 / 4, "{bytes}");
    // Once the store has taken it, there is room again.
    let mut reader = journal.reader();
    while journal.backlog().settled > 0 {
        journal.mark(reader.next(100).unwrap().end);
    }
    journal.tidy(Instant::now());
    journal.health().unwrap();
    settle(&journal, 1 << 60).unwrap();
}

#[test]
fn without_room_for_a_segment_the_journal_is_unwell_until_there_is() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    disk.fill(true);
    let journal = on(&disk, home.path());
    assert!(matches!(journal.health(), Err(JournalError::Failed(_))));
    assert!(journal.intend(&opening(1)).is_err());
    disk.fill(false);
    journal.tidy(Instant::now());
    journal.health().unwrap();
    settle(&journal, 1).unwrap();
    assert_eq!(read(&mut journal.reader()), [1]);
}

#[test]
fn calls_go_on_in_the_room_that_there_is_when_the_disk_is_full() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let journal = on(&disk, home.path());
    disk.fill(true);
    let (open, _) = open_until_refused(&journal, 1);
    assert!(open.len() > 50, "{}", open.len());
    for number in &open {
        journal.settle(&opening(*number), &closing()).unwrap();
    }
    assert_eq!(read(&mut journal.reader()), open);
}

#[test]
fn a_short_write_is_finished() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let journal = on(&disk, home.path());
    disk.on_writes([Some(Fault::Short(1)), Some(Fault::Short(100)), None]);
    settle(&journal, 1).unwrap();
    assert_eq!(read(&mut journal.reader()), [1]);
}

#[test]
fn a_write_that_breaks_off_is_made_again_elsewhere() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let journal = on(&disk, home.path());
    settle(&journal, 1).unwrap();
    disk.on_writes([Some(Fault::Torn(30))]);
    settle(&journal, 2).unwrap();
    assert_eq!(read(&mut journal.reader()), [1, 2]);
    drop(journal);
    let (_journal, found) = reopen(home.path());
    let (settled, remains) = replay(&found[0], Which::Unmarked);
    assert_eq!((settled, remains.torn), (vec![1, 2], 0));
    assert!(remains.quarantined.is_empty());
}

#[test]
fn without_another_segment_a_write_that_broke_off_is_overwritten_by_the_next() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let journal = on(&disk, home.path());
    disk.fill(true);
    journal.writer.lock().spare = None;
    settle(&journal, 1).unwrap();
    for fault in [Fault::Torn(250), Fault::Error] {
        disk.on_writes([Some(fault)]);
        let refused = journal.intend(&opening(2));
        assert!(matches!(refused, Err(JournalError::Failed(_))));
    }
    settle(&journal, 3).unwrap();
    assert_eq!(read(&mut journal.reader()), [1, 3]);
    drop(journal);
    let (_journal, found) = reopen(home.path());
    let (settled, remains) = replay(&found[0], Which::Unmarked);
    assert_eq!((settled, remains.torn), (vec![1, 3], 0));
}

#[test]
fn an_end_that_could_not_be_written_keeps_its_room() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let journal = on(&disk, home.path());
    disk.fill(true);
    journal.writer.lock().spare = None;
    journal.intend(&opening(1)).unwrap();
    journal.intend(&opening(2)).unwrap();
    disk.on_writes([Some(Fault::Error), Some(Fault::Error)]);
    journal.settle(&opening(1), &closing()).unwrap_err();
    journal.settle(&opening(2), &closing()).unwrap_err();
    journal.settle(&opening(1), &closing()).unwrap();
    journal.forget(opening(2).id);
    assert_eq!(read(&mut journal.reader()), [1]);
    drop(journal);
    let (_journal, found) = reopen(home.path());
    let (_, remains) = replay(&found[0], Which::Unmarked);
    assert_eq!(open_calls(&remains), [(2, 0)], "its store knows it is over");
}

#[test]
fn a_call_that_is_too_large_is_refused_and_leaves_no_trace() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = reopen(home.path());
    let large = Opening {
        draws: (0..1000).map(|held| drawn(Unit::Tokens, held)).collect(),
        ..opening(1)
    };
    journal.intend(&large).unwrap_err();
    settle(&journal, 2).unwrap();
    assert_eq!(read(&mut journal.reader()), [2]);
}
