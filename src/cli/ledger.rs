//! `tollgate ledger`: whether the books add up.

use anyhow::bail;
use clap::Subcommand;
use serde::Serialize;
use uuid::Uuid;

use super::session::Session;
use crate::store::ledger_check::{Counter, Difference, verify};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Recompute what is used and leased of every budget; fails if something differs
    Verify,
}

/// A difference as it is printed.
#[derive(Serialize)]
struct View {
    budget_id: Uuid,
    counter: Counter,
    stored: i64,
    recomputed: i64,
}

/// All of them.
#[derive(Serialize)]
struct Answer {
    data: Vec<View>,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<()> {
        let Self::Verify = self;
        let differences = verify(&session.db).await?;
        let count = differences.len();
        let data = differences.into_iter().map(View::from).collect();
        let answer = Answer { data };
        session.printer.answer(&answer, || answer.text())?;
        if count > 0 {
            bail!("the books do not add up: {count} differences, listed on standard output");
        }
        Ok(())
    }
}

impl From<Difference> for View {
    fn from(difference: Difference) -> Self {
        Self {
            budget_id: difference.budget,
            counter: difference.counter,
            stored: difference.stored,
            recomputed: difference.recomputed,
        }
    }
}

impl Answer {
    /// A line a difference.
    fn text(&self) -> String {
        if self.data.is_empty() {
            return "The books add up.".to_owned();
        }
        let lines = self.data.iter().map(View::line);
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl View {
    fn line(&self) -> String {
        let Self {
            budget_id,
            counter,
            stored,
            recomputed,
        } = self;
        let counter = match counter {
            Counter::Used => "used",
            Counter::Leased => "leased",
            Counter::Unclaimed => "unclaimed",
        };
        format!("budget {budget_id}: {counter} is {stored}, must be {recomputed}")
    }
}
