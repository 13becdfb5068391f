//! Which models a scope may call: patterns that are exact names or `*`-globs, compiled once.

/// The most entries of an allowlist.
pub const LONGEST: usize = 1000;

/// One entry of an allowlist or of a provider's `models`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPattern {
    text: String,
    is_glob: bool,
}

/// What a scope allows. A missing list allows everything, an empty one nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelAccess(Option<Vec<ModelPattern>>);

/// A pattern that cannot name a model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a model pattern has 1 to 256 characters, none of them white space or control")]
pub struct InvalidPattern;

impl ModelPattern {
    /// Reads an exact name or a glob whose `*` stands for any run of characters.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let fits = !text.is_empty() && text.len() <= 256;
        if !fits || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(InvalidPattern);
        }
        Ok(Self {
            text: text.to_owned(),
            is_glob: text.contains('*'),
        })
    }

    /// Whether the pattern names exactly one model.
    pub fn exact(&self) -> Option<&str> {
        (!self.is_glob).then_some(self.text.as_str())
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `model` is meant.
    pub fn matches(&self, model: &str) -> bool {
        if self.is_glob {
            glob_matches(&self.text, model)
        } else {
            self.text == model
        }
    }
}

impl ModelAccess {
    /// Everything is allowed.
    pub fn all() -> Self {
        Self(None)
    }

    /// Compiles a stored list.
    pub fn compile(list: Option<&[String]>) -> Result<Self, InvalidPattern> {
        let compiled = list.map(|patterns| {
            let parsed = patterns.iter().map(|text| ModelPattern::parse(text));
            parsed.collect::<Result<Vec<_>, _>>()
        });
        Ok(Self(compiled.transpose()?))
    }

    /// Whether `model` may be called.
    pub fn allows(&self, model: &str) -> bool {
        let Some(patterns) = &self.0 else { return true };
        patterns.iter().any(|pattern| pattern.matches(model))
    }

    /// Whether everything that `pattern` means may be called. One of the patterns here must mean all
    /// of it: a star of `pattern` is then matched by a star.
    pub fn covers(&self, pattern: &str) -> bool {
        self.allows(pattern)
    }
}

/// Each literal between stars is looked for as early as possible, which is enough for `*` alone.
fn glob_matches(glob: &str, text: &str) -> bool {
    let mut literals = glob.split('*');
    let first = literals.next().unwrap_or_default();
    let last = literals.next_back().unwrap_or_default();
    let inner = text
        .strip_prefix(first)
        .and_then(|rest| rest.strip_suffix(last));
    let Some(mut rest) = inner else { return false };
    for literal in literals {
        match rest.split_once(literal) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(list: &[&str]) -> ModelAccess {
        let list: Vec<String> = list.iter().map(ToString::to_string).collect();
        ModelAccess::compile(Some(&list)).unwrap()
    }

    #[test]
    fn a_missing_list_allows_everything_and_an_empty_one_nothing() {
        assert!(ModelAccess::compile(None).unwrap().allows("gpt-4o"));
        assert!(!access(&[]).allows("gpt-4o"));
    }

    #[test]
    fn an_exact_name_allows_only_itself() {
        let access = access(&["gpt-4o"]);
        assert!(access.allows("gpt-4o"));
        assert!(!access.allows("gpt-4o-mini"));
        assert!(!access.allows("GPT-4o"));
    }

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        let cases = [
            ("gpt-*", "gpt-4o", true),
            ("gpt-*", "gpt-", true),
            ("*-mini", "gpt-4o-mini", true),
            ("*", "anything/at:all", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("o*", "gpt-4o", false),
        ];
        for (glob, model, expected) in cases {
            assert_eq!(access(&[glob]).allows(model), expected, "{glob} {model}");
        }
    }

    #[test]
    fn a_pattern_is_covered_by_one_that_means_as_much() {
        let bound = access(&["gpt-4*", "o3"]);
        for (pattern, expected) in [
            ("gpt-4o", true),
            ("gpt-4*", true),
            ("gpt-4*-mini", true),
            ("gpt-*", false),
            ("o3", true),
            ("o*", false),
            ("*", false),
        ] {
            assert_eq!(bound.covers(pattern), expected, "{pattern}");
        }
        assert!(ModelAccess::all().covers("*"));
    }

    #[test]
    fn nonsense_is_no_pattern() {
        for text in ["", "a b", "a\n", &"x".repeat(257)] {
            assert_eq!(ModelPattern::parse(text), Err(InvalidPattern));
        }
    }
}
