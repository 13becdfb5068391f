//! Slices of several processes against a store of plain integers.

use super::*;

mod histories;
mod process;
mod races;
mod store;

use process::Process;
use store::Store;

const LASTS: Duration = Duration::from_secs(48);

fn need(prompt: i64, cap: i64) -> Need {
    Need {
        prompt,
        choices: 1,
        cap,
        price: None,
    }
}

#[test]
fn what_was_charged_for_a_lost_lease_is_asked_back_when_all_that_it_paid_for_is_booked() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 600);
    assert!(process.take(100));
    let lost = process.slice.lease();
    store.charge(lost);
    process.slice.lose(lost);
    assert!(process.slice.spent_up().is_empty(), "a call holds of it");
    process.settle(0, 70);
    assert!(process.slice.spent_up().is_empty(), "it is not booked");
    process.flush(&mut store);
    assert_eq!((process.slice.spent_up(), store.used), (&[lost][..], 600));
    process.take_refunds(&mut store);
    assert_eq!((process.slice.spent_up(), store.used), (&[][..], 70));
}

#[test]
fn what_a_call_does_not_use_is_room_again() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 600);
    assert!(process.take(600));
    assert!(!process.take(1), "nothing is left of the grant");
    process.settle(0, 70);
    assert!(process.take(530));
    assert_eq!(process.slice.used_and_held(), (70, 530));
}

#[test]
fn a_missed_answer_is_made_good_by_the_next() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.send(&mut store, 400);
    assert!(!process.take(1));
    process.ask(&mut store, 100);
    assert!(process.take(750));
}

#[test]
fn room_that_was_granted_unheard_can_be_held_when_nothing_else_is_free() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.send(&mut store, 1000);
    process.ask(&mut store, 1000);
    assert!(!process.take(1), "nobody kept it alive");
    process.ask(&mut store, 0);
    assert!(process.take(1000));
}

#[test]
fn nothing_is_held_from_a_lease_that_nobody_kept_alive() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 500);
    let later = Instant::now() + LASTS + Duration::from_secs(1);
    assert_eq!(process.slice.take(1, later), None);
    let lease = process.slice.lease();
    process.slice.renewed(lease, later, LASTS);
    assert!(process.slice.take(1, later).is_some());
}

#[test]
fn an_amount_read_before_an_edit_never_replaces_one_read_after_it() {
    let mut slice = Slice::new(Unit::Tokens, 0);
    slice.set_amount(Some(200), 2);
    slice.set_amount(Some(100), 1);
    assert_eq!(slice.amount(), Some(200));
    slice.set_amount(None, 2);
    assert_eq!(slice.amount(), None);
}

#[test]
fn room_above_a_lowered_limit_goes_back() {
    let mut store = Store::new(10_000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 5000);
    process.take(1000);
    process.slice.set_amount(Some(3000), 1);
    let back = process.slice.trim();
    assert_eq!(back.map(|back| back.total), Some(2000));
    assert!(process.take(2000) && !process.take(1));
}

#[test]
fn room_that_is_held_is_told_from_room_that_is_used_up() {
    let mut store = Store::new(300, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 300);
    process.take(200);
    process.ask(&mut store, 100);
    assert_eq!(process.slice.verdict(&need(100, 100)), Verdict::Held);
    process.settle(0, 150);
    process.ask(&mut store, 100);
    assert_eq!(process.slice.verdict(&need(100, 100)), Verdict::Hopeless);
}

#[test]
fn what_calls_used_beyond_their_holds_counts_before_it_is_booked() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 150);
    assert!(process.take(150));
    process.settle(0, 910);
    process.ask(&mut store, 0);
    assert!(!process.take(1), "the store knows nothing of it, and lends");
    assert_eq!(process.slice.standing().unwrap().left, 90);
    assert_eq!(process.slice.verdict(&need(80, 128)), Verdict::Hopeless);
    process.ask(&mut store, process.slice.missing(90));
    assert!(process.take(90) && !process.take(1));
    process.flush(&mut store);
    process.ask(&mut store, 1);
    assert!(!process.take(1));
}

#[test]
fn an_answer_from_before_a_booking_changes_nothing_after_it() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 150);
    assert!(process.take(150));
    process.send(&mut store, 1);
    process.settle(0, 910);
    process.flush(&mut store);
    process.hear();
    assert_eq!(process.slice.used_and_held(), (910, 0));
    assert_eq!(process.slice.standing().unwrap().left, 90);
    assert!(!process.take(1), "what was granted is spent");
    process.ask(&mut store, 90);
    assert!(process.take(90));
}

#[test]
fn what_is_booked_and_not_heard_of_is_not_counted_twice() {
    let mut store = Store::new(300, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 300);
    process.take(100);
    process.settle(0, 100);
    process.book(&mut store);
    process.ask(&mut store, 0);
    assert_eq!(process.slice.used_and_held(), (100, 0));
    process.confirm();
    assert_eq!(process.slice.used_and_held(), (100, 0));
    assert!(process.take(200) && !process.take(1));
}

#[test]
fn what_strays_may_have_booked_already_refuses_nothing_for_good() {
    let mut store = Store::new(300, 1);
    store.amount = None;
    let mut process = Process::new(&store);
    assert!(process.take(100), "there is no limit");
    process.settle(0, 100);
    store.amount = Some(300);
    process.slice.set_amount(store.amount, 0);
    process.book(&mut store);
    process.ask(&mut store, 200);
    assert!(!process.take(101) && process.take(100));
    assert_eq!(process.slice.verdict(&need(100, 100)), Verdict::Soon);
    process.flush(&mut store);
    process.ask(&mut store, 100);
    assert_eq!(process.slice.verdict(&need(100, 101)), Verdict::Hopeless);
    assert!(process.take(100) && !process.take(1));
}

#[test]
fn room_of_other_processes_may_come_back_soon() {
    let mut store = Store::new(1000, 2);
    let (mut one, mut two) = (Process::new(&store), Process::new(&store));
    one.ask(&mut store, 900);
    two.ask(&mut store, 500);
    assert_eq!(two.slice.verdict(&need(250, 250)), Verdict::Soon);
    assert!(two.slice.is_recall_due(LASTS) && !two.slice.is_recall_due(LASTS));
    one.empty();
    one.flush(&mut store);
    two.ask(&mut store, 500);
    assert!(two.take(500));
}

#[test]
fn a_cap_shrinks_rather_than_take_more_than_its_share() {
    let mut store = Store::new(1000, 1);
    let mut process = Process::new(&store);
    process.ask(&mut store, 1000);
    let now = Instant::now();
    assert_eq!(process.slice.take_freely(&need(100, 16_384), now), None);
    assert!(process.slice.take_freely(&need(100, 400), now).is_some());
}
