use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::encode;
use super::super::frame::{self, Place};
use super::*;

/// A journal that a process left, and where each of its records ends.
struct Left {
    home: tempfile::TempDir,
    segment: PathBuf,
    /// Records as they were written: the call, whether it is settled by it, and its end.
    records: Vec<(u128, bool, usize)>,
}

/// Calls 1 to `calls` opened and settled in turn, each synced if told to, and call 1000 open.
fn left(calls: u128, is_synced: bool) -> Left {
    let home = tempfile::tempdir().unwrap();
    let (journal, found) = reopen(home.path());
    let mut records = Vec::new();
    let mut note = |number, is_settled, written: Written| {
        records.push((number, is_settled, usize::try_from(written.0).unwrap()));
        if is_synced {
            journal.sync();
        }
    };
    note(1000, false, journal.intend(&opening(1000)).unwrap());
    for number in 1..=calls {
        let opening = opening(number);
        note(number, false, journal.intend(&opening).unwrap());
        note(number, true, journal.settle(&opening, &closing()).unwrap());
    }
    let segment = journal.directory().join("1.log");
    drop((journal, found));
    Left {
        home,
        segment,
        records,
    }
}

impl Left {
    fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(&self.segment).unwrap();
        change(&mut bytes);
        fs::write(&self.segment, bytes).unwrap();
    }

    fn replay(&self) -> (Vec<u128>, Remains) {
        let (_journal, found) = reopen(self.home.path());
        replay(&found[0], Which::Unmarked)
    }

    /// What the records that `survives` holds for say, by their place in order.
    fn expected(&self, survives: impl Fn(usize) -> bool) -> (Vec<u128>, Vec<u128>) {
        let (mut settled, mut open) = (Vec::new(), Vec::new());
        for (at, (number, is_settled, _)) in self.records.iter().enumerate() {
            if survives(at) && *is_settled {
                settled.push(*number);
                open.retain(|open| open != number);
            } else if survives(at) {
                open.push(*number);
            }
        }
        (settled, open)
    }
}

fn numbers(remains: &Remains) -> Vec<u128> {
    remains.open.iter().map(|(call, _)| number(call)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_torn_journal_has_exactly_the_records_that_are_whole(cut in any::<prop::sample::Index>()) {
        let left = left(4, false);
        let whole = left.records.last().unwrap().2;
        let cut = cut.index(whole + 1);
        left.change(|bytes| bytes[cut..].fill(0));
        let (settled, remains) = left.replay();
        let expected = left.expected(|at| left.records[at].2 <= cut);
        prop_assert_eq!((settled, numbers(&remains)), expected);
        prop_assert!(remains.quarantined.is_empty());
    }

    #[test]
    fn a_changed_byte_costs_the_record_it_is_in_and_is_reported(
        at in any::<prop::sample::Index>(), mask in 1..=u8::MAX, is_synced: bool,
    ) {
        let left = left(4, is_synced);
        let at = at.index(left.records.last().unwrap().2);
        left.change(|bytes| bytes[at] ^= mask);
        let touched = left.records.iter().position(|record| at < record.2).unwrap();
        let (settled, remains) = left.replay();
        let (survivors, open) = left.expected(|at| at != touched);
        prop_assert_eq!(settled, survivors);
        if is_synced && touched + 1 < left.records.len() {
            prop_assert_eq!(remains.quarantined.len(), 1);
            let before = left.expected(|at| at < touched).1;
            prop_assert_eq!(remains.withheld, before.iter().filter(|it| open.contains(it)).count());
        } else {
            prop_assert!(remains.torn > 0);
            prop_assert_eq!(numbers(&remains), open);
        }
    }

    #[test]
    fn garbage_of_any_kind_ends_in_a_replay(garbage in proptest::collection::vec(any::<u8>(), 0..3000), at in 0..3000_usize) {
        let left = left(4, true);
        left.change(|bytes| bytes[at..at + garbage.len()].copy_from_slice(&garbage));
        let (_, remains) = left.replay();
        prop_assert!(remains.open.len() + remains.withheld <= 9);
    }
}

#[test]
fn a_call_that_may_have_ended_in_damage_is_open_only_once_the_loss_is_accepted() {
    let left = left(3, true);
    // The end of call 2 is lost.
    left.change(|bytes| bytes[left.records[4].2 - 1] ^= 1);
    for _ in 0..2 {
        let (settled, remains) = left.replay();
        assert_eq!((settled, numbers(&remains)), (vec![1, 3], vec![]));
        assert_eq!((remains.withheld, remains.quarantined.len()), (2, 1));
    }
    let (_, remains) = left.replay();
    let aside = &remains.quarantined[0];
    let record = left.records[3].2..left.records[4].2;
    assert_eq!(
        fs::read(aside).unwrap(),
        fs::read(&left.segment).unwrap()[record]
    );
    fs::rename(aside, aside.with_extension("accepted")).unwrap();
    let (settled, remains) = left.replay();
    assert_eq!((settled, numbers(&remains)), (vec![1, 3], vec![1000, 2]));
    assert_eq!((remains.withheld, remains.quarantined.len()), (0, 0));
}

#[test]
fn a_call_that_opened_after_the_damage_is_given_out() {
    let left = left(3, true);
    left.change(|bytes| bytes[left.records[1].2 - 1] ^= 1);
    let (journal, found) = reopen(left.home.path());
    journal.intend(&opening(2000)).unwrap();
    drop((journal, found));
    let (settled, remains) = left.replay();
    assert_eq!((settled, numbers(&remains)), (vec![1, 2, 3], vec![2000]));
    assert_eq!(remains.withheld, 1);
}

#[test]
fn damaged_segments_outlive_retirement_and_others_do_not() {
    let left = left(3, true);
    left.change(|bytes| bytes[left.records[1].2 - 1] ^= 1);
    let (journal, found) = reopen(left.home.path());
    settle(&journal, 4).unwrap();
    drop((journal, found));
    let (journal, mut found) = reopen(left.home.path());
    let (_, remains) = replay(&found[0], Which::Unmarked);
    found.remove(0).retire(&remains).unwrap();
    journal.tidy(std::time::Instant::now() + std::time::Duration::from_hours(2));
    let segments = journal.directory.segments().unwrap();
    let numbers: Vec<u32> = segments.iter().map(|segment| segment.number).collect();
    assert_eq!(numbers[0], 1);
    assert_eq!(
        numbers.len(),
        3,
        "the damaged one, this process's, and room ahead: {numbers:?}"
    );
}

#[test]
fn damage_in_what_the_store_has_is_none() {
    let left = left(3, true);
    fs::remove_dir_all(left.home.path().join("journal")).unwrap();
    let (journal, mut found) = reopen(left.home.path());
    let (_, remains) = replay(&found[0], Which::Unmarked);
    found.remove(0).retire(&remains).unwrap();
    for number in 1..4 {
        settle(&journal, number).unwrap();
        journal.sync();
    }
    journal.mark(journal.reader().next(2).unwrap().end);
    drop(journal);
    left.change(|bytes| bytes[30] ^= 1);
    let (settled, remains) = left.replay();
    assert_eq!(settled, [3]);
    assert!(remains.quarantined.is_empty());
}

#[test]
fn a_segment_that_lost_what_was_synced_is_damaged() {
    let left = left(3, true);
    let kept = left.records[2].2;
    left.change(|bytes| bytes.truncate(kept));
    let (journal, found) = reopen(left.home.path());
    drop((journal, found));
    let (_, remains) = left.replay();
    assert!(remains.quarantined.is_empty(), "nothing tells");
    // A record elsewhere knows how far that segment was on the disk.
    let mut record = Vec::new();
    encode::intent(&mut record, &opening(7));
    frame::seal(
        &mut record,
        Place {
            segment: 1,
            offset: u32::try_from(left.records[3].2).unwrap(),
        },
    );
    fs::write(left.segment.with_file_name("2.log"), record).unwrap();
    let (_, remains) = left.replay();
    assert_eq!((remains.quarantined.len(), remains.withheld), (1, 1));
    assert_eq!(numbers(&remains), [7]);
}

#[test]
fn records_of_a_later_version_are_kept_for_it() {
    let left = left(3, true);
    left.change(|bytes| {
        let end = left.records[2].2;
        let record = &mut bytes[left.records[1].2..end];
        record[frame::HEAD] = 200;
        frame::seal(record, Place::default());
    });
    let (settled, remains) = left.replay();
    assert_eq!((settled, numbers(&remains)), (vec![2, 3], vec![]));
    assert_eq!((remains.withheld, remains.quarantined.len()), (2, 1));
}

#[test]
fn a_running_journal_steps_over_what_its_disk_lost() {
    let home = tempfile::tempdir().unwrap();
    let (journal, _) = reopen(home.path());
    for number in 1..4 {
        settle(&journal, number).unwrap();
    }
    let segment = journal.directory().join("1.log");
    let mut bytes = fs::read(&segment).unwrap();
    let third = bytes.len() - 1;
    let end = bytes[..third].iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end / 2] ^= 1;
    bytes[end] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let mut reader = journal.reader();
    let settled = read(&mut reader);
    assert!(settled.len() < 3, "{settled:?}");
    settle(&journal, 9).unwrap();
    assert_eq!(read(&mut reader), [9]);
    let aside = fs::read_dir(journal.directory()).unwrap();
    let aside = aside.filter(|it| {
        let path = it.as_ref().unwrap().path();
        path.extension().is_some_and(|it| it == "quarantine")
    });
    assert!(aside.count() >= 1);
}
