//! Calls with secrets that were rotated away, which are counted: whether anybody still uses them.

use std::collections::BTreeMap;

use super::Event;
use crate::domain::key::SecretHash;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::batch::{self, Listing};
use crate::store::transaction::Tx;

/// When each was rotated away: the key's newest secret was made then.
static LOCK: Listing = Listing::locking(
    "SELECT hash, (SELECT newest.created_at FROM key_secrets newest
            WHERE newest.key_id = previous.key_id AND newest.grace_until IS NULL)
        FROM key_secrets previous WHERE grace_until IS NOT NULL AND hash IN (",
    ") ORDER BY hash",
);
static ADD_CALLS: Listing = Listing::new(
    "UPDATE key_secrets SET calls = calls + d.column2 FROM (VALUES ",
    2,
    ") AS d WHERE hash = d.column1",
);

/// Counts those of `rows` that began after their secret was rotated away: calls are booked some time
/// after they began.
pub(super) async fn count(tx: &mut Tx, rows: &[&Event<'_>]) -> Result<(), StoreError> {
    let mut calls: BTreeMap<SecretHash, Vec<Timestamp>> = BTreeMap::new();
    for event in rows {
        if let Some(hash) = event.secret_hash {
            calls.entry(hash).or_default().push(event.at);
        }
    }
    let hashes: Vec<SecretHash> = calls.keys().copied().collect();
    let previous: Vec<(SecretHash, Option<Timestamp>)> = batch::read(tx, &LOCK, &hashes).await?;
    let counted = previous.into_iter().filter_map(|(hash, rotated)| {
        let calls = calls.get(&hash)?.iter();
        let calls = calls.filter(|at| Some(**at) >= rotated).count();
        Some((hash, i64::try_from(calls).ok()?))
    });
    let counted: Vec<_> = counted.filter(|(_, calls)| *calls > 0).collect();
    write_rows!(tx, ADD_CALLS, &counted, |add, (hash, calls)| {
        add.bind(*hash).bind(*calls)
    });
    Ok(())
}
