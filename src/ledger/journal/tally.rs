//! What is known of a dead process while its records are read: which calls are open, and which bytes
//! that are no records were damaged rather than never written.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::decode::{self, Kind, Unreadable};
use super::frame::Place;
use super::quarantine::Flaw;
use super::{Closing, Opening};
use crate::domain::tenant::CallId;

/// See the module.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) open: HashMap<CallId, Open>,
    /// Up to where each segment is known to have been on the disk.
    synced: BTreeMap<u32, u32>,
    newest: Place,
    flaws: Vec<(Flaw, Doubt)>,
}

/// A call whose end was not seen yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// Where its intent is.
    pub(super) from: Place,
    pub(super) to: u32,
    pub(super) delivered: i64,
}

/// Whether a flaw is damage, or what a death in the middle of writing leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// A whole record that this version cannot read.
    Unreadable,
    /// Records follow: damage, if any of them was written when this was on the disk.
    Between,
    /// Nothing follows in its segment: damage, if this very place was on the disk.
    Last,
}

impl Tally {
    /// Takes in a record and answers what it settles. `stretch` is where it is.
    pub(super) fn record(
        &mut self,
        stretch: Flaw,
        synced: Place,
        body: &[u8],
    ) -> Option<(Opening, Closing)> {
        self.note_synced(synced);
        let read = self.read(stretch, body);
        if read.is_err() {
            self.flaw(stretch, Doubt::Unreadable);
        }
        read.ok().flatten()
    }

    fn read(
        &mut self,
        stretch: Flaw,
        body: &[u8],
    ) -> Result<Option<(Opening, Closing)>, Unreadable> {
        let (kind, id) = decode::kind(body)?;
        match kind {
            Kind::Intent => self.opened(id, stretch),
            Kind::Progress => {
                let delivered = decode::delivered(body)?;
                if let Some(open) = self.open.get_mut(&id) {
                    open.delivered = open.delivered.max(delivered);
                }
            }
            Kind::Settle => {
                let settled = decode::settled(body)?;
                self.open.remove(&id);
                return Ok(Some(settled));
            }
        }
        Ok(None)
    }

    /// An intent that is carried on into a later segment keeps what was seen of its call.
    fn opened(&mut self, id: CallId, stretch: Flaw) {
        let before = self.open.get(&id);
        let open = Open {
            from: stretch.place(),
            to: stretch.to,
            delivered: before.map_or(0, |open| open.delivered),
        };
        self.open.insert(id, open);
    }

    fn note_synced(&mut self, synced: Place) {
        if synced > self.newest {
            self.newest = synced;
            self.synced.insert(synced.segment, synced.offset);
        }
    }

    /// Takes in bytes that are no record, or none that can be read.
    pub(super) fn flaw(&mut self, flaw: Flaw, doubt: Doubt) {
        self.flaws.push((flaw, doubt));
    }

    /// Damage that nobody has accepted, and the bytes that were just being written. To be asked when
    /// everything was read.
    pub(super) fn damage(&self, directory: &Path) -> (Vec<Flaw>, u64) {
        let (mut damage, mut torn) = (Vec::new(), 0);
        for (flaw, doubt) in &self.flaws {
            if !self.is_damage(flaw, *doubt) {
                torn += u64::from(flaw.to - flaw.from);
            } else if !flaw.is_accepted(directory) {
                damage.push(*flaw);
            }
        }
        (damage, torn)
    }

    fn is_damage(&self, flaw: &Flaw, doubt: Doubt) -> bool {
        match doubt {
            Doubt::Unreadable => true,
            Doubt::Between => self.newest > flaw.place(),
            Doubt::Last => self
                .synced
                .get(&flaw.segment)
                .is_some_and(|synced| *synced > flaw.from),
        }
    }
}
