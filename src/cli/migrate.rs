//! `tollgate migrate`: applies what is pending, or only says what that is.

use anyhow::Context;
use clap::Args;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::print::Printer;
use super::session::{Session, unusable};
use crate::config::Config;
use crate::store::{Db, Pending};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Say what would be applied, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Serialize)]
struct Migrated {
    migrated: bool,
}

#[derive(Serialize)]
struct Preview {
    pending: Vec<Pending>,
}

/// Opening the database has applied what was pending, so there is only an answer.
pub(super) fn report(session: &Session) -> anyhow::Result<()> {
    let answer = Migrated { migrated: true };
    session
        .printer
        .answer(&answer, || "The database is up to date.".to_owned())
}

/// Looks without touching anything: a file that is not there yet is not created.
pub(super) async fn preview(config: &Config, printer: Printer) -> anyhow::Result<()> {
    let url = config.database_url();
    let help = || unusable(&url);
    let url = url.expose_secret();
    let db = Db::connect_to_look(url).with_context(help)?;
    let standing = db.standing().await.with_context(help);
    db.close().await;
    let pending = standing?.pending;
    let preview = Preview { pending };
    printer.answer(&preview, || preview.text())
}

impl Preview {
    fn text(&self) -> String {
        if self.pending.is_empty() {
            return "Nothing to apply: the database is up to date.".to_owned();
        }
        let lines = self.pending.iter();
        let lines = lines.map(|step| format!("\n{:>4}  {}", step.number, step.name));
        format!("Would apply:{}", lines.collect::<String>())
    }
}
