//! `tollgate config`: is it valid, and what is in force.

use clap::Subcommand;
use serde::Serialize;

use super::print::Printer;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Validate the configuration, credentials included
    Check,
    /// Print the effective configuration, secrets redacted
    Show,
}

#[derive(Serialize)]
struct Checked<'a> {
    valid: bool,
    warnings: &'a [String],
}

impl Command {
    pub(super) fn run(&self, config: &Config, printer: Printer) -> anyhow::Result<()> {
        match self {
            Self::Check => check(&config.warnings, printer),
            Self::Show => printer.answer(config.show(), || config.show().to_string()),
        }
    }
}

/// Loading has refused everything that is wrong: what is left are warnings.
fn check(warnings: &[String], printer: Printer) -> anyhow::Result<()> {
    let checked = Checked {
        valid: true,
        warnings,
    };
    printer.answer(&checked, || {
        let warnings = warnings
            .iter()
            .map(|warning| format!("warning: {warning}\n"));
        format!(
            "{}The configuration is valid.",
            warnings.collect::<String>()
        )
    })
}
