//! `--models`: which models a key or project may call.

use std::str::FromStr;

use crate::domain::model_access::ModelPattern;

/// An allowlist; `None` allows all models, an empty one none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelList(pub(super) Option<Vec<String>>);

impl FromStr for ModelList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "all" => return Ok(Self(None)),
            "none" => {
                let choice = "write 'all' to allow every model or '' to allow none";
                return Err(choice.to_owned());
            }
            _ => {}
        }
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let checked = names.map(|name| match ModelPattern::parse(name) {
            Ok(_) => Ok(name.to_owned()),
            Err(error) => Err(format!("{name:?}: {error}")),
        });
        Ok(Self(Some(checked.collect::<Result<_, _>>()?)))
    }
}
