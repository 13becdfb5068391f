//! Zeros: what a segment has where nothing was written.

/// A stretch of them.
pub(super) const ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

/// Where the last byte of `bytes` that is not zero ends.
pub(super) fn end_of_written(bytes: &[u8]) -> Option<usize> {
    let mut end = bytes.len();
    for block in bytes.rchunks(ZEROS.len()) {
        if ZEROS.get(..block.len()) != Some(block) {
            let last = block.iter().rposition(|byte| *byte != 0)?;
            return Some(end - block.len() + last + 1);
        }
        end -= block.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_byte_that_is_not_zero_is_found_wherever_it_is() {
        for length in [1, ZEROS.len(), ZEROS.len() * 2 + 3] {
            let mut bytes = vec![0; length];
            assert_eq!(end_of_written(&bytes), None);
            bytes[0] = 1;
            assert_eq!(end_of_written(&bytes), Some(1));
            bytes[length - 1] = 1;
            assert_eq!(end_of_written(&bytes), Some(length));
        }
    }
}
