//! What one call may use, from before it is sent until its cost is known. It is written down before
//! it is sent, and settles exactly once: by [`Hold::settle`], or by being dropped, which charges
//! what can be told then.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::Draws;
use super::journal::{Closing, Opening};
use super::outbox::Keeping;
use super::{Ledger, Room, Unavailable};
use crate::domain::key::SecretHash;
use crate::domain::price::Price;
use crate::domain::quota::{Need, Unit};
use crate::domain::tenant::{CallId, KeyId, OrganisationId, ProjectId};
use crate::domain::time::Timestamp;
use crate::domain::usage::{Charge, Ending, Held};
use crate::killpoint::{self, Killpoint};

/// Everything about a call that is fixed before it is sent and outlives edits, moves and deletion.
pub struct Intent {
    /// The call.
    pub id: CallId,
    /// When it came in.
    pub at: Timestamp,
    /// The same on the monotonic clock.
    pub started: Instant,
    /// Its key's organisation.
    pub organisation_id: OrganisationId,
    /// Its key's project.
    pub project_id: ProjectId,
    /// Its key.
    pub key_id: KeyId,
    /// The secret it used.
    pub secret: SecretHash,
    /// Who serves it.
    pub provider: Arc<str>,
    /// The model as the client named it.
    pub model: Arc<str>,
    /// The model as the provider names it.
    pub upstream_model: Arc<str>,
    /// The route.
    pub endpoint: &'static str,
    /// Whether the answer is a stream.
    pub is_stream: bool,
    /// What its prompt probably has.
    pub prompt_estimate: i64,
    /// What its tokens cost.
    pub price: Option<Price>,
}

/// How a call ended, besides its cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// The status that the client saw, or would have seen.
    pub status: u16,
    /// The code of the failure, if it was one.
    pub code: Option<&'static str>,
    /// From the call's start to the first byte of its answer.
    pub first_byte: Option<Duration>,
    /// Whether the client left before the end.
    pub is_disconnected: bool,
}

/// A call that was settled.
#[must_use]
pub struct Settled {
    /// What it is charged.
    pub charge: Charge,
    /// What the client may not see the end before, if its record is not safe yet.
    pub keeping: Option<Keeping>,
}

/// See the module.
pub struct Hold {
    ledger: Arc<Ledger>,
    open: Option<Box<Open>>,
    shrunk_cap: Option<i64>,
}

struct Open {
    opening: Opening,
    draws: Draws,
    started: Instant,
    stage: Stage,
}

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing knows of it but the memory of this process.
    Reserved,
    /// It is written down.
    Intended,
    /// Its provider may know of it.
    Sent,
}

/// nginx's number for a client that closed the connection; no client ever sees it.
const CLIENT_CLOSED: u16 = 499;

impl Hold {
    pub(super) fn new(ledger: &Arc<Ledger>, intent: Intent, need: &Need, room: Room) -> Self {
        let Room { draws, cap } = room;
        let started = intent.started;
        Self {
            ledger: Arc::clone(ledger),
            open: Some(Box::new(Open {
                opening: intent.open(need, cap, &draws),
                draws,
                started,
                stage: Stage::Reserved,
            })),
            shrunk_cap: (cap < need.cap).then_some(cap),
        }
    }

    /// The output cap that the call has to be sent with, if it had to shrink.
    pub fn shrunk_cap(&self) -> Option<i64> {
        self.shrunk_cap
    }

    /// Writes the call down, before it is handed to its provider. One that cannot be written down
    /// must not be sent.
    pub async fn dispatch(&mut self) -> Result<(), Unavailable> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let written = self.ledger.intend(&open.opening)?;
        open.stage = Stage::Intended;
        killpoint::reach(Killpoint::Intended);
        if let Some(synced) = self.ledger.journal.synced(written) {
            synced.await.map_err(|error| Unavailable::of(&error))?;
        }
        Ok(())
    }

    /// Whether the provider may know of the call: a connection took it, or gave it back untouched.
    /// From then on it costs something.
    pub fn set_sent(&mut self, is_sent: bool) {
        if let Some(open) = &mut self.open {
            open.stage = if is_sent {
                Stage::Sent
            } else {
                Stage::Intended
            };
        }
    }

    /// Whether the provider may know of the call.
    pub fn is_sent(&self) -> bool {
        let stage = self.open.as_ref().map(|open| open.stage);
        stage == Some(Stage::Sent)
    }

    /// Notes that `delivered` output tokens were seen so far.
    pub fn progress(&self, delivered: i64) {
        if let Some(open) = &self.open {
            self.ledger.journal.progress(open.opening.id, delivered);
        }
    }

    /// Charges the call and gives back what it did not use. `None` if it was never written down:
    /// then there is nothing to record.
    pub fn settle(mut self, ending: Ending, report: Report) -> Option<Settled> {
        self.open.take()?.close(&self.ledger, ending, report)
    }
}

impl Drop for Hold {
    /// Nobody is left to say how the call ended: the client went away, or something broke.
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        let ending = match open.stage {
            Stage::Reserved | Stage::Intended => Ending::NeverSent,
            Stage::Sent => Ending::Ran {
                usage: None,
                delivered: 0,
            },
        };
        let report = Report {
            status: CLIENT_CLOSED,
            is_disconnected: true,
            ..Report::default()
        };
        // Nobody is there to see the end, so nothing has to wait.
        let _ = open.close(&self.ledger, ending, report);
    }
}

impl Intent {
    fn open(self, need: &Need, cap: i64, draws: &Draws) -> Opening {
        Opening {
            id: self.id,
            at: self.at,
            organisation_id: self.organisation_id,
            project_id: self.project_id,
            key_id: self.key_id,
            secret: self.secret,
            provider: self.provider,
            model: self.model,
            upstream_model: self.upstream_model,
            endpoint: Cow::Borrowed(self.endpoint),
            is_stream: self.is_stream,
            price: self.price,
            held: Held {
                tokens: need.hold(Unit::Tokens, cap),
                prompt_estimate: self.prompt_estimate,
            },
            held_nano: need.hold(Unit::NanoUsd, cap),
            choices: need.choices,
            cap,
            draws: draws.drawn(),
        }
    }
}

impl Open {
    /// The record is written before the draws end, and both before the client can see the end.
    fn close(
        self: Box<Self>,
        ledger: &Arc<Ledger>,
        ending: Ending,
        report: Report,
    ) -> Option<Settled> {
        if self.stage == Stage::Reserved {
            return None;
        }
        killpoint::reach(Killpoint::UsageSeen);
        let opening = self.opening;
        let ending = match opening.choices {
            0 => ending.without_output(),
            _ => ending,
        };
        let charge = Charge::of(ending, opening.held);
        let closing = Closing {
            cost_nano: charge.cost(opening.price.as_ref(), opening.held_nano),
            charge,
            status: report.status,
            code: report.code.map(Cow::Borrowed),
            is_disconnected: report.is_disconnected,
            duration_ms: millis(self.started.elapsed()),
            first_token_ms: report.first_byte.map(millis),
        };
        let keeping = ledger.record(opening, &closing);
        self.draws.settle(&closing);
        Some(Settled { charge, keeping })
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
