//! Which models may be called: all, or those that are ticked and those that a pattern names.

use askama::Template;

use super::{Field, Icon};

/// The choice of models.
#[derive(Clone, Debug, Template)]
#[template(path = "components/model_picker.html")]
pub struct ModelPicker {
    /// Every model, now and later.
    pub is_all: bool,
    /// What the tenant may call.
    pub models: Vec<ModelChoice>,
    /// Patterns such as `claude-*`, one a line.
    pub patterns: Field,
}

/// One model.
#[derive(Clone, Debug)]
pub struct ModelChoice {
    /// As clients name it.
    pub name: String,
    /// Who serves it.
    pub provider: String,
    /// It is chosen.
    pub is_on: bool,
}
