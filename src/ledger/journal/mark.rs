//! How far the store has taken a journal. It only saves work and permits deletion, so it need not
//! survive the machine, and a torn one counts as none.

use std::io;
use std::path::Path;

use super::frame::Place;

const NAME: &str = "mark";

/// The mark in `directory`, or the beginning.
pub(super) fn read(directory: &Path) -> Place {
    let bytes = std::fs::read(directory.join(NAME)).unwrap_or_default();
    decode(&bytes).unwrap_or_default()
}

/// Sets the mark in `directory`.
pub(super) fn write(directory: &Path, place: Place) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    let mut file = options.open(directory.join(NAME))?;
    file.write_all(&encode(place))
}

fn encode(place: Place) -> Vec<u8> {
    let numbers = [place.segment.to_le_bytes(), place.offset.to_le_bytes()].concat();
    let sum = crc32c::crc32c(&numbers).to_le_bytes();
    [numbers, sum.to_vec()].concat()
}

fn decode(bytes: &[u8]) -> Option<Place> {
    let (segment, rest) = bytes.split_first_chunk()?;
    let (offset, _) = rest.split_first_chunk()?;
    let place = Place {
        segment: u32::from_le_bytes(*segment),
        offset: u32::from_le_bytes(*offset),
    };
    (encode(place) == bytes).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_written_and_a_torn_one_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let place = |segment, offset| Place { segment, offset };
        assert_eq!(read(directory.path()), Place::default());
        write(directory.path(), place(7, 4096)).unwrap();
        write(directory.path(), place(8, 12)).unwrap();
        assert_eq!(read(directory.path()), place(8, 12));
        std::fs::write(directory.path().join(NAME), [8, 0, 0, 0, 13]).unwrap();
        assert_eq!(read(directory.path()), Place::default());
    }
}
