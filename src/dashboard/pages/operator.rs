//! What the operator sees: organisations in total, and providers. Never a tenant's keys or calls.

use askama::Template;

use crate::dashboard::components::{
    Conflict, Dialog, Field, Filters, Icon, LimitFields, Pager, Pill, QuotaBar, Time,
};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};
use crate::domain::tenant::OrganisationId;

/// All organisations.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/organisations.html")]
pub struct OrganisationsPage {
    /// Around it.
    pub frame: Frame,
    /// By name and state.
    pub filters: Filters,
    /// The organisations.
    pub rows: Vec<OrganisationRow>,
    /// To the others.
    pub pager: Pager,
}

/// An organisation.
#[derive(Clone, Debug)]
pub struct OrganisationRow {
    /// Which.
    pub id: OrganisationId,
    /// Its name.
    pub name: String,
    /// Whether its keys may call.
    pub status: Pill,
    /// How many keys it has.
    pub keys: String,
    /// Requests of 30 days.
    pub requests: String,
    /// Tokens of 30 days.
    pub tokens: String,
    /// What they cost.
    pub cost: String,
    /// Where its quota or budget stands.
    pub quota: Option<QuotaBar>,
}

/// An organisation's form, new or not.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/organisation_form.html")]
pub struct OrganisationFormPage {
    /// Around it.
    pub frame: Frame,
    /// Which, and whether its keys may call; `None` for a new one.
    pub existing: Option<(OrganisationId, bool)>,
    /// What it is called.
    pub name: Field,
    /// Who owns a new one.
    pub owner: Option<Field>,
    /// What all its keys may use together.
    pub limits: LimitFields,
    /// Which state of it was edited; another one is refused.
    pub version: Option<i64>,
    /// What to do where someone else was faster.
    pub conflict: Option<Conflict>,
    /// The question before its keys stop.
    pub suspend: Option<Dialog>,
}

/// Providers and models.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/providers.html")]
pub struct ProvidersPage {
    /// Around it.
    pub frame: Frame,
    /// As the configuration declares them.
    pub providers: Vec<ProviderCard>,
    /// Models that the configuration names.
    pub models: Vec<ModelRow>,
}

/// A provider.
#[derive(Clone, Debug)]
pub struct ProviderCard {
    /// Its name.
    pub name: String,
    /// How it fares.
    pub health: Pill,
    /// Its address.
    pub base_url: String,
    /// What it serves.
    pub models: String,
    /// Calls of the last hour, how many failed, and how long they took.
    pub facts: Vec<(&'static str, String)>,
    /// The latest failure: when and what.
    pub failure: Option<(Time, String)>,
}

/// A model.
#[derive(Clone, Debug)]
pub struct ModelRow {
    /// As clients name it.
    pub name: String,
    /// Who serves it.
    pub provider: String,
    /// As the provider names it.
    pub upstream: String,
    /// Input per million tokens.
    pub input: String,
    /// Output per million tokens.
    pub output: String,
    /// Most tokens of one answer.
    pub most_output: String,
}
