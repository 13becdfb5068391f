use std::time::{Duration, Instant};

use super::*;

/// Settles calls until `segments` have been begun.
fn fill(journal: &Journal, numbers: &mut impl Iterator<Item = u128>, segments: usize) -> Vec<u128> {
    let mut settled = Vec::new();
    while journal.writer.lock().log.iter().count() < segments {
        let number = numbers.next().unwrap();
        settle(journal, number).unwrap();
        settled.push(number);
        journal.sync();
        journal.tidy(Instant::now());
    }
    settled
}

fn mark_all(journal: &Arc<Journal>) {
    let mut reader = journal.reader();
    loop {
        let batch = reader.next(1000).unwrap();
        journal.mark(batch.end);
        if batch.settled.is_empty() {
            return;
        }
    }
}

fn segments(journal: &Journal) -> Vec<u32> {
    let segments = journal.directory.segments().unwrap();
    segments.iter().map(|segment| segment.number).collect()
}

#[test]
fn a_reader_finds_what_was_settled_once_and_in_order() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = reopen(home.path());
    let mut reader = journal.reader();
    let mut numbers = 1..;
    assert!(read(&mut reader).is_empty());
    for segments in [1, 3, 5] {
        journal.intend(&opening(1 << 50)).unwrap();
        let settled = fill(&journal, &mut numbers, segments);
        assert_eq!(read(&mut reader), settled);
    }
}

#[test]
fn what_was_read_and_not_booked_is_read_again_after_a_rewind() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = reopen(home.path());
    let mut reader = journal.reader();
    for number in 1..6 {
        settle(&journal, number).unwrap();
    }
    let first = reader.next(2).unwrap();
    assert_eq!(first.settled.len(), 2);
    assert_eq!(read(&mut reader), [3, 4, 5]);
    reader.rewind(first.end);
    assert_eq!(read(&mut reader), [3, 4, 5]);
}

#[test]
fn the_backlog_is_what_is_not_marked() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = reopen(home.path());
    for number in 1..6 {
        settle(&journal, number).unwrap();
    }
    assert_eq!(journal.backlog().settled, 5);
    let batch = journal.reader().next(2).unwrap();
    journal.mark(batch.end);
    assert_eq!(journal.backlog().settled, 3);
    assert_eq!(read(&mut journal.reader()), [3, 4, 5]);
    mark_all(&journal);
    assert_eq!(journal.backlog(), Backlog::default());
}

#[test]
fn booked_segments_are_kept_for_an_hour_and_then_deleted() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = reopen(home.path());
    fill(&journal, &mut (1..), 4);
    let before = segments(&journal);
    mark_all(&journal);
    let now = Instant::now();
    journal.tidy(now);
    assert_eq!(segments(&journal), before);
    journal.tidy(now + Duration::from_secs(3601));
    assert_eq!(segments(&journal), before[3..]);
}

#[test]
fn booked_segments_take_a_quarter_of_the_room_at_most() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = reopen(home.path());
    fill(&journal, &mut (1..), 10);
    mark_all(&journal);
    journal.tidy(Instant::now());
    let booked = journal.booked_bytes();
    assert!((1..=SMALL.max_bytes / 4).contains(&booked), "{booked}");
}

#[test]
fn what_is_not_marked_is_never_deleted() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = reopen(home.path());
    let settled = fill(&journal, &mut (1..), 4);
    journal.tidy(Instant::now() + Duration::from_hours(2));
    assert_eq!(read(&mut journal.reader()), settled);
}

#[test]
fn an_open_call_outlives_the_segment_it_began_in() {
    let home = tempfile::tempdir().unwrap();
    let (journal, found) = reopen(home.path());
    journal.intend(&opening(1)).unwrap();
    journal.progress(opening(1).id, 77);
    let first = segments(&journal)[0];
    let mut numbers = 2..;
    for round in 1..4 {
        fill(&journal, &mut numbers, 3);
        mark_all(&journal);
        journal.tidy(Instant::now() + Duration::from_secs(3601 * round));
    }
    assert!(!segments(&journal).contains(&first));
    drop((journal, found));
    let (_journal, found) = reopen(home.path());
    let (_, remains) = replay(&found[0], Which::All);
    assert_eq!(open_calls(&remains), [(1, 77)]);
}

#[test]
fn a_replay_leaves_out_what_the_mark_says_is_booked_unless_asked_for_all() {
    let home = tempfile::tempdir().unwrap();
    let (journal, mut found) = reopen(home.path());
    let (_, remains) = replay(&found[0], Which::Unmarked);
    found.remove(0).retire(&remains).unwrap();
    for number in 1..6 {
        settle(&journal, number).unwrap();
    }
    let batch = journal.reader().next(2).unwrap();
    journal.sync();
    journal.mark(batch.end);
    drop(journal);
    let (_journal, found) = reopen(home.path());
    assert_eq!(replay(&found[0], Which::Unmarked).0, [3, 4, 5]);
    assert_eq!(replay(&found[0], Which::All).0, [1, 2, 3, 4, 5]);
}

#[test]
fn a_mark_says_nothing_about_what_was_inherited_and_is_not_booked_yet() {
    let home = tempfile::tempdir().unwrap();
    let (journal, found) = reopen(home.path());
    settle(&journal, 1).unwrap();
    drop((journal, found));
    let (journal, found) = reopen(home.path());
    settle(&journal, 2).unwrap();
    mark_all(&journal);
    drop((journal, found));
    let (_journal, found) = reopen(home.path());
    assert_eq!(replay(&found[0], Which::Unmarked).0, [1, 2]);
}

#[test]
fn what_was_inherited_is_deleted_an_hour_after_it_was_booked() {
    let home = tempfile::tempdir().unwrap();
    let (journal, found) = reopen(home.path());
    settle(&journal, 1).unwrap();
    drop((journal, found));
    let (journal, mut found) = reopen(home.path());
    let inherited = segments(&journal)[0];
    let late = Instant::now() + Duration::from_hours(2);
    journal.tidy(late);
    assert!(segments(&journal).contains(&inherited));
    let (_, remains) = replay(&found[0], Which::Unmarked);
    found.remove(0).retire(&remains).unwrap();
    journal.tidy(late);
    assert!(!segments(&journal).contains(&inherited));
}
