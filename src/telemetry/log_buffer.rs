//! Lines on their way out: appended to memory by whoever logs, written by one thread, all that has
//! gathered in one piece. That thread is woken by the first line after a pause and then waits a
//! moment for more, so that a busy gateway makes some hundred system calls a second, not one a line.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What may wait in memory; lines beyond it are dropped and counted.
const CAPACITY: usize = 4 * 1024 * 1024;
/// How long the first line waits for others.
const GATHER: Duration = Duration::from_millis(10);
/// How long the end waits for the last lines to be taken.
const LAST_LINES: Duration = Duration::from_secs(1);
/// The memory that is kept between two pieces.
const KEPT: usize = 256 * 1024;

/// Lines that wait.
#[derive(Default)]
pub(super) struct LogBuffer {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    dropped: u64,
    is_closed: bool,
}

/// The thread that writes. Dropping it writes out the rest and waits a moment for that: whoever does not
/// read the log keeps nothing from ending.
pub struct LogWriter {
    buffer: Arc<LogBuffer>,
    /// Closed once the thread has written all.
    ended: Receiver<Infallible>,
}

impl LogBuffer {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.bytes.len() + line.len() > CAPACITY {
            state.dropped += 1;
            return;
        }
        let was_empty = state.bytes.is_empty();
        state.bytes.extend_from_slice(line);
        drop(state);
        if was_empty {
            self.wake.notify_one();
        }
    }

    /// Waits for lines and swaps them for `spare`. `None` once all is written and nothing can come.
    fn take(&self, spare: Vec<u8>) -> Option<(Vec<u8>, u64)> {
        let idle = |state: &mut State| state.bytes.is_empty() && !state.is_closed;
        let state = self.wake.wait_while(self.lock(), idle);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let gathered = self
            .wake
            .wait_timeout_while(state, GATHER, |state| !state.is_closed);
        let (mut state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        if state.bytes.is_empty() {
            return None;
        }
        let bytes = std::mem::replace(&mut state.bytes, spare);
        Some((bytes, std::mem::take(&mut state.dropped)))
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_all();
    }
}

impl Write for &LogBuffer {
    /// Takes a whole line; the subscriber writes each in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.append(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LogWriter {
    /// Starts the thread.
    pub(super) fn start(
        buffer: Arc<LogBuffer>,
        target: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let source = Arc::clone(&buffer);
        let (ending, ended) = mpsc::channel();
        let thread = thread::Builder::new().name("log".to_owned());
        thread.spawn(move || {
            let _ending = ending;
            write_out(&source, target);
        })?;
        Ok(Self { buffer, ended })
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.buffer.close();
        // Nothing is ever sent: this ends with the thread, or leaves it to end with the process.
        let _ = self.ended.recv_timeout(LAST_LINES);
    }
}

fn write_out(buffer: &LogBuffer, mut target: impl Write) {
    let mut spare = Vec::new();
    while let Some((mut bytes, dropped)) = buffer.take(spare) {
        // A log that nobody reads must not stop the gateway.
        let _ = target.write_all(&bytes).and_then(|()| target.flush());
        bytes.clear();
        bytes.shrink_to(KEPT);
        spare = bytes;
        if dropped > 0 {
            tracing::warn!(
                log.dropped_lines = dropped,
                "log lines were dropped because stdout takes them too slowly"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Reports each piece that is written.
    struct Pieces(mpsc::Sender<Vec<u8>>);

    impl Write for Pieces {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.0.send(piece.to_vec()).unwrap();
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_gathered_are_written_in_one_piece_and_in_order() {
        let buffer = Arc::new(LogBuffer::default());
        buffer.append(b"one\n");
        buffer.append(b"two\n");
        let (sender, pieces) = mpsc::channel();
        let writer = LogWriter::start(buffer, Pieces(sender)).unwrap();
        assert_eq!(pieces.recv().unwrap(), b"one\ntwo\n");
        drop(writer);
    }

    #[test]
    fn a_line_comes_out_without_a_shutdown() {
        let buffer = Arc::new(LogBuffer::default());
        let (sender, pieces) = mpsc::channel();
        let _writer = LogWriter::start(Arc::clone(&buffer), Pieces(sender)).unwrap();
        for line in ["a\n", "b\n"] {
            buffer.append(line.as_bytes());
            assert_eq!(pieces.recv().unwrap(), line.as_bytes());
        }
    }

    #[test]
    fn the_rest_is_written_at_the_end() {
        let buffer = Arc::new(LogBuffer::default());
        let (sender, pieces) = mpsc::channel();
        let writer = LogWriter::start(Arc::clone(&buffer), Pieces(sender)).unwrap();
        buffer.append(b"last words\n");
        drop(writer);
        assert_eq!(
            pieces.iter().flatten().collect::<Vec<u8>>(),
            b"last words\n"
        );
    }

    /// Takes nothing, like a pipe that nobody reads.
    struct Stuck;

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            loop {
                thread::park();
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_target_that_takes_nothing_is_not_waited_for() {
        let buffer = Arc::new(LogBuffer::default());
        buffer.append(b"unread\n");
        let writer = LogWriter::start(buffer, Stuck).unwrap();
        let (sender, dropped) = mpsc::channel();
        thread::spawn(move || {
            drop(writer);
            sender.send(())
        });
        assert_eq!(dropped.recv_timeout(Duration::from_secs(10)), Ok(()));
    }

    #[test]
    fn lines_beyond_the_capacity_are_dropped_and_counted() {
        let buffer = LogBuffer::default();
        let line = vec![b'x'; CAPACITY / 2];
        for _ in 0..4 {
            buffer.append(&line);
        }
        let (bytes, dropped) = buffer.take(Vec::new()).unwrap();
        assert_eq!((bytes.len(), dropped), (CAPACITY, 2));
    }
}
