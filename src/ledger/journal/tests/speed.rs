//! What the journal costs. Printed by the long tests; run them in release for numbers that count.

use std::time::Instant;

use super::super::encode;
use super::super::frame::{self, Place};
use super::*;

const LARGE: Options = Options {
    durability: Durability::Process,
    max_bytes: 8 << 30,
};

fn nanos_each(calls: u128, what: impl FnOnce()) -> u128 {
    let start = Instant::now();
    what();
    start.elapsed().as_nanos() / calls
}

#[test]
fn a_record_is_encoded_in_less_than_a_microsecond() {
    let calls = if is_long() { 1_000_000 } else { 10_000 };
    let (opening, closing) = (opening(1), closing());
    let mut buffer = Vec::new();
    let nanos = nanos_each(2 * calls, || {
        for _ in 0..calls {
            buffer.clear();
            encode::intent(&mut buffer, &opening);
            frame::seal(&mut buffer, Place::default());
            buffer.clear();
            encode::settle(&mut buffer, &opening, &closing);
            frame::seal(&mut buffer, Place::default());
        }
    });
    println!(
        "encoding: {nanos} ns a record, the last of {} bytes",
        buffer.len()
    );
    if !cfg!(debug_assertions) {
        assert!(nanos < 1000);
    }
}

#[test]
fn a_backlog_of_five_million_records_is_read_in_time() {
    let calls = if is_long() { 2_500_000 } else { 5_000 };
    let home = tempfile::tempdir().unwrap();
    let (journal, found) = Journal::open(home.path(), LARGE).unwrap();
    let (mut opening, closing) = (opening(0), closing());
    let nanos = nanos_each(calls, || {
        for number in 0..calls {
            opening.id = CallId(Uuid::from_u128(number));
            journal.intend(&opening).unwrap();
            journal.settle(&opening, &closing).unwrap();
            if number % 10_000 == 0 {
                journal.sync();
                journal.tidy(Instant::now());
            }
        }
    });
    println!("writing: {nanos} ns an intent and its settle");
    let (mut reader, mut total) = (journal.reader(), 0);
    let nanos = nanos_each(calls, || {
        while total < calls {
            total += reader.next(4096).unwrap().settled.len() as u128;
        }
    });
    println!("reading: {nanos} ns a call");
    drop((journal, reader, found));
    let (_journal, found) = Journal::open(home.path(), LARGE).unwrap();
    let (mut replay, mut total) = (found[0].replay(Which::All), 0);
    let nanos = nanos_each(calls, || {
        while let Replayed::Settled(settled) = replay.next(4096).unwrap() {
            total += settled.len() as u128;
        }
    });
    println!("replaying: {nanos} ns a call");
    assert_eq!(total, calls);
}
