//! Charges on their way to the store, as totals.

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// What calls were charged.
    pub(super) charged: i64,
    /// Of that, what was sent to the store, and may have arrived.
    pub(super) sent: i64,
    /// Of that, what the store is known to have.
    pub(super) booked: i64,
}

impl Tally {
    pub(super) fn charge(&mut self, charged: i64) {
        self.charged = self.charged.saturating_add(charged);
    }

    pub(super) fn send(&mut self, charged: i64) {
        self.sent = self.sent.saturating_add(charged);
    }

    pub(super) fn book(&mut self, charged: i64) {
        self.booked = self.booked.saturating_add(charged);
    }

    /// Charged, and not known to be in the store.
    pub(super) fn unbooked(&self) -> i64 {
        self.charged.saturating_sub(self.booked)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.charge(other.charged);
        self.send(other.sent);
        self.book(other.booked);
    }
}
