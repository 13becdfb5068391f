//! What a form says where someone else changed its thing since it was shown. Only two states are known,
//! what is stored and what was typed, so that all that differs is told and nothing is merged unseen.

use crate::dashboard::components::{Conflict, Difference, Field};

/// A conflict over a `what`, whose stored state is at `discard`.
pub(super) fn over(
    what: &'static str,
    differences: impl IntoIterator<Item = Difference>,
    discard: String,
) -> Conflict {
    Conflict {
        what,
        differences: differences.into_iter().collect(),
        discard,
    }
}

/// How a field as it was typed differs from the same as it is stored, if it does.
pub(super) fn of_field(stored: &Field, typed: &Field) -> Option<Difference> {
    Difference::between(stored.label, stored.name, stored.shown(), typed.shown())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::components::{Choice, Control};

    #[test]
    fn a_choice_is_told_by_its_name_and_what_is_alike_is_not_told() {
        let field = |value: &str| {
            let choices = vec![Choice::new("1", "Default"), Choice::new("2", "Assistant")];
            Field::new("Project", "project")
                .by(Control::Select(choices))
                .value(value)
        };
        let told = of_field(&field("1"), &field("2")).unwrap();
        assert_eq!(
            (told.stored, told.typed),
            ("Default".into(), "Assistant".into())
        );
        assert_eq!(of_field(&field("2"), &field("2")), None);
        let name = |value: &str| Field::new("Name", "name").value(value);
        assert_eq!(of_field(&name("One"), &name(" One ")), None);
        let day = of_field(&name(""), &name("2027-01-31")).unwrap();
        assert_eq!(day.stored, "–");
    }
}
