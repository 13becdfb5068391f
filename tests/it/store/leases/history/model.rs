//! What the store must do, in plain integers: no locks, no sums, one call after the other.

use std::collections::BTreeMap;

use tollgate::domain::time::Timestamp;
use tollgate::store::events::Event;
use tollgate::store::leases::{Ask, Holder, Return};
use uuid::Uuid;

const MINUTE: i64 = 60_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Suspect,
    Closed,
}

pub struct Budget {
    pub id: Uuid,
    pub amount: i64,
    pub used: i64,
}

pub struct Lease {
    pub id: Uuid,
    pub budget: Uuid,
    pub holder: Holder,
    pub state: State,
    pub remaining: i64,
    pub returned: i64,
    pub unclaimed: i64,
    pub expires_at: i64,
}

pub struct Model {
    pub budgets: Vec<Budget>,
    pub leases: Vec<Lease>,
    epochs: BTreeMap<Uuid, (i64, i64)>,
    never_expires: bool,
}

impl Model {
    pub fn new(never_expires: bool) -> Self {
        Self {
            budgets: Vec::new(),
            leases: Vec::new(),
            epochs: BTreeMap::new(),
            never_expires,
        }
    }

    pub fn open(&mut self, id: Uuid, amount: i64) {
        let used = 0;
        self.budgets.push(Budget { id, amount, used });
    }

    pub fn leased(&self, budget: Uuid) -> i64 {
        let leases = self.leases.iter().filter(|lease| lease.budget == budget);
        let live = leases.filter(|lease| lease.state != State::Closed);
        live.map(|lease| lease.remaining).sum()
    }

    /// The lease that a process would name.
    pub fn lease_of(&self, holder: &Holder, budget: Uuid) -> Option<Uuid> {
        let mut leases = self.leases.iter();
        let found = leases.find(|lease| lease.serves(holder) && lease.budget == budget);
        found.map(|lease| lease.id)
    }

    pub fn register(&mut self, holder: Holder, now: Timestamp) {
        self.heard_of(&holder, now);
        if self.never_expires {
            for lease in &mut self.leases {
                if lease.holder.instance != holder.instance {
                    lease.expires_at = lease.expires_at.min(now.0);
                }
            }
        }
    }

    /// How many processes are alive.
    pub fn heard_of(&mut self, holder: &Holder, now: Timestamp) -> i64 {
        self.epochs.insert(holder.instance, (holder.epoch, now.0));
        let live = self
            .epochs
            .values()
            .filter(|(_, seen)| *seen > now.0 - MINUTE);
        i64::try_from(live.count()).unwrap()
    }

    /// What is granted, and whether the lease is lost.
    pub fn grant(&mut self, holder: &Holder, ask: &Ask, live: i64, now: Timestamp) -> (i64, bool) {
        let expires_at = self.expiry(now);
        let budget = self
            .budgets
            .iter()
            .find(|budget| budget.id == ask.budget)
            .unwrap();
        let free = budget.amount - budget.used - self.leased(ask.budget);
        let lease = self.leases.iter_mut().find(|lease| lease.id == ask.lease);
        if lease.as_ref().is_some_and(|lease| !lease.serves(holder)) {
            return (0, true);
        }
        let need = ask.need.max(1);
        if free < need {
            return (0, false);
        }
        let granted = (free / (2 * live)).clamp(need, free);
        let lease = if let Some(lease) = lease {
            lease
        } else {
            self.leases.push(Lease::new(ask, *holder));
            self.leases.last_mut().unwrap()
        };
        lease.state = State::Open;
        lease.remaining += granted;
        lease.expires_at = expires_at;
        (granted, false)
    }

    pub fn book(&mut self, events: &[Event<'_>]) {
        for event in events {
            for draw in &event.budgets {
                let budgets = self.budgets.iter_mut();
                let budget = budgets
                    .into_iter()
                    .find(|budget| budget.id == draw.budget)
                    .unwrap();
                budget.used += event.total_tokens;
                let mut leases = self.leases.iter_mut();
                let Some(lease) = leases.find(|lease| Some(lease.id) == draw.lease) else {
                    continue;
                };
                if lease.state == State::Closed {
                    let claimed = event.total_tokens.min(lease.unclaimed);
                    lease.unclaimed -= claimed;
                    budget.used -= claimed;
                } else {
                    lease.remaining -= event.total_tokens.min(lease.remaining);
                }
            }
        }
    }

    /// A return of `amount` more by the owner of some lease.
    pub fn returning(&self, (number, amount): (usize, i64)) -> Option<Return> {
        let lease = self.leases.get(number % self.leases.len().max(1))?;
        let total = lease.returned + amount;
        Some(Return {
            lease: lease.id,
            total,
        })
    }

    /// What some lease has given back so far.
    pub fn last_return(&self, number: usize) -> Option<Return> {
        self.returning((number, 0))
    }

    pub fn take_back(&mut self, returns: &[Return]) {
        for Return { lease, total } in returns {
            let lease = self.leases.iter_mut().find(|row| row.id == *lease).unwrap();
            let (newest, _) = self.epochs[&lease.holder.instance];
            let is_over = lease.state == State::Closed || lease.holder.epoch < newest;
            if is_over || *total <= lease.returned {
                continue;
            }
            lease.remaining -= (total - lease.returned).min(lease.remaining);
            lease.returned = *total;
            if lease.state == State::Suspect && lease.remaining == 0 {
                lease.state = State::Closed;
            }
        }
    }

    /// How many processes are alive, and the leases that are not this one's.
    pub fn renew(&mut self, holder: &Holder, now: Timestamp) -> (i64, Vec<Uuid>) {
        let live = self.heard_of(holder, now);
        let expires_at = self.expiry(now);
        let mut lost = Vec::new();
        for lease in &mut self.leases {
            if lease.serves(holder) {
                lease.state = State::Open;
                lease.expires_at = expires_at;
            } else {
                lost.push(lease.id);
            }
        }
        (live, lost)
    }

    pub fn suspect_expired(&mut self, now: Timestamp) -> usize {
        let expired = self.in_state(State::Open);
        let expired = expired.filter(|lease| lease.expires_at <= now.0);
        let suspect = expired.map(|lease| {
            lease.state = State::Suspect;
            lease.expires_at = now.0;
        });
        suspect.count()
    }

    pub fn charge_expired(&mut self, now: Timestamp) -> usize {
        let mut charged = Vec::new();
        let overdue = self.in_state(State::Suspect);
        for lease in overdue.filter(|lease| lease.expires_at <= now.0 - 15 * MINUTE) {
            charged.push((lease.budget, lease.remaining));
            lease.unclaimed = lease.remaining;
            lease.remaining = 0;
            lease.state = State::Closed;
        }
        for (id, amount) in &charged {
            let budget = self.budgets.iter_mut().find(|budget| budget.id == *id);
            budget.unwrap().used += amount;
        }
        charged.len()
    }

    /// Leases that hold something go back, and so does what was charged for the others.
    pub fn close_predecessors(&mut self, instance: Uuid, before: i64) -> usize {
        let of_instance = |lease: &&mut Lease| lease.holder.instance == instance;
        let earlier = self.leases.iter_mut().filter(of_instance);
        let mut closed = 0;
        for lease in earlier.filter(|lease| lease.holder.epoch < before) {
            if lease.state == State::Closed && lease.unclaimed == 0 {
                continue;
            }
            let budget = self.budgets.iter_mut().find(|row| row.id == lease.budget);
            budget.unwrap().used -= lease.unclaimed;
            lease.unclaimed = 0;
            lease.remaining = 0;
            lease.state = State::Closed;
            closed += 1;
        }
        closed
    }

    fn in_state(&mut self, state: State) -> impl Iterator<Item = &mut Lease> {
        self.leases
            .iter_mut()
            .filter(move |lease| lease.state == state)
    }

    fn expiry(&self, now: Timestamp) -> i64 {
        if self.never_expires {
            i64::MAX
        } else {
            now.0 + MINUTE
        }
    }
}

impl Lease {
    fn new(ask: &Ask, holder: Holder) -> Self {
        Self {
            id: ask.lease,
            budget: ask.budget,
            holder,
            state: State::Open,
            remaining: 0,
            returned: 0,
            unclaimed: 0,
            expires_at: 0,
        }
    }

    fn serves(&self, holder: &Holder) -> bool {
        self.holder == *holder && self.state != State::Closed
    }
}
