//! The log: JSON lines on stdout, or readable ones on a terminal. Logging never blocks a call and
//! costs it no system call; what is too much is dropped and counted, never waited for.

mod json_lines;
mod log_buffer;

use std::io::{IsTerminal, stdout};
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::ConfigError;
use json_lines::JsonLines;
use log_buffer::LogBuffer;

pub use log_buffer::LogWriter;

/// Writes out what is left of the log when it is dropped, last of all.
#[must_use = "dropping it ends the log"]
pub struct LogGuard {
    _writer: LogWriter,
}

/// Starts the process's log with `filter` in the syntax of `RUST_LOG`.
pub fn init(filter: &str) -> Result<LogGuard, ConfigError> {
    let filter = log_filter(filter)?;
    let buffer = Arc::new(LogBuffer::default());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Lines(Arc::clone(&buffer)));
    let started = if stdout().is_terminal() {
        let wants_colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        lines.with_ansi(wants_colour).finish().try_init()
    } else {
        lines.event_format(JsonLines).finish().try_init()
    };
    started.map_err(|_| ConfigError::invalid("a log has been started before; start it once"))?;
    let writer = LogWriter::start(buffer, stdout())
        .map_err(|error| ConfigError::invalid(format!("cannot start the log's thread: {error}")))?;
    Ok(LogGuard { _writer: writer })
}

/// What `text`, in the syntax of `RUST_LOG`, lets through.
pub fn log_filter(text: &str) -> Result<EnvFilter, ConfigError> {
    EnvFilter::try_new(text).map_err(|error| {
        let hint = "write a level such as info, or target=level";
        ConfigError::invalid(format!("RUST_LOG cannot be read ({error}); {hint}"))
    })
}

/// Hands each line to the buffer.
struct Lines(Arc<LogBuffer>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a LogBuffer;

    fn make_writer(&'a self) -> Self::Writer {
        &self.0
    }
}
