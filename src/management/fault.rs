//! What is wrong with a request, field by field: whoever asked gets to know all of it at once.

use serde::Serialize;

use super::Problem;
use crate::domain::limits::patch::AmountMissing;
use crate::domain::model_access::{LONGEST, ModelPattern};
use crate::domain::name;
use crate::domain::time::Timestamp;

/// One field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Fault {
    /// The field's path, such as `limits.quota.amount`.
    pub field: String,
    /// What it takes.
    pub message: String,
}

/// Collects faults, so that none hides another.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

/// The most that are told: whoever has so much to correct begins with these.
pub const MOST: usize = 64;

/// Why nothing can stop working at `at`, if it cannot.
pub fn wrong_end(at: Option<Timestamp>) -> Option<&'static str> {
    let is_too_far = at.is_some_and(Timestamp::is_too_far);
    is_too_far.then_some("ends with the year 9998 at the latest")
}

impl Faults {
    /// Notes that `field` is wrong, unless enough is noted.
    pub fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        if self.0.len() >= MOST {
            return;
        }
        self.0.push(Fault {
            field: field.into(),
            message: message.into(),
        });
    }

    /// Whether there are none so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are so far.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Fails if there are any.
    pub fn check(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Problem::Invalid(self.0))
    }

    /// A name as it is kept.
    pub fn name(&mut self, field: &str, name: &str) -> String {
        let kept = name::kept(name);
        if kept.is_none() {
            self.add(field, name::RULE);
        }
        kept.unwrap_or_default()
    }

    /// A name that must be there.
    pub fn required_name(&mut self, field: &str, name: Option<&str>) -> String {
        if name.is_none() {
            self.add(field, "is required");
            return String::new();
        }
        self.name(field, name.unwrap_or_default())
    }

    /// When something stops working, if ever.
    pub fn expiry(&mut self, field: &str, at: Option<Timestamp>) {
        if let Some(wrong) = wrong_end(at) {
            self.add(field, wrong);
        }
    }

    /// A new quota or budget without its amount.
    pub fn missing(&mut self, missing: Option<AmountMissing>) {
        if let Some(AmountMissing(field)) = missing {
            self.add(field, "is required where there was none");
        }
    }

    /// A list of models: exact names or globs.
    pub fn models(&mut self, field: &str, models: Option<&[String]>) {
        let models = models.unwrap_or_default();
        if models.len() > LONGEST {
            self.add(field, format!("at most {LONGEST} names and patterns"));
        }
        for (place, model) in models.iter().enumerate() {
            if let Err(error) = ModelPattern::parse(model) {
                self.add(format!("{field}[{place}]"), error.to_string());
            }
        }
    }
}
