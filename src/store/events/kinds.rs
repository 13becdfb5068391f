//! Kinds of events: what the calls of a day have in common, everything but their numbers. A kind is
//! written once and named by a number, so that an event is small. It is found by a digest of all
//! that it says; the numbers of digests that were met are remembered.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use sqlx::FromRow;

use super::Event;
use crate::domain::time::Timestamp;
use crate::domain::usage::Source;
use crate::store::StoreError;
use crate::store::batch::{self, Listing};
use crate::store::transaction::Tx;

/// One that exists is found by writing its digest again, which answers its number alike.
static INSERT: Listing = Listing::insert(
    "INSERT INTO kinds (digest, day, organisation_id, project_id, key_id, secret_hash, provider,
        model, upstream_model, endpoint, status, code, source, requests, is_stream, is_suspicious,
        is_disconnected, budgets)",
    18,
    " ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest RETURNING digest, id",
);

/// Digests that are made without a turn for others.
const AT_ONCE: usize = 256;

/// Kinds remembered, about 40 bytes each.
const MOST_KNOWN: usize = 65_536;

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// Enough of a SHA-256 to tell all kinds apart.
type Digest = [u8; 16];

/// The numbers of kinds that are in the database.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    known: Mutex<HashMap<Digest, i64>>,
}

/// The kinds of some events.
pub(super) struct Found {
    numbers: Vec<i64>,
    /// Those that are in the database once their transaction is.
    new: HashMap<Digest, i64>,
}

#[derive(FromRow)]
struct Inserted {
    digest: Vec<u8>,
    id: i64,
}

impl Kinds {
    /// The kinds of `events`, written by `tx` where they are not known.
    pub(super) async fn find(
        &self,
        tx: &mut Tx,
        events: &[&Event<'_>],
    ) -> Result<Found, StoreError> {
        let digests = digests(events).await;
        let numbers = self.known_numbers(&digests);
        let unknown = numbers.iter().zip(&digests).zip(events);
        let unknown: BTreeMap<_, _> = unknown
            .filter(|((number, _), _)| number.is_none())
            .map(|((_, digest), event)| (*digest, *event))
            .collect();
        let new = insert(tx, &unknown.into_iter().collect::<Vec<_>>()).await?;
        let number = |(known, digest): (Option<i64>, &_)| known.or(new.get(digest).copied());
        let numbers: Option<_> = numbers.into_iter().zip(&digests).map(number).collect();
        let gone = || StoreError::corrupt(&"a kind that was written is not there");
        let numbers = numbers.ok_or_else(gone)?;
        Ok(Found { numbers, new })
    }

    fn known_numbers(&self, digests: &[Digest]) -> Vec<Option<i64>> {
        let known = self.known.lock();
        let number = |digest| known.get(digest).copied();
        digests.iter().map(number).collect()
    }

    /// Remembers nothing any more.
    pub(super) fn forget(&self) {
        self.known.lock().clear();
    }

    /// Remembers what is in the database now.
    pub(super) fn remember(&self, found: Found) {
        let mut known = self.known.lock();
        if known.len().saturating_add(found.new.len()) > MOST_KNOWN {
            known.clear();
        }
        known.extend(found.new);
    }
}

impl Found {
    /// Each event's kind.
    pub(super) fn numbers(&self) -> impl Iterator<Item = i64> {
        self.numbers.iter().copied()
    }
}

/// The digests of `events`, with turns in between for whoever else uses this thread.
async fn digests(events: &[&Event<'_>]) -> Vec<Digest> {
    let (mut digests, mut buffer) = (Vec::with_capacity(events.len()), Vec::new());
    for events in events.chunks(AT_ONCE) {
        digests.extend(events.iter().map(|event| digest(event, &mut buffer)));
        tokio::task::yield_now().await;
    }
    digests
}

/// Writes kinds, in order, and answers their numbers.
async fn insert(
    tx: &mut Tx,
    kinds: &[(Digest, &Event<'_>)],
) -> Result<HashMap<Digest, i64>, StoreError> {
    let mut numbers = HashMap::with_capacity(kinds.len());
    for rows in batch::chunks(tx, kinds) {
        let inserted: Vec<Inserted> = with_tx!(&mut *tx, |c| {
            let mut insert = INSERT.on(c, rows.len());
            for (digest, event) in rows {
                insert.bind(&digest[..]).bind(day(event.at));
                insert.bind(event.organisation_id).bind(event.project_id);
                insert.bind(event.key_id).bind(event.secret_hash);
                insert.bind(batch::text(&event.provider));
                insert.bind(batch::text(&event.model));
                insert.bind(batch::text(&event.upstream_model));
                insert.bind(batch::text(&event.endpoint));
                insert.bind(i32::from(event.status));
                insert.bind(event.code.as_deref().map(batch::text));
                insert.bind(event.source).bind(event.requests);
                insert.bind(event.is_stream).bind(event.is_suspicious);
                insert.bind(event.is_disconnected).bind(budgets(event));
            }
            insert.query_as()?.fetch_all(c).await
        })?;
        for row in inserted {
            let digest = row.digest.try_into();
            let digest = digest.map_err(|_| StoreError::corrupt(&"a digest has 16 bytes"))?;
            numbers.insert(digest, row.id);
        }
    }
    Ok(numbers)
}

fn day(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(DAY))
}

/// The ids of the budgets, 16 bytes each: what each was charged follows from its unit.
fn budgets(event: &Event<'_>) -> Vec<u8> {
    let ids = event.budgets.iter().map(|draw| *draw.budget.as_bytes());
    ids.flatten().collect()
}

/// A digest of all columns of the kind. Texts go in with their lengths, so that no two kinds are
/// digested alike.
fn digest(event: &Event<'_>, buffer: &mut Vec<u8>) -> Digest {
    buffer.clear();
    buffer.extend(day(event.at).0.to_le_bytes());
    for id in [event.organisation_id.0, event.project_id.0, event.key_id.0] {
        buffer.extend(id.as_bytes());
    }
    buffer.push(u8::from(event.secret_hash.is_some()));
    buffer.extend(event.secret_hash.map_or([0; 32], |hash| hash.0));
    let texts = [
        &event.provider,
        &event.model,
        &event.upstream_model,
        &event.endpoint,
    ];
    buffer.push(u8::from(event.code.is_some()));
    for text in texts.into_iter().chain(&event.code) {
        buffer.extend(text.len().to_le_bytes());
        buffer.extend(text.as_bytes());
    }
    buffer.extend(event.status.to_le_bytes());
    buffer.extend(event.requests.to_le_bytes());
    buffer.push(match event.source {
        Source::None => 0,
        Source::Reported => 1,
        Source::Estimated => 2,
        Source::Interrupted => 3,
    });
    buffer.push(event.is_stream.into());
    buffer.push(event.is_suspicious.into());
    buffer.push(event.is_disconnected.into());
    for draw in &event.budgets {
        buffer.extend(draw.budget.as_bytes());
    }
    let digest = Sha256::digest(&buffer);
    digest.first_chunk().copied().unwrap_or_default()
}
