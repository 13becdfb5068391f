//! The numbers that stand for words in a record. They are on disks: none may ever change its meaning.

use crate::domain::quota::Unit;
use crate::domain::usage::Source;

/// The number of `unit`.
pub(super) fn of_unit(unit: Unit) -> u8 {
    match unit {
        Unit::Tokens => 1,
        Unit::Requests => 2,
        Unit::NanoUsd => 3,
    }
}

/// The unit of `number`.
pub(super) fn unit(number: u8) -> Option<Unit> {
    match number {
        1 => Some(Unit::Tokens),
        2 => Some(Unit::Requests),
        3 => Some(Unit::NanoUsd),
        _ => None,
    }
}

/// The number of `source`.
pub(super) fn of_source(source: Source) -> u8 {
    match source {
        Source::None => 0,
        Source::Reported => 1,
        Source::Estimated => 2,
        Source::Interrupted => 3,
    }
}

/// The source of `number`.
pub(super) fn source(number: u8) -> Option<Source> {
    match number {
        0 => Some(Source::None),
        1 => Some(Source::Reported),
        2 => Some(Source::Estimated),
        3 => Some(Source::Interrupted),
        _ => None,
    }
}
