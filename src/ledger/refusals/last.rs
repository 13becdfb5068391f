//! The newest refusals of each key that are not written yet: as many as are kept, and no more of
//! all keys together than the store takes in one go.

use std::collections::{HashMap, VecDeque};

use crate::domain::refused::Refused;
use crate::domain::tenant::KeyId;
use crate::store::refusals::KEPT;

/// More are forgotten: with so many a second nobody reads them one by one.
const MOST: usize = 2_000;

/// See the module.
#[derive(Default)]
pub(super) struct Last {
    by_key: HashMap<KeyId, VecDeque<Refused>>,
    count: usize,
}

impl Last {
    /// Remembers a refusal, if need be in place of its key's oldest.
    pub(super) fn push(&mut self, refused: Refused) {
        if self.count == MOST && !self.by_key.contains_key(&refused.key_id) {
            return;
        }
        let of_key = self.by_key.entry(refused.key_id).or_default();
        if of_key.len() == KEPT || self.count == MOST {
            of_key.pop_front();
            self.count -= 1;
        }
        of_key.push_back(refused);
        self.count += 1;
    }

    /// Takes all of them, by key and time.
    pub(super) fn take(&mut self) -> Vec<Refused> {
        self.count = 0;
        let by_key = std::mem::take(&mut self.by_key);
        let mut all: Vec<Refused> = by_key.into_values().flatten().collect();
        all.sort_unstable_by_key(|refused| (refused.key_id, refused.id));
        all
    }

    /// Puts back what could not be written, before what came since.
    pub(super) fn put_back(&mut self, mut older: Vec<Refused>) {
        older.extend(self.take());
        for refused in older {
            self.push(refused);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::tenant::{CallId, OrganisationId};
    use crate::domain::time::Timestamp;

    fn refused(key_id: KeyId, at: i64) -> Refused {
        Refused {
            id: CallId::new(),
            organisation_id: OrganisationId::new(),
            key_id,
            at: Timestamp(at),
            code: "quota_held",
            tripped: None,
        }
    }

    fn times(taken: &[Refused], key: KeyId) -> Vec<i64> {
        let of_key = taken.iter().filter(|refused| refused.key_id == key);
        of_key.map(|refused| refused.at.0).collect()
    }

    #[test]
    fn a_keys_newest_are_kept_even_through_a_failed_write() {
        let mut last = Last::default();
        let (flooding, quiet) = (KeyId::new(), KeyId::new());
        last.push(refused(quiet, 7));
        (0..250).for_each(|at| last.push(refused(flooding, at)));
        let taken = last.take();
        assert_eq!(taken.len(), KEPT + 1);
        last.push(refused(flooding, 250));
        last.put_back(taken);
        let kept = last.take();
        assert_eq!(times(&kept, quiet), [7]);
        assert_eq!(times(&kept, flooding), (151..=250).collect::<Vec<_>>());
    }

    #[test]
    fn all_keys_together_are_bounded_and_each_keeps_its_newest() {
        let mut last = Last::default();
        let first = KeyId::new();
        last.push(refused(first, 0));
        (1..3000).for_each(|at| last.push(refused(KeyId::new(), at)));
        last.push(refused(first, 3000));
        let taken = last.take();
        assert_eq!(taken.len(), MOST);
        assert_eq!(times(&taken, first), [3000]);
    }
}
