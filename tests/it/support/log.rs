//! What the gateway logs while a test runs.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing_subscriber::fmt::MakeWriter;

/// Everything that is logged on this thread.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

/// Logs while it lives.
pub struct Logging {
    _guard: DefaultGuard,
    _second: Dispatch,
}

impl Log {
    /// Where there is only one subscriber, `tracing` asks that of whichever thread comes first
    /// whether an event is wanted at all, and other tests' threads have none; so there are two.
    pub fn start() -> (Self, Logging) {
        let log = Self::default();
        let second = Dispatch::new(NoSubscriber::default());
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        let logging = Logging {
            _guard: tracing::subscriber::set_default(subscriber),
            _second: second,
        };
        (log, logging)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
