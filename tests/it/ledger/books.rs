//! What the database says, and whether it agrees with what clients saw and the provider counted.

use std::collections::{BTreeMap, HashMap};

use sqlx::FromRow;
use tollgate::store::Db;

use super::calls::{self, Made};
use super::site::{ORGANISATION, Site};
use crate::provider::Usage;

const EVENTS: &str = "SELECT e.held_tokens, e.input_tokens, e.output_tokens, e.total_tokens,
    k.source, k.requests, k.is_disconnected FROM events e JOIN kinds k ON k.id = e.kind_id";
const HELD: &str = "SELECT held FROM leases WHERE state <> 'closed'";
const BUDGETS: &str = "SELECT amount, used, leased FROM budgets ORDER BY id";

/// An event.
#[derive(Clone, Debug, FromRow)]
pub struct Event {
    pub held_tokens: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub total_tokens: i64,
    pub source: String,
    pub requests: i64,
    pub is_disconnected: bool,
}

/// How much happened.
#[derive(Debug)]
#[expect(dead_code, reason = "printed by long runs")]
pub struct Figures {
    /// Calls that clients made.
    made: usize,
    /// Calls whose end they saw.
    ended: usize,
    /// Events by their source.
    events: BTreeMap<String, usize>,
}

/// A budget row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Budget {
    pub amount: Option<i64>,
    pub used: i64,
    pub leased: i64,
}

/// Runs a query on either engine.
macro_rules! fetch_all {
    ($db:expr, $sql:expr) => {
        match $db {
            Db::Postgres(pool) => sqlx::query_as($sql).fetch_all(pool).await.unwrap(),
            Db::Sqlite(pools) => sqlx::query_as($sql)
                .fetch_all(pools.writer())
                .await
                .unwrap(),
        }
    };
}

impl Site {
    /// All events.
    pub async fn events(&self) -> Vec<Event> {
        fetch_all!(&self.database.db, EVENTS)
    }

    /// All budgets, in the order in which they were opened.
    pub async fn budgets(&self) -> Vec<Budget> {
        fetch_all!(&self.database.db, BUDGETS)
    }

    /// What running calls hold, as far as the store was told.
    pub async fn held(&self) -> i64 {
        let held: Vec<(i64,)> = fetch_all!(&self.database.db, HELD);
        held.iter().map(|(held,)| held).sum()
    }

    /// The only budget.
    pub async fn budget(&self) -> Budget {
        let budgets = self.budgets().await;
        assert_eq!(budgets.len(), 1);
        budgets[0]
    }

    /// Compares everything once all that happened is booked: the books add up; each call that the
    /// provider saw is booked once, and nothing else as if it had been; and each call whose end its
    /// client saw is listed once, with the numbers that the client was told.
    pub async fn audit(&self, made: &[Made]) -> Figures {
        self.verify();
        let events = self.events().await;
        self.audit_provider(&events);
        self.audit_clients(made);
        for budget in self.budgets().await {
            assert!(budget.amount.is_none_or(|amount| budget.used <= amount));
        }
        Figures::of(&events, made)
    }

    fn audit_provider(&self, events: &[Event]) {
        let mut booked: HashMap<i64, &Event> = HashMap::new();
        for event in events {
            let twice = booked.insert(event.held_tokens, event);
            assert!(twice.is_none(), "booked twice: {twice:?} and {event:?}");
        }
        for call in self.sent() {
            let number = calls::number_of(&call.seen);
            let event = booked.remove(&calls::held(number));
            let event = event.unwrap_or_else(|| panic!("call {number} is not booked: {call:?}"));
            assert_eq!(event.requests, 1, "{event:?}");
            if event.source == "reported" {
                assert_eq!(event.usage(), calls::usage(number), "{event:?}");
            }
        }
        for event in booked.values() {
            // Nobody knows how far a call came whose client left while it was being sent.
            let has_left = event.source == "estimated" && event.is_disconnected;
            let is_unsent = has_left || matches!(event.source.as_str(), "none" | "interrupted");
            assert!(is_unsent, "the provider never saw {event:?}");
        }
    }

    fn audit_clients(&self, made: &[Made]) {
        let listed = self.run(&["calls", "--org", ORGANISATION]);
        let listed = listed["data"].as_array().unwrap();
        let by_id: HashMap<&str, _> = listed
            .iter()
            .map(|call| (call["id"].as_str().unwrap(), call))
            .collect();
        assert_eq!(by_id.len(), listed.len(), "a call is listed twice");
        for (made, usage) in made.iter().filter_map(|made| Some((made, made.usage?))) {
            let call = by_id.get(made.id.as_str());
            let call = call.unwrap_or_else(|| panic!("lost: {made:?}"));
            assert_eq!(call["source"], "reported", "{call} of {made:?}");
            let told = [usage.input, usage.output, usage.total()];
            let names = ["input_tokens", "output_tokens", "total_tokens"];
            assert_eq!(
                names.map(|name| call[name].as_u64().unwrap()),
                told,
                "{call} of {made:?}"
            );
        }
        let refused = made.iter().filter(|made| made.status == 429);
        for refused in refused {
            assert!(
                !by_id.contains_key(refused.id.as_str()),
                "booked: {refused:?}"
            );
        }
    }
}

impl Figures {
    fn of(events: &[Event], made: &[Made]) -> Self {
        let mut by_source = BTreeMap::new();
        for event in events {
            *by_source.entry(event.source.clone()).or_default() += 1;
        }
        Self {
            made: made.len(),
            ended: made.iter().filter(|made| made.usage.is_some()).count(),
            events: by_source,
        }
    }

    /// Prints them, for whoever runs the long tests.
    #[expect(clippy::print_stdout, reason = "figures are for people")]
    pub fn print(&self, what: &str) {
        println!("{what}: {self:?}");
    }
}

impl Event {
    fn usage(&self) -> Usage {
        assert_eq!(self.input_tokens + self.output_tokens, self.total_tokens);
        let count = |tokens: i64| u64::try_from(tokens).unwrap();
        Usage::new(count(self.input_tokens), count(self.output_tokens))
    }
}
