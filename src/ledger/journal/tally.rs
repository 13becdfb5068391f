//! What is known of a dead process while its records are read: which calls are open, and which bytes
//! that are no records were damaged rather than never written.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::decode::{self, Kind, Unreadable};
use super::frame::{Place, Stretch};
use super::{Closing, Opening};
use crate::domain::tenant::CallId;

/// See the module.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) open: HashMap<CallId, Open>,
    /// Up to where each segment is known to have been on the disk. The last moments before a segment
    /// was full are not: those after it speak of themselves.
    synced: BTreeMap<u32, u32>,
    last_synced: Place,
    flaws: Vec<(Stretch, Doubt)>,
}

/// A call whose end was not seen yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) intent: Stretch,
    pub(super) delivered: i64,
}

/// Whether a flaw is damage, or what a death in the middle of writing leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// A whole record that this version cannot read.
    Unreadable,
    /// No record, whether others follow or not: damage, if it was on the disk.
    Broken,
}

impl Tally {
    /// Takes in a record and answers what it settles. `stretch` is where it is.
    pub(super) fn record(
        &mut self,
        stretch: Stretch,
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
        stretch: Stretch,
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
    fn opened(&mut self, id: CallId, intent: Stretch) {
        let before = self.open.get(&id);
        let open = Open {
            intent,
            delivered: before.map_or(0, |open| open.delivered),
        };
        self.open.insert(id, open);
    }

    fn note_synced(&mut self, synced: Place) {
        if synced != self.last_synced {
            self.last_synced = synced;
            let known = self.synced.entry(synced.segment).or_default();
            *known = synced.offset.max(*known);
        }
    }

    /// Takes in bytes that are no record, or none that can be read.
    pub(super) fn flaw(&mut self, flaw: Stretch, doubt: Doubt) {
        self.flaws.push((flaw, doubt));
    }

    /// Damage that nobody has accepted, and the bytes that were just being written. To be asked when
    /// everything was read. What settled before `booked` is in the store, whatever became of it here.
    pub(super) fn damage(&self, directory: &Path, booked: Place) -> (Vec<Stretch>, u64) {
        let (mut damage, mut torn) = (Vec::new(), 0);
        for (flaw, doubt) in &self.flaws {
            if !self.is_damage(flaw, *doubt) {
                torn += u64::from(flaw.bytes());
            } else if flaw.end() > booked && !flaw.is_accepted(directory) {
                damage.push(*flaw);
            }
        }
        (damage, torn)
    }

    fn is_damage(&self, flaw: &Stretch, doubt: Doubt) -> bool {
        let synced = self.synced.get(&flaw.segment);
        doubt == Doubt::Unreadable || synced.is_some_and(|synced| *synced > flaw.from)
    }
}
