//! Model names are the client's words, so that a client could make a row of every call. Beyond a
//! thousand names a key and day they are summed as `other`.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::domain::quota::Period;
use crate::domain::tenant::KeyId;
use crate::domain::time::Timestamp;

const OTHER: &str = "other";
/// Names of a key and day.
const MOST: usize = 1000;
/// Names remembered in all, 8 bytes each; beyond them a key and day has only [`FEW`] of its own.
const MOST_IN_ALL: usize = 200_000;
const FEW: usize = 16;
/// Days remembered, the latest ones. Calls are booked soon after they end.
const DAYS: usize = 3;

/// The names that this process has booked lately, by their hashes. Another process, or a restart,
/// may add as many again.
#[derive(Debug, Default)]
pub(in crate::store) struct ModelNames {
    hashes: RandomState,
    days: Mutex<Days>,
}

/// Most keys have one or two, and there are many keys.
type Names = SmallVec<[u64; 2]>;

#[derive(Debug, Default)]
struct Days {
    keys: BTreeMap<Timestamp, HashMap<KeyId, Names>>,
    in_all: usize,
}

impl ModelNames {
    /// `model`, or `other` if `key` has used too many names on the day of `at`.
    pub(super) fn shown<'m>(&self, key: KeyId, at: Timestamp, model: Cow<'m, str>) -> Cow<'m, str> {
        let name = self.hashes.hash_one(&model);
        if self.days.lock().admits(key, Period::Day.start(at), name) {
            return model;
        }
        Cow::Borrowed(OTHER)
    }
}

impl Days {
    fn admits(&mut self, key: KeyId, day: Timestamp, name: u64) -> bool {
        let most = if self.in_all < MOST_IN_ALL { MOST } else { FEW };
        let names = self.keys.entry(day).or_default().entry(key).or_default();
        if names.contains(&name) {
            return true;
        }
        if names.len() >= most {
            return false;
        }
        names.push(name);
        self.in_all += 1;
        self.forget_old_days();
        true
    }

    fn forget_old_days(&mut self) {
        while self.keys.len() > DAYS {
            if let Some((_, keys)) = self.keys.pop_first() {
                let names: usize = keys.values().map(SmallVec::len).sum();
                self.in_all = self.in_all.saturating_sub(names);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn shown(names: &ModelNames, key: KeyId, day: i64, model: &str) -> bool {
        names.shown(key, Timestamp(day * DAY + 5), model.into()) == model
    }

    #[test]
    fn a_key_has_a_thousand_names_a_day_and_keeps_them() {
        let (names, key) = (ModelNames::default(), KeyId::new());
        for n in 0..2 * MOST {
            assert_eq!(shown(&names, key, 1, &format!("m{n}")), n < MOST);
        }
        assert!(shown(&names, key, 1, "m7"));
        assert!(shown(&names, key, 2, "new"));
        assert!(shown(&names, KeyId::new(), 1, "new"));
    }

    #[test]
    fn many_keys_with_many_names_take_bounded_memory() {
        let names = ModelNames::default();
        for key in (0..300).map(|_| KeyId::new()) {
            for n in 0..MOST {
                shown(&names, key, 1, &format!("m{n}"));
            }
            assert!(shown(&names, key, 1, "m0"));
        }
        assert!(names.days.lock().in_all <= MOST_IN_ALL + MOST + 300 * FEW);
        for day in 2..5 {
            shown(&names, KeyId::new(), day, "m");
        }
        assert_eq!(names.days.lock().in_all, 3);
    }
}
