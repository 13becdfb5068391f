use super::*;

fn places(home: &Path) -> Vec<String> {
    let entries = home.join("journal").read_dir().unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn two_processes_never_have_the_same_place() {
    let home = tempfile::tempdir().unwrap();
    let (first, _) = reopen(home.path());
    let (second, found) = reopen(home.path());
    assert_ne!(first.holder().0, second.holder().0);
    assert_ne!(first.directory(), second.directory());
    assert_eq!(found.len(), 1, "what another process has is not adopted");
}

#[test]
fn many_that_start_at_once_have_a_place_each() {
    let home = tempfile::tempdir().unwrap();
    let start = || reopen(home.path()).0;
    let journals = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..12).map(|_| scope.spawn(start)).collect();
        let started = starting.into_iter().map(|it| it.join().unwrap());
        started.collect::<Vec<_>>()
    });
    let mut instances: Vec<_> = journals.iter().map(|it| it.holder().0).collect();
    instances.sort();
    instances.dedup();
    assert_eq!(instances.len(), 12);
    assert_eq!(places(home.path()).len(), 12);
}

#[test]
fn an_instance_begins_a_new_epoch_each_time_and_finds_what_it_left() {
    let home = tempfile::tempdir().unwrap();
    let (journal, found) = reopen(home.path());
    let (instance, epoch) = journal.holder();
    assert_eq!((epoch, found[0].before_epoch()), (1, 1));
    settle(&journal, 5).unwrap();
    journal.intend(&opening(6)).unwrap();
    journal.progress(CallId(Uuid::from_u128(6)), 42);
    drop((journal, found));
    let (journal, found) = reopen(home.path());
    assert_eq!(journal.holder(), (instance, 2));
    assert_eq!(
        (found[0].instance(), found[0].before_epoch()),
        (instance, 2)
    );
    let (settled, remains) = replay(&found[0], Which::Unmarked);
    assert_eq!(settled, [5]);
    assert_eq!(open_calls(&remains), [(6, 42)]);
}

#[test]
fn a_dead_sibling_is_adopted_and_removed_once_it_is_booked() {
    let home = tempfile::tempdir().unwrap();
    let first = reopen(home.path());
    let (second, found) = reopen(home.path());
    let dead = second.holder();
    settle(&second, 1).unwrap();
    second.intend(&opening(2)).unwrap();
    drop((second, found));
    drop(first);

    let (_journal, mut found) = reopen(home.path());
    let sibling = found.pop().unwrap();
    assert_eq!(sibling.instance(), dead.0);
    assert_eq!(sibling.before_epoch(), dead.1 + 1);
    let (settled, remains) = replay(&sibling, Which::Unmarked);
    assert_eq!((settled, open_calls(&remains)), (vec![1], vec![(2, 0)]));
    let (_other, others) = reopen(home.path());
    assert_eq!(others.len(), 1, "an adopted journal is adopted once");
    sibling.retire(&remains).unwrap();
    assert_eq!(places(home.path()), ["0", "2"]);
}

#[test]
fn a_sibling_that_was_not_booked_is_found_again() {
    let home = tempfile::tempdir().unwrap();
    let first = reopen(home.path());
    let second = reopen(home.path());
    settle(&second.0, 1).unwrap();
    drop((first, second));
    for _ in 0..2 {
        let (_journal, found) = reopen(home.path());
        assert_eq!(replay(&found[1], Which::Unmarked).0, [1]);
    }
}

#[test]
fn a_process_that_dies_later_is_found_when_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let (first, _) = reopen(home.path());
    let second = reopen(home.path());
    settle(&second.0, 1).unwrap();
    assert!(first.orphans().is_empty());
    drop(second);
    let orphans = first.orphans();
    assert_eq!(replay(&orphans[0], Which::Unmarked).0, [1]);
    assert!(first.orphans().is_empty());
}

#[test]
fn a_place_that_nobody_wrote_to_is_removed() {
    let home = tempfile::tempdir().unwrap();
    let (first, _) = reopen(home.path());
    std::fs::create_dir(home.path().join("journal/7")).unwrap();
    assert!(first.orphans().is_empty());
    assert_eq!(places(home.path()), ["0"]);
}

#[test]
fn room_that_was_made_ahead_is_not_inherited() {
    let home = tempfile::tempdir().unwrap();
    for _ in 0..20 {
        let (journal, _) = reopen(home.path());
        journal.health().unwrap();
    }
    let (journal, _) = reopen(home.path());
    assert_eq!(journal.directory.segments().unwrap().len(), 2);
}
