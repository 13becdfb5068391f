use std::time::Instant;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

use super::faulty::{Fault, Faulty};
use super::*;

fn on(disk: &Arc<Faulty>, home: &Path) -> Arc<Journal> {
    let disk = Arc::clone(disk) as Arc<dyn Disk>;
    Journal::open_on(disk, home, SMALL).unwrap().0
}

fn outcome(journal: &Journal, written: Written) -> Option<Result<(), JournalError>> {
    journal.synced(written).unwrap().now_or_never()
}

#[test]
fn nobody_waits_for_the_disk_unless_told_to() {
    let home = tempfile::tempdir().unwrap();
    let options = Options {
        durability: Durability::Process,
        ..SMALL
    };
    let (journal, _) = Journal::open(home.path(), options).unwrap();
    let written = settle(&journal, 1).unwrap();
    assert!(journal.synced(written).is_none());
}

#[test]
fn one_sync_is_enough_for_all_that_was_written() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = reopen(home.path());
    let written: Vec<_> = (1..9).map(|it| settle(&journal, it).unwrap()).collect();
    assert!(outcome(&journal, written[0]).is_none());
    journal.sync();
    let late = settle(&journal, 9).unwrap();
    for written in written {
        assert!(matches!(outcome(&journal, written), Some(Ok(()))));
    }
    assert!(outcome(&journal, late).is_none());
}

#[test]
fn a_machine_that_crashes_after_a_sync_loses_nothing_that_was_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let journal = on(&disk, home.path());
    settle(&journal, 1).unwrap();
    journal.sync();
    settle(&journal, 2).unwrap();
    assert_eq!(disk.unsynced(), 2);
    drop(journal);
    disk.crash(|_| 0);
    let (_journal, found) = reopen(home.path());
    let (settled, remains) = replay(&found[0], Which::Unmarked);
    assert_eq!((settled, open_calls(&remains)), (vec![1], vec![]));
}

#[test]
fn after_a_failed_sync_the_records_are_on_the_disk_elsewhere() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let journal = on(&disk, home.path());
    settle(&journal, 1).unwrap();
    journal.sync();
    journal.intend(&opening(2)).unwrap();
    let written = settle(&journal, 3).unwrap();
    let mut reader = journal.reader();
    assert_eq!(read(&mut reader), [1, 3]);
    disk.on_syncs([true]);
    journal.sync();
    assert!(matches!(outcome(&journal, written), Some(Ok(()))));
    journal.health().unwrap();
    assert_eq!(read(&mut reader), [], "nothing is read twice");
    journal.settle(&opening(2), &closing()).unwrap();
    assert_eq!(read(&mut reader), [2]);
    assert_eq!(read(&mut journal.reader()), [1, 3, 2]);
    drop((journal, reader));
    disk.crash(|_| 0);
    let (_journal, found) = reopen(home.path());
    let (_, remains) = replay(&found[0], Which::Unmarked);
    assert_eq!(open_calls(&remains), [(2, 0)]);
    assert!(remains.quarantined.is_empty());
}

#[test]
fn while_the_disk_fails_no_call_is_taken_and_those_who_wait_are_told() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let journal = on(&disk, home.path());
    journal.intend(&opening(1)).unwrap();
    let written = journal.intend(&opening(2)).unwrap();
    disk.on_syncs([true; 3]);
    journal.sync();
    assert!(matches!(outcome(&journal, written), Some(Err(_))));
    journal.tidy(Instant::now());
    assert!(matches!(journal.health(), Err(JournalError::Failed(_))));
    assert!(journal.intend(&opening(3)).is_err());
    journal.settle(&opening(1), &closing()).unwrap_err();

    journal.tidy(Instant::now());
    journal.health().unwrap();
    assert!(matches!(outcome(&journal, written), Some(Ok(()))));
    journal.settle(&opening(1), &closing()).unwrap();
    journal.settle(&opening(2), &closing()).unwrap();
    assert_eq!(read(&mut journal.reader()), [1, 2]);
}

#[test]
fn a_disk_that_never_recovers_fills_up_with_nothing() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let journal = on(&disk, home.path());
    settle(&journal, 1).unwrap();
    disk.on_syncs([true; 200]);
    for _ in 0..50 {
        journal.sync();
        journal.tidy(Instant::now());
    }
    assert!(journal.health().is_err());
    let segments = journal.directory.segments().unwrap();
    assert!(segments.len() <= 4, "{}", segments.len());
}

#[test]
fn the_last_segment_is_synced_too_when_the_next_has_begun() {
    let home = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let journal = on(&disk, home.path());
    settle(&journal, 1).unwrap();
    disk.on_writes([Some(Fault::Error)]);
    settle(&journal, 2).unwrap();
    journal.sync();
    drop(journal);
    disk.crash(|_| 0);
    let (_journal, found) = reopen(home.path());
    assert_eq!(replay(&found[0], Which::Unmarked).0, [1, 2]);
}

#[test]
fn a_disk_that_does_not_keep_up_is_not_given_more() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = reopen(home.path());
    let refused = (1..).find_map(|number| settle(&journal, number).err());
    assert!(matches!(refused, Some(JournalError::Failed(_))));
    assert!(journal.health().is_err());
    journal.sync();
    journal.health().unwrap();
}

#[tokio::test]
async fn a_running_journal_syncs_rotates_and_stops_with_everything_on_the_disk() {
    let home = tempfile::tempdir().unwrap();
    let (journal, found) = reopen(home.path());
    let stop = CancellationToken::new();
    let running = Box::pin(Arc::clone(&journal).run(stop.clone()));
    let calls = async {
        for number in 1..600 {
            let written = settle(&journal, number).unwrap();
            journal.synced(written).unwrap().await.unwrap();
        }
        stop.cancel();
    };
    tokio::join!(running, calls);
    assert_eq!(journal.backlog().settled, 599);
    assert!(journal.writer.lock().unsynced.is_empty());
    drop((journal, found));
    let segments = home.path().join("journal/0").read_dir().unwrap();
    let bytes = segments.map(|it| it.unwrap().metadata().unwrap().len());
    let written: u64 = bytes.sum();
    let (_journal, found) = reopen(home.path());
    assert!(written < 600 * 1000, "{written}: no room is left behind");
    assert_eq!(replay(&found[0], Which::Unmarked).0.len(), 599);
}
