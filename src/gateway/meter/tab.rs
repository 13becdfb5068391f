//! What is open on one call until it is settled: its hold, what its rate limits lent it, and its log
//! record. Settling consumes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::usage::Ending;
use crate::gateway::access_log::Record;
use crate::gateway::quota::Held;
use crate::gateway::rate_limit::Permit;
use crate::gateway::refusal::Refusal;
use crate::ledger::{Hold, Keeping, Report, Settled};
use crate::limiters::capacity::Place;

/// Output tokens after which progress is written down.
const MANY: i64 = 1000;

/// See the module.
pub(super) struct Tab {
    hold: Hold,
    permit: Permit,
    /// The process counts the call for as long.
    _place: Place,
    record: Arc<Record>,
    started: Instant,
    first_byte: Option<Duration>,
    is_stream: bool,
    /// Output tokens that are written down as seen.
    noted: i64,
}

impl Tab {
    pub(super) fn new(held: Held) -> Self {
        let Held { limited, hold } = held;
        let inspected = limited.routed.inspected;
        Self {
            hold,
            permit: limited.permit,
            _place: inspected.place,
            record: inspected.record,
            started: inspected.started,
            first_byte: None,
            is_stream: inspected.facts.is_stream,
            noted: 0,
        }
    }

    /// Whether the client asked for a stream.
    pub(super) fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// Notes the first byte of the answer.
    pub(super) fn saw_byte(&mut self) {
        if self.first_byte.is_none() {
            let after = self.started.elapsed();
            self.first_byte = Some(after);
            self.record.first_byte(after);
        }
    }

    /// Notes how many output tokens were seen so far, for the case that this process dies.
    pub(super) fn saw_tokens(&mut self, delivered: i64) {
        if delivered - self.noted >= MANY {
            self.note_progress(delivered);
        }
    }

    /// The same after some time, however few they are.
    pub(super) fn note_progress(&mut self, delivered: i64) {
        if delivered > self.noted {
            self.noted = delivered;
            self.hold.progress(delivered);
        }
    }

    /// The call ended as the client asked, or with the provider's own refusal. The client may not
    /// see that before what is answered here is over.
    pub(super) fn settle(self, ending: Ending, status: u16) -> Option<Keeping> {
        self.close(
            ending,
            Report {
                status,
                ..Report::default()
            },
        )
    }

    /// The call ended with a failure; as with [`Self::settle`].
    pub(super) fn fail(self, ending: Ending, refusal: &Refusal) -> Option<Keeping> {
        self.record.refused(refusal.code());
        let status = refusal.status().as_u16();
        self.close(
            ending,
            Report {
                status,
                code: Some(refusal.code()),
                ..Report::default()
            },
        )
    }

    /// The client left; `status` is what it had seen.
    pub(super) fn abandon(self, ending: Ending, status: u16) {
        let report = Report {
            status,
            is_disconnected: true,
            ..Report::default()
        };
        // Nobody is there to see the end.
        let _ = self.close(ending, report);
    }

    fn close(mut self, ending: Ending, report: Report) -> Option<Keeping> {
        let report = Report {
            first_byte: self.first_byte,
            ..report
        };
        let Settled { charge, keeping } = self.hold.settle(ending, report)?;
        self.permit.settle(charge.tokens);
        self.record.settled(&charge);
        keeping
    }
}
