//! `--models`: which models a key or project may call.

use std::str::FromStr;

use crate::domain::model_access::{LONGEST, ModelPattern};

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
        let names: Vec<_> = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        if names.len() > LONGEST {
            return Err(format!("write at most {LONGEST} names and patterns"));
        }
        let checked = names
            .into_iter()
            .map(|name| match ModelPattern::parse(name) {
                Ok(_) => Ok(name.to_owned()),
                Err(error) => Err(format!("{name:?}: {error}")),
            });
        Ok(Self(Some(checked.collect::<Result<_, _>>()?)))
    }
}

/// An allowlist in a few words, for tables.
pub(super) fn summary(models: Option<&[String]>) -> String {
    match models {
        None => "all".to_owned(),
        Some([]) => "none".to_owned(),
        Some(names) => names.join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Option<Vec<String>> {
        text.parse::<ModelList>().unwrap().0
    }

    #[test]
    fn all_is_no_list_and_nothing_an_empty_one() {
        assert_eq!(list("all"), None);
        assert_eq!(list(""), Some(vec![]));
        assert_eq!(list("a, b*,"), Some(vec!["a".to_owned(), "b*".to_owned()]));
    }

    #[test]
    fn a_list_is_no_longer_than_the_management_api_takes() {
        let names = |count| vec!["a"; count].join(",");
        assert!(names(LONGEST).parse::<ModelList>().is_ok());
        assert!(names(LONGEST + 1).parse::<ModelList>().is_err());
    }

    #[test]
    fn none_is_refused_because_it_could_mean_either() {
        assert!("none".parse::<ModelList>().is_err());
        assert!("a b".parse::<ModelList>().is_err());
    }
}
