//! `tollgate org`: the tenants.

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::limit_flags::{LimitFlags, summary};
use super::print::Row;
use super::session::{Session, checked_name, taken};
use crate::domain::limits::{Limits, LimitsPatch};
use crate::domain::tenant::{OrganisationId, OrganisationStatus};
use crate::domain::time::Timestamp;
use crate::store::organisations::{self, Organisation, OrganisationPatch};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create an organisation
    Create(Create),
    /// List all organisations
    List,
    /// Change an organisation
    Update(Update),
}

#[derive(Args, Debug)]
pub(super) struct Create {
    /// Its name, unique
    name: String,
    #[command(flatten)]
    limits: LimitFlags,
}

#[derive(Args, Debug)]
pub(super) struct Update {
    /// Its name or id
    #[arg(value_name = "ORG")]
    organisation: String,
    /// A new name
    #[arg(long)]
    name: Option<String>,
    /// Whether its keys may call
    #[arg(long, value_enum)]
    status: Option<Status>,
    #[command(flatten)]
    limits: LimitFlags,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    Active,
    Suspended,
}

/// An organisation as it is printed.
#[derive(Serialize)]
struct View {
    id: OrganisationId,
    name: String,
    status: OrganisationStatus,
    limits: Limits,
    created_at: Timestamp,
    version: i64,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List => list(session).await,
            Self::Update(update) => update.run(session).await,
        }
    }
}

impl Create {
    async fn run(self, session: &Session) -> anyhow::Result<()> {
        let name = checked_name(&self.name)?;
        let limits = self.limits.apply(Limits::default())?;
        let created = organisations::create(&session.db, &name, &limits, session.now()).await;
        let created = created.map_err(|error| taken(error, &name))?;
        print(session, created, "Created")
    }
}

impl Update {
    async fn run(self, session: &Session) -> anyhow::Result<()> {
        let old = session.organisation(&self.organisation).await?;
        let name = self.name.as_deref().map(checked_name).transpose()?;
        let patch = OrganisationPatch {
            name: name.clone(),
            status: self.status.map(OrganisationStatus::from),
            limits: self.limits.change(&old.limits)?.map(LimitsPatch::from),
            ..OrganisationPatch::default()
        };
        let updated = organisations::update(&session.db, old.id, patch, session.now()).await;
        let updated = updated.map_err(|error| taken(error, name.as_deref().unwrap_or_default()))?;
        print(session, updated, "Updated")
    }
}

async fn list(session: &Session) -> anyhow::Result<()> {
    let all = organisations::list(&session.db).await?;
    let views: Vec<View> = all.into_iter().map(View::from).collect();
    session.printer.list(&views)
}

fn print(session: &Session, organisation: Organisation, done: &str) -> anyhow::Result<()> {
    let view = View::from(organisation);
    session.printer.answer(&view, || {
        let limits = summary(&view.limits);
        format!(
            "{done} organisation {} ({}), limits: {limits}",
            view.name, view.id
        )
    })
}

impl From<Organisation> for View {
    fn from(organisation: Organisation) -> Self {
        Self {
            id: organisation.id,
            name: organisation.name,
            status: organisation.status,
            limits: organisation.limits,
            created_at: organisation.created_at,
            version: organisation.version,
        }
    }
}

impl Row for View {
    const HEADER: &'static [&'static str] = &["id", "name", "status", "limits"];

    fn cells(&self) -> Vec<String> {
        let status = match self.status {
            OrganisationStatus::Active => "active",
            OrganisationStatus::Suspended => "suspended",
        };
        let id = self.id.to_string();
        vec![
            id,
            self.name.clone(),
            status.to_owned(),
            summary(&self.limits),
        ]
    }
}

impl From<Status> for OrganisationStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Suspended => Self::Suspended,
        }
    }
}
