//! Where limits stand at this moment: for people, who ask why a call is refused, or how long it goes
//! on like this.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{Access, Management, Problem};
use crate::domain::limits::Limits;
use crate::domain::quota::BudgetLimit;
use crate::domain::tenant::ScopeId;
use crate::domain::time::Timestamp;
use crate::limiters::Gates;
use crate::store::budgets::{self, BudgetUse};
use crate::store::organisations::{self, Organisation};
use crate::store::projects::Project;

/// How all limits of a key, a project or an organisation stand.
#[derive(Clone, Debug)]
pub struct Standings {
    /// `key`, `project` or `organisation`.
    pub scope: &'static str,
    /// Those that are never exceeded.
    pub budgets: Vec<BudgetStanding>,
    /// The others, as this process counts them.
    pub rates: Vec<RateStanding>,
}

/// How a quota, a budget or a day's requests stand.
#[derive(Clone, Copy, Debug)]
pub struct BudgetStanding {
    /// What is allowed.
    pub limit: BudgetLimit,
    /// Spent for good.
    pub used: i64,
    /// Held by calls in flight, as last heard, up to ten seconds ago.
    pub held: i64,
    /// When counting starts anew; `None` if never.
    pub resets_at: Option<Timestamp>,
}

/// How a limit over a minute or at once stands.
#[derive(Clone, Copy, Debug)]
pub struct RateStanding {
    /// Its name among the limits.
    pub rule: &'static str,
    /// What it allows.
    pub limit: u32,
    /// What is left now.
    pub remaining: u32,
    /// When all of it is there again; `None` if it is.
    pub full_at: Option<Timestamp>,
}

impl Management {
    /// The limits that hold for a key: its own, its project's, its organisation's.
    pub async fn key_standings(
        &self,
        access: &Access,
        id: Uuid,
    ) -> Result<Vec<Standings>, Problem> {
        let key = self.find_key(access, id).await?;
        let project = self.project(access, key.project_id.0).await?;
        let organisation = self.own_organisation(access).await?;
        self.standings(&[
            (ScopeId::Key(key.id), &key.limits),
            (ScopeId::Project(project.id), &project.limits),
            (ScopeId::Organisation(organisation.id), &organisation.limits),
        ])
        .await
    }

    /// The limits of an organisation, which was found.
    pub async fn organisation_standings(&self, found: &Organisation) -> Result<Standings, Problem> {
        let scope = ScopeId::Organisation(found.id);
        let standings = self.standings(&[(scope, &found.limits)]).await?;
        standings.into_iter().next().ok_or(Problem::Internal)
    }

    /// The limits of each of some projects, which were found.
    pub async fn standings_of_projects(
        &self,
        found: &[Project],
    ) -> Result<Vec<Standings>, Problem> {
        let scope = |one: &'_ Project| ScopeId::Project(one.id);
        let scopes: Vec<_> = found.iter().map(|one| (scope(one), &one.limits)).collect();
        self.standings(&scopes).await
    }

    /// The limits of each of some organisations, which were found.
    pub async fn standings_of_organisations(
        &self,
        found: &[Organisation],
    ) -> Result<Vec<Standings>, Problem> {
        let scope = |one: &'_ Organisation| ScopeId::Organisation(one.id);
        let scopes: Vec<_> = found.iter().map(|one| (scope(one), &one.limits)).collect();
        self.standings(&scopes).await
    }

    /// The organisation of whoever asks, whatever they are there.
    pub async fn own_organisation(&self, access: &Access) -> Result<Organisation, Problem> {
        let found = organisations::find_by_id(&self.db, access.organisation()).await?;
        found.ok_or(Problem::NotFound)
    }

    /// In the order of `scopes`.
    async fn standings(&self, scopes: &[(ScopeId, &Limits)]) -> Result<Vec<Standings>, Problem> {
        let now = self.now();
        let uses = budgets::uses_of(&self.db, scopes, now).await?;
        let standings = scopes.iter().map(|(scope, limits)| {
            let uses = uses.get(&scope.uuid()).map_or(&[][..], Vec::as_slice);
            Standings {
                scope: scope.kind(),
                budgets: BudgetStanding::all(limits, uses, now),
                rates: rates(&self.limiters.gates(*scope, limits), limits, now),
            }
        });
        Ok(standings.collect())
    }
}

impl BudgetStanding {
    fn all(limits: &Limits, uses: &[BudgetUse], now: Timestamp) -> Vec<Self> {
        let standing = |limit: BudgetLimit| {
            let found = uses.iter().find(|row| row.is_of(&limit));
            Self {
                limit,
                used: found.map_or(0, |row| row.used),
                held: found.map_or(0, |row| row.held),
                resets_at: limit.period.end(now),
            }
        };
        limits.budgets().map(standing).collect()
    }
}

fn rates(gates: &Gates, limits: &Limits, now: Timestamp) -> Vec<RateStanding> {
    let full_at = |reset: Duration| (!reset.is_zero()).then(|| now.plus(reset));
    let requests = gates.requests().map(|standing| RateStanding {
        rule: "requests_per_minute",
        limit: standing.limit,
        remaining: standing.remaining,
        full_at: full_at(standing.reset),
    });
    let tokens = gates.tokens(Instant::now()).map(|standing| RateStanding {
        rule: "tokens_per_minute",
        limit: standing.limit,
        remaining: standing.remaining,
        full_at: full_at(standing.reset),
    });
    let at_once = limits.concurrency.map(|limit| RateStanding {
        rule: "concurrency",
        limit,
        remaining: limit.saturating_sub(gates.in_flight()),
        full_at: None,
    });
    requests.into_iter().chain(tokens).chain(at_once).collect()
}
