//! Places at which a test may kill the process, to see that it loses nothing there. Release builds
//! have none.

/// See the module. The environment's `KILLPOINT` names one as it is written here in snake case,
/// followed by `:N` to let the first N calls pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killpoint {
    /// The call is written down and not sent.
    Intended,
    /// The provider has begun to answer.
    Headers,
    /// Some of a stream has passed.
    MidStream,
    /// The call's cost is known and not written down.
    UsageSeen,
    /// It is written down and not on the disk.
    Settled,
    /// It is on the disk and not in the store.
    Synced,
    /// It is in the store's transaction, which is not committed.
    Booking,
    /// It is in the store, and the journal does not know.
    Booked,
    /// A segment of the journal is full, and the next is not begun.
    Rotating,
    /// A segment is about to be deleted.
    Deleting,
    /// Some of a predecessor's journal is booked.
    Replaying,
}

/// Ends the process here as a `kill -9` would, if a test asked for it.
#[cfg(debug_assertions)]
pub fn reach(point: Killpoint) {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicI64, Ordering};

    static CHOSEN: LazyLock<Option<(String, AtomicI64)>> = LazyLock::new(|| {
        let chosen = std::env::var("KILLPOINT").ok()?;
        let (name, passes) = chosen.split_once(':').unwrap_or((&chosen, "0"));
        Some((name.to_owned(), AtomicI64::new(passes.parse().ok()?)))
    });
    let Some((name, passes)) = &*CHOSEN else {
        return;
    };
    if point.name() == name && passes.fetch_sub(1, Ordering::Relaxed) <= 0 {
        std::process::abort();
    }
}

/// There are none.
#[cfg(not(debug_assertions))]
#[inline]
pub fn reach(_: Killpoint) {}

#[cfg(debug_assertions)]
impl Killpoint {
    fn name(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Headers => "headers",
            Self::MidStream => "mid_stream",
            Self::UsageSeen => "usage_seen",
            Self::Settled => "settled",
            Self::Synced => "synced",
            Self::Booking => "booking",
            Self::Booked => "booked",
            Self::Rotating => "rotating",
            Self::Deleting => "deleting",
            Self::Replaying => "replaying",
        }
    }
}
