//! Whole journals, on disks that fail.

use std::path::Path;
use std::sync::Arc;

use smallvec::smallvec;
use uuid::Uuid;

use super::*;
use crate::domain::key::SecretHash;
use crate::domain::price::Price;
use crate::domain::quota::Unit;
use crate::domain::tenant::{KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::domain::usage::{Charge, Ending, Held, Usage};

mod codec;
mod crashes;
mod damage;
mod faulty;
mod flushing;
mod full;
mod places;
mod speed;
mod syncing;

/// A call as most are, under a number.
pub(in crate::ledger) fn opening(number: u128) -> Opening {
    Opening {
        id: CallId(Uuid::from_u128(number)),
        at: Timestamp(1_795_000_000_000_000),
        organisation_id: OrganisationId(Uuid::from_u128(1 << 100)),
        project_id: ProjectId(Uuid::from_u128(2 << 100)),
        key_id: KeyId(Uuid::from_u128(3 << 100)),
        secret: SecretHash([0xa5; 32]),
        provider: Arc::from("openai"),
        model: "gpt-4o-mini".into(),
        upstream_model: "gpt-4o-mini-2024-07-18".into(),
        endpoint: "chat/completions".into(),
        is_stream: true,
        price: Some(Price {
            input: 150_000,
            output: 600_000,
            cached_input: 75_000,
            cache_write: 187_500,
        }),
        held: HELD,
        held_nano: 2_500_000,
        choices: 1,
        cap: 4096,
        draws: smallvec![drawn(Unit::Tokens, HELD.tokens), drawn(Unit::Requests, 1)],
    }
}

const HELD: Held = Held {
    tokens: 5000,
    prompt_estimate: 300,
};

fn drawn(unit: Unit, held: i64) -> Drawn {
    Drawn {
        budget: Uuid::from_u128(7 << 100),
        lease: Some(Uuid::from_u128(8 << 100)),
        unit,
        held,
    }
}

pub(in crate::ledger) fn closing() -> Closing {
    let usage = Some(Usage {
        input: 250,
        output: 120,
        total: 370,
        cached_input: 64,
        cache_write: 32,
        reasoning: 0,
    });
    let ending = Ending::Ran {
        usage,
        delivered: 0,
    };
    Closing {
        charge: Charge::of(ending, HELD),
        cost_nano: 104_700,
        status: 200,
        code: None,
        is_disconnected: false,
        duration_ms: 1234,
        first_token_ms: Some(321),
    }
}

/// The smallest journal there is: sixteen segments of 64 KiB.
const SMALL: Options = Options {
    durability: Durability::Disk,
    max_bytes: 1024 * 1024,
};

fn reopen(home: &Path) -> (Arc<Journal>, Vec<Predecessor>) {
    Journal::open(home, SMALL).unwrap()
}

fn number(opening: &Opening) -> u128 {
    opening.id.0.as_u128()
}

/// The numbers of the calls that a predecessor has settled, in order, and what remains.
fn replay(predecessor: &Predecessor, which: Which) -> (Vec<u128>, Remains) {
    let mut replay = predecessor.replay(which);
    let mut settled = Vec::new();
    loop {
        match replay.next(7).unwrap() {
            Replayed::Settled(calls) => settled.extend(calls.iter().map(|(call, _)| number(call))),
            Replayed::End(remains) => return (settled, remains),
        }
    }
}

fn open_calls(remains: &Remains) -> Vec<(u128, i64)> {
    let open = remains.open.iter();
    open.map(|(call, seen)| (number(call), *seen)).collect()
}

fn settle(journal: &Journal, number: u128) -> Result<Written, JournalError> {
    let opening = opening(number);
    journal.intend(&opening)?;
    journal.settle(&opening, &closing())
}

/// Whether the long tests are wanted.
fn is_long() -> bool {
    std::env::var_os("TOLLGATE_TEST_LONG").is_some()
}

/// The numbers of the calls that a reader finds.
fn read(reader: &mut Reader) -> Vec<u128> {
    let mut settled = Vec::new();
    loop {
        let batch = reader.next(10).unwrap();
        if batch.settled.is_empty() {
            return settled;
        }
        settled.extend(batch.settled.iter().map(|(call, _)| number(call)));
    }
}
