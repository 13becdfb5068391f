//! `tollgate project`: groups of keys inside an organisation.

use clap::{Args, Subcommand};
use serde::Serialize;

use super::limit_flags::{LimitFlags, summary};
use super::model_list::{self, ModelList};
use super::print::Row;
use super::session::{Session, checked_name, taken};
use crate::domain::limits::{Limits, LimitsPatch};
use crate::domain::tenant::ProjectId;
use crate::domain::time::Timestamp;
use crate::store::projects::{self, Project, ProjectPatch};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a project
    Create(Create),
    /// List an organisation's projects
    List(Owner),
    /// Change a project
    Update(Update),
    /// Delete a project that has no keys
    Delete(Named),
}

/// Whose project it is.
#[derive(Args, Debug)]
pub(super) struct Owner {
    /// The organisation's name or id
    #[arg(long, value_name = "ORG")]
    org: String,
}

#[derive(Args, Debug)]
pub(super) struct Named {
    /// Its name or id
    project: String,
    #[command(flatten)]
    owner: Owner,
}

#[derive(Args, Debug)]
pub(super) struct Create {
    #[command(flatten)]
    owner: Owner,
    /// Its name, unique in the organisation
    #[arg(long)]
    name: String,
    /// The models its keys may call: names or globs with commas between; 'all', or '' for none
    #[arg(long, value_name = "MODELS")]
    models: Option<ModelList>,
    #[command(flatten)]
    limits: LimitFlags,
}

#[derive(Args, Debug)]
pub(super) struct Update {
    #[command(flatten)]
    named: Named,
    /// A new name
    #[arg(long)]
    name: Option<String>,
    /// The models its keys may call: names or globs with commas between; 'all', or '' for none
    #[arg(long, value_name = "MODELS")]
    models: Option<ModelList>,
    #[command(flatten)]
    limits: LimitFlags,
}

/// A project as it is printed.
#[derive(Serialize)]
struct View {
    id: ProjectId,
    name: String,
    models: Option<Vec<String>>,
    limits: Limits,
    is_default: bool,
    created_at: Timestamp,
    version: i64,
}

#[derive(Serialize)]
struct Deleted {
    id: ProjectId,
    deleted: bool,
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::List(owner) => list(session, &owner).await,
            Self::Update(update) => update.run(session).await,
            Self::Delete(named) => delete(session, &named).await,
        }
    }
}

impl Named {
    async fn find(&self, session: &Session) -> anyhow::Result<Project> {
        let organisation = session.organisation(&self.owner.org).await?;
        session.project(organisation.id, &self.project).await
    }
}

impl Create {
    async fn run(self, session: &Session) -> anyhow::Result<()> {
        let organisation = session.organisation(&self.owner.org).await?.id;
        let name = checked_name(&self.name)?;
        let limits = self.limits.apply(Limits::default())?;
        let models = self.models.and_then(|list| list.0);
        let (db, now) = (&session.db, session.now());
        let created =
            projects::create(db, organisation, &name, &limits, models.as_deref(), now).await;
        print(
            session,
            created.map_err(|error| taken(error, &name))?,
            "Created",
        )
    }
}

impl Update {
    async fn run(self, session: &Session) -> anyhow::Result<()> {
        let old = self.named.find(session).await?;
        let name = self.name.as_deref().map(checked_name).transpose()?;
        let patch = ProjectPatch {
            name: name.clone(),
            limits: self.limits.change(&old.limits)?.map(LimitsPatch::from),
            models: self.models.map(|list| list.0),
            ..ProjectPatch::default()
        };
        let (db, now) = (&session.db, session.now());
        let updated = projects::update(db, old.organisation_id, old.id, patch, now).await;
        let updated = updated.map_err(|error| taken(error, name.as_deref().unwrap_or_default()))?;
        print(session, updated, "Updated")
    }
}

async fn list(session: &Session, owner: &Owner) -> anyhow::Result<()> {
    let organisation = session.organisation(&owner.org).await?;
    let all = projects::list(&session.db, organisation.id).await?;
    let views: Vec<View> = all.into_iter().map(View::from).collect();
    session.printer.list(&views)
}

async fn delete(session: &Session, named: &Named) -> anyhow::Result<()> {
    let project = named.find(session).await?;
    let (id, now) = (project.id, session.now());
    projects::delete(&session.db, project.organisation_id, id, None, now).await?;
    let deleted = Deleted { id, deleted: true };
    let text = || format!("Deleted project {} ({id})", project.name);
    session.printer.answer(&deleted, text)
}

fn print(session: &Session, project: Project, done: &str) -> anyhow::Result<()> {
    let view = View::from(project);
    session.printer.answer(&view, || {
        let (models, limits) = (
            model_list::summary(view.models.as_deref()),
            summary(&view.limits),
        );
        let (name, id) = (&view.name, view.id);
        format!("{done} project {name} ({id}), models: {models}, limits: {limits}")
    })
}

impl From<Project> for View {
    fn from(project: Project) -> Self {
        Self {
            id: project.id,
            name: project.name,
            models: project.models,
            limits: project.limits,
            is_default: project.is_default,
            created_at: project.created_at,
            version: project.version,
        }
    }
}

impl Row for View {
    const HEADER: &'static [&'static str] = &["id", "name", "models", "limits"];

    fn cells(&self) -> Vec<String> {
        let models = model_list::summary(self.models.as_deref());
        vec![
            self.id.to_string(),
            self.name.clone(),
            models,
            summary(&self.limits),
        ]
    }
}
