//! What is wrong with a form, said beside each field.

use crate::dashboard::components::Field;
use crate::management::{Fault, Problem};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<Fault>);

impl Mistakes {
    /// The mistakes that `problem` tells of, if it does. What stands in the way of a whole is most
    /// often its name.
    pub(super) fn of(problem: Problem) -> Result<Self, Problem> {
        match problem {
            Problem::Invalid(faults) => Ok(Self(faults)),
            Problem::Conflict(message) => Ok(Self(vec![Fault {
                field: "name".to_owned(),
                message,
            }])),
            problem => Err(problem),
        }
    }

    /// `field` with what is wrong at `path` or below it.
    pub(super) fn mark(&self, field: Field, path: &str) -> Field {
        match self.at(path) {
            Some(message) => field.error(message),
            None => field,
        }
    }

    /// What is wrong at `path` or below it, as a sentence.
    pub(super) fn at(&self, path: &str) -> Option<String> {
        let is_here = |fault: &&Fault| {
            let rest = fault.field.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.0
            .iter()
            .find(is_here)
            .map(|fault| sentence(&fault.message))
    }
}

/// `text` with a capital and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    let text: String = first.into_iter().flatten().chain(letters).collect();
    if text.ends_with(['.', '!', '?']) {
        return text;
    }
    format!("{text}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_stands_beside_its_field() {
        let fault = Fault {
            field: "limits.quota.amount".to_owned(),
            message: "is required".to_owned(),
        };
        let mistakes = Mistakes(vec![fault]);
        assert_eq!(mistakes.at("limits.quota").as_deref(), Some("Is required."));
        assert_eq!(mistakes.at("limits.quo"), None);
    }
}
