//! One line of a form: its label, its control, what helps and what is wrong.

use askama::Template;

use super::Icon;

/// A labelled control.
#[derive(Clone, Debug, Template)]
#[template(path = "components/field.html")]
pub struct Field {
    /// What is asked.
    pub label: &'static str,
    /// Its name in the form.
    pub name: &'static str,
    /// What it holds.
    pub value: String,
    /// How it is answered.
    pub control: Control,
    /// What helps; may be empty.
    pub hint: String,
    /// What is wrong with the answer.
    pub error: Option<String>,
    /// It must be answered.
    pub is_required: bool,
    /// One begins to type here, unless something before it is wrong.
    pub is_first: bool,
    /// What browsers may fill in.
    pub autocomplete: &'static str,
    /// What the number counts, shown behind it; may be empty.
    pub unit: &'static str,
}

/// How a question is answered.
#[derive(Clone, Debug)]
pub enum Control {
    /// By a line of text, of this `type`.
    Line(&'static str),
    /// By a number or nothing, typed with this `inputmode`.
    Number(&'static str),
    /// By several lines.
    Lines,
    /// By one of a list.
    Select(Vec<Choice>),
    /// By one of a few, all in sight.
    Radio(Vec<Choice>),
}

/// One possible answer.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub name: String,
    /// What it means; may be empty.
    pub hint: String,
}

impl Field {
    /// A line of text.
    pub fn new(label: &'static str, name: &'static str) -> Self {
        Self {
            label,
            name,
            value: String::new(),
            control: Control::Line("text"),
            hint: String::new(),
            error: None,
            is_required: false,
            is_first: false,
            autocomplete: "off",
            unit: "",
        }
    }

    /// Answered in this way.
    #[must_use]
    pub fn by(mut self, control: Control) -> Self {
        self.control = control;
        self
    }

    /// Holding this.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// With this help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Wrong for this reason.
    #[must_use]
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.error = Some(error.into());
        self
    }

    /// To be answered.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// Where one begins to type.
    #[must_use]
    pub fn first(mut self) -> Self {
        self.is_first = true;
        self
    }

    /// Filled in by the browser with what it knows by this name.
    #[must_use]
    pub fn autocomplete(mut self, name: &'static str) -> Self {
        self.autocomplete = name;
        self
    }

    /// Counted in `unit`.
    #[must_use]
    pub fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// What it holds, as people read it.
    pub fn shown(&self) -> String {
        let chosen = match &self.control {
            Control::Select(choices) | Control::Radio(choices) => {
                choices.iter().find(|choice| choice.value == self.value)
            }
            _ => None,
        };
        let shown = chosen.map_or(self.value.trim(), |choice| &choice.name);
        if shown.is_empty() {
            return "–".to_owned();
        }
        shown.to_owned()
    }

    fn described_by(&self) -> String {
        let hint = (!self.hint.is_empty()).then(|| format!("hint-{}", self.name));
        let error = self.error.is_some().then(|| format!("error-{}", self.name));
        hint.into_iter().chain(error).collect::<Vec<_>>().join(" ")
    }
}

impl Choice {
    /// `name` for `value`.
    pub fn new(value: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            name: name.into(),
            hint: String::new(),
        }
    }

    /// With what it means.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}
