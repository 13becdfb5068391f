//! Projects: keys that share limits.

use askama::Template;

use crate::dashboard::components::{
    Conflict, Dialog, Empty, Field, Icon, LimitFields, ModelPicker, QuotaBar,
};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};
use crate::domain::tenant::{OrganisationId, ProjectId};

/// All projects of an organisation.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/projects.html")]
pub struct ProjectsPage {
    /// Around it.
    pub frame: Frame,
    /// Whose.
    pub organisation: OrganisationId,
    /// The viewer may create and edit.
    pub can_write: bool,
    /// The projects.
    pub rows: Vec<ProjectRow>,
    /// While there is none.
    pub empty: Option<Empty>,
}

/// One project.
#[derive(Clone, Debug)]
pub struct ProjectRow {
    /// The project.
    pub id: ProjectId,
    /// Its name.
    pub name: String,
    /// How many keys it has.
    pub keys: String,
    /// What its keys may call, in short.
    pub models: String,
    /// Where its quota or budget stands.
    pub quota: Option<QuotaBar>,
    /// What it cost this month.
    pub cost: String,
}

/// A project's form, new or not.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/project_form.html")]
pub struct ProjectFormPage {
    /// Around it.
    pub frame: Frame,
    /// Whose.
    pub organisation: OrganisationId,
    /// Which; `None` for a new one.
    pub id: Option<ProjectId>,
    /// What it is called.
    pub name: Field,
    /// What its keys may use together.
    pub limits: LimitFields,
    /// What its keys may call at most.
    pub models: ModelPicker,
    /// Which state of it was edited; another one is refused.
    pub version: Option<i64>,
    /// What to do where someone else was faster.
    pub conflict: Option<Conflict>,
    /// The question before it is deleted.
    pub delete: Option<Dialog>,
}
