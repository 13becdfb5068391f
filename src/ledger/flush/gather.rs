//! A batch is read in pieces, with turns in between: a large one at one go would make calls wait.

use std::io;

use crate::ledger::journal::Batch;

/// Calls that are read without a turn for others.
const AT_ONCE: usize = 128;

/// At most `most` calls, or a piece more, by `next`, which reads so many on. What was read is never
/// read again: a failure behind it ends the batch, and is met by the next one.
pub(super) async fn gather(
    most: usize,
    mut next: impl FnMut(usize) -> io::Result<Batch>,
) -> io::Result<Batch> {
    let mut batch = next(AT_ONCE)?;
    let mut read = batch.settled.len();
    while read == AT_ONCE && batch.settled.len() < most {
        tokio::task::yield_now().await;
        let Ok(more) = next(AT_ONCE) else { break };
        read = more.settled.len();
        if read > 0 {
            batch.end = more.end;
        }
        batch.settled.extend(more.settled);
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::journal::Position;
    use crate::ledger::journal::tests::{closing, opening};

    fn piece(calls: usize) -> Batch {
        Batch {
            settled: (0..calls).map(|_| (opening(1), closing())).collect(),
            end: Position::default(),
        }
    }

    async fn gathered(most: usize, pieces: Vec<io::Result<Batch>>) -> (io::Result<usize>, usize) {
        let mut pieces = pieces.into_iter();
        let batch = gather(most, |_| pieces.next().unwrap()).await;
        (batch.map(|batch| batch.settled.len()), pieces.len())
    }

    #[tokio::test]
    async fn a_batch_ends_with_the_last_call_or_when_it_is_large() {
        let (all, _) = gathered(
            1000,
            vec![Ok(piece(AT_ONCE)), Ok(piece(AT_ONCE)), Ok(piece(3))],
        )
        .await;
        assert_eq!(all.unwrap(), 2 * AT_ONCE + 3);
        let (few, left) = gathered(
            2 * AT_ONCE,
            vec![Ok(piece(AT_ONCE)), Ok(piece(AT_ONCE)), Ok(piece(3))],
        )
        .await;
        assert_eq!((few.unwrap(), left), (2 * AT_ONCE, 1));
    }

    #[tokio::test]
    async fn what_was_read_before_a_failure_is_not_lost() {
        let failure = || Err(io::Error::other("the disk is broken"));
        let (read, _) = gathered(1000, vec![Ok(piece(AT_ONCE)), failure()]).await;
        assert_eq!(read.unwrap(), AT_ONCE);
        assert!(gathered(1000, vec![failure()]).await.0.is_err());
    }
}
