//! How a command fails: one line on stderr, and the exit code that tells scripts why.

use std::fmt::Write;
use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::config::ConfigError;

const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
const WRONG_CONFIGURATION: u8 = 78;

/// A line whose flags do not fit together.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

/// Reports a line that cannot be parsed; help and version are asked for and no failure.
pub(super) fn wrong_usage(error: &clap::Error) -> ExitCode {
    let is_answer = !error.use_stderr();
    let is_bare = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_answer || is_bare {
        // Nobody is left to be told that stdout is closed.
        let _ = error.print();
        return if is_answer {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(WRONG_USAGE)
        };
    }
    print(&condense(&error.to_string()));
    ExitCode::from(WRONG_USAGE)
}

/// Reports a command that failed.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    print(&one_line(&format!("{error:#}")));
    ExitCode::from(if error.is::<ConfigError>() {
        WRONG_CONFIGURATION
    } else if error.is::<UsageError>() {
        WRONG_USAGE
    } else {
        FAILED
    })
}

/// Whoever reads our output may stop reading it, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[expect(clippy::print_stderr, reason = "where failures go")]
fn print(message: &str) {
    eprintln!("tollgate: {message}");
}

/// The parser's paragraphs as one line: what is wrong, its tip, and where to look.
fn condense(text: &str) -> String {
    let mut line = String::new();
    for paragraph in text.split("\n\n") {
        let paragraph = one_line(paragraph);
        let separator = if line.is_empty() { "" } else { "; " };
        if let Some(what) = paragraph.strip_prefix("error: ") {
            line.push_str(what);
        } else if let Some(tip) = paragraph.strip_prefix("tip: ") {
            // Writing to a string cannot fail.
            let _ = write!(line, "{separator}{tip}");
        } else if let Some(usage) = paragraph.strip_prefix("Usage: ") {
            let _ = write!(line, "{separator}usage: {usage}");
        }
    }
    line
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
