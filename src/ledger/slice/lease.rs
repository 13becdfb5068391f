//! A lease of one budget: granted by the store in portions, held by calls, spent, and given back.
//! Both directions are counted as totals, so that an answer that was missed is made good by the next,
//! and saying twice what goes back changes nothing.

use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::store::leases::{Answer, Return};

/// See the module. A lost one is replaced; calls that hold something of it charge it still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) id: Uuid,
    /// Granted, and neither held, spent nor given back.
    pub(super) room: i64,
    /// What calls hold.
    pub(super) held: i64,
    /// All that was ever granted, as far as this process heard.
    granted: i64,
    /// All that was ever given back.
    returned: i64,
    /// Of that, what the store has taken.
    taken_back: i64,
    last_grant: i64,
    /// Until when it may be held from; `None` before anything was granted.
    until: Option<Instant>,
    /// Whether the store may have granted something that was not heard of.
    pub(super) is_unsure: bool,
}

impl Lease {
    /// Nothing is granted yet.
    pub(super) fn new() -> Self {
        Self {
            id: Uuid::now_v7(),
            room: 0,
            held: 0,
            granted: 0,
            returned: 0,
            taken_back: 0,
            last_grant: 0,
            until: None,
            is_unsure: false,
        }
    }

    /// Whether the store knows it.
    pub(super) fn is_granted(&self) -> bool {
        self.until.is_some()
    }

    /// Whether it may be held from at `now`.
    pub(super) fn is_alive(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Whether it runs low, by what was granted last.
    pub(super) fn is_low(&self) -> bool {
        self.room < self.last_grant / 2
    }

    pub(super) fn hold(&mut self, wanted: i64) {
        self.room = self.room.saturating_sub(wanted);
        self.held = self.held.saturating_add(wanted);
    }

    /// Ends a hold that was charged `charged`; what it did not use is room again, and what it used
    /// above the hold comes out of the room. Answers what is beyond that too.
    pub(super) fn release(&mut self, held: i64, charged: i64) -> i64 {
        self.held = self.held.saturating_sub(held);
        let rest = held.saturating_sub(charged);
        let room = self.room.saturating_add(rest);
        self.room = room.max(0);
        room.saturating_neg().max(0)
    }

    /// What the store said when it was asked at `sent`.
    pub(super) fn hear(&mut self, answer: &Answer, sent: Instant, lasts: Duration) {
        self.is_unsure = false;
        let fresh = answer.total.saturating_sub(self.granted).max(0);
        self.granted = self.granted.saturating_add(fresh);
        self.room = self.room.saturating_add(fresh);
        if fresh > 0 {
            self.last_grant = fresh;
        }
        if answer.granted > 0 {
            self.extend(sent, lasts);
        }
    }

    /// The store keeps it alive, and was asked to at `sent`.
    pub(super) fn extend(&mut self, sent: Instant, lasts: Duration) {
        self.until = sent.checked_add(lasts);
    }

    /// Takes as much of `excess` out of memory as is idle.
    pub(super) fn give_up(&mut self, excess: i64) -> Option<Return> {
        let back = excess.clamp(0, self.room);
        self.room -= back;
        self.returned = self.returned.saturating_add(back);
        (back > 0).then_some(Return {
            lease: self.id,
            total: self.returned,
        })
    }

    /// Given back, and not known to be taken.
    pub(super) fn returning(&self) -> i64 {
        self.returned.saturating_sub(self.taken_back)
    }

    /// The store has taken `total` back; answers how much of that is news.
    pub(super) fn taken_back(&mut self, total: i64) -> i64 {
        let fresh = total.saturating_sub(self.taken_back).max(0);
        self.taken_back = self.taken_back.saturating_add(fresh);
        fresh
    }
}
