//! The form that creates a key.

use askama::Template;
use uuid::Uuid;

use crate::dashboard::components::{Field, Icon, LimitFields, ModelPicker};
use crate::dashboard::frame::Frame;
use crate::dashboard::{assets, paths};
use crate::domain::tenant::OrganisationId;

/// Only the name must be given.
#[derive(Clone, Debug, Template)]
#[template(path = "pages/key_form.html")]
pub struct KeyFormPage {
    /// Around it.
    pub frame: Frame,
    /// Whose key.
    pub organisation: OrganisationId,
    /// Makes the form's key one key, however often it is sent.
    pub once: Uuid,
    /// What it is called.
    pub name: Field,
    /// Where it belongs.
    pub project: Field,
    /// When it ends: presets, and a day of one's own.
    pub expiry: Field,
    /// The day, if it is none of the presets.
    pub expiry_day: Field,
    /// What it may use.
    pub limits: LimitFields,
    /// What it may call.
    pub models: ModelPicker,
}
