//! The choice of models as a form's fields, and back.

use std::collections::BTreeSet;

use super::form::Form;
use super::mistakes::Mistakes;
use crate::dashboard::components::{Control, Difference, Field, ModelChoice, ModelPicker};
use crate::domain::model_access::ModelAccess;
use crate::management::Management;

/// Models that a difference names, of each side.
const NAMED: usize = 8;

/// The choice among what the catalog lists and `allowed` allows, with `chosen` ticked.
pub(super) fn fill(
    management: &Management,
    allowed: Option<&[String]>,
    chosen: Option<&[String]>,
) -> ModelPicker {
    let access = ModelAccess::compile(allowed).unwrap_or_default();
    let names = management.catalog.names().into_iter();
    let names: Vec<_> = names.filter(|(name, _)| access.allows(name)).collect();
    let ticked = chosen.unwrap_or_default();
    let others: Vec<_> = ticked
        .iter()
        .map(String::as_str)
        .filter(|chosen| !names.iter().any(|(name, _)| name == chosen))
        .collect();
    let patterns = Field::new("Patterns", "patterns")
        .by(Control::Lines)
        .value(others.join("\n"))
        .hint(
            "One a line. A star stands for any characters: claude-* also allows what comes later.",
        );
    ModelPicker {
        is_all: chosen.is_none(),
        patterns,
        models: names
            .into_iter()
            .map(|(name, provider)| ModelChoice {
                is_on: ticked.contains(&name),
                provider: provider.to_string(),
                name,
            })
            .collect(),
    }
}

/// What was chosen, with what is wrong with it.
pub(super) fn echo(
    management: &Management,
    allowed: Option<&[String]>,
    form: &Form,
    mistakes: &Mistakes,
) -> ModelPicker {
    let chosen = read(form);
    let mut picker = fill(management, allowed, chosen.as_deref());
    picker.patterns.error = mistakes.at("models");
    picker
}

/// How what was chosen differs from what is `stored`, if it does.
pub(super) fn difference(stored: Option<&[String]>, form: &Form) -> Option<Difference> {
    let typed = read(form);
    let (stored, typed) = (sorted(stored), sorted(typed.as_deref()));
    let (stored, typed) = (stored.as_deref(), typed.as_deref());
    let (ours, theirs) = (named(typed, stored), named(stored, typed));
    Difference::between("Models", "models", theirs, ours)
}

fn sorted(models: Option<&[String]>) -> Option<Vec<&str>> {
    let models = models?.iter().map(String::as_str);
    let models: BTreeSet<_> = models.collect();
    Some(models.into_iter().collect())
}

/// What `own` names; first what `other` does not.
fn named(own: Option<&[&str]>, other: Option<&[&str]>) -> String {
    let Some(own) = own else {
        return "All models".to_owned();
    };
    let is_common = |name: &&str| other.is_some_and(|other| other.contains(name));
    let (common, alone): (Vec<&str>, Vec<&str>) = own.iter().copied().partition(is_common);
    let names: Vec<&str> = alone.into_iter().chain(common).collect();
    match names.split_at_checked(NAMED) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("{} and {} more", first.join(", "), rest.len())
        }
        _ if names.is_empty() => "No model".to_owned(),
        _ => names.join(", "),
    }
}

/// What was chosen: names and patterns; `None` for all.
pub(super) fn read(form: &Form) -> Option<Vec<String>> {
    if form.text("model_access") != Some("some") {
        return None;
    }
    let patterns = form.get("patterns").unwrap_or_default().split(['\n', ',']);
    let chosen = form.all("model").chain(patterns).map(str::trim);
    Some(
        chosen
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
    )
}

/// A list of models in short.
pub(super) fn summary(models: Option<&[String]>) -> String {
    match models {
        None => "All".to_owned(),
        Some([]) => "None".to_owned(),
        Some([one]) => one.clone(),
        Some([one, two]) => format!("{one}, {two}"),
        Some([one, rest @ ..]) => format!("{one} and {} more", rest.len()),
    }
}
