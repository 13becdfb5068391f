//! Which tokenizer a model has.

/// A tokenizer whose tables are at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// OpenAI's since GPT-4o.
    O200k,
    /// OpenAI's of GPT-4 and GPT-3.5.
    Cl100k,
}

/// The names that OpenAI's models begin with; the first that fits counts.
const FAMILIES: [(&str, Encoding); 12] = [
    ("gpt-4o", Encoding::O200k),
    ("chatgpt-4o", Encoding::O200k),
    ("gpt-4.1", Encoding::O200k),
    ("gpt-4.5", Encoding::O200k),
    ("gpt-5", Encoding::O200k),
    ("o1", Encoding::O200k),
    ("o3", Encoding::O200k),
    ("o4", Encoding::O200k),
    ("gpt-4", Encoding::Cl100k),
    ("gpt-3.5", Encoding::Cl100k),
    ("text-embedding-3", Encoding::Cl100k),
    ("text-embedding-ada", Encoding::Cl100k),
];

impl Encoding {
    /// The tokenizer of that name, if it is known.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "o200k" => Some(Self::O200k),
            "cl100k" => Some(Self::Cl100k),
            _ => None,
        }
    }

    /// The tokenizer of `model` on `host`, where that is enough to tell: elsewhere than on OpenAI's
    /// own servers anything may go by such a name. A tuned model has the tokenizer of its base.
    pub fn of_model(host: &str, model: &str) -> Option<Self> {
        if host != "api.openai.com" && !host.ends_with(".api.openai.com") {
            return None;
        }
        let model = model.strip_prefix("ft:").unwrap_or(model);
        let mut families = FAMILIES.iter();
        let family = families.find(|(name, _)| model.starts_with(name))?;
        Some(family.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_by_how_their_names_begin() {
        let cases = [
            ("gpt-4o-mini", Some(Encoding::O200k)),
            ("gpt-4.1", Some(Encoding::O200k)),
            ("gpt-5-nano", Some(Encoding::O200k)),
            ("o3", Some(Encoding::O200k)),
            ("ft:gpt-4o-mini-2024-07-18:acme::1", Some(Encoding::O200k)),
            ("gpt-4-turbo", Some(Encoding::Cl100k)),
            ("gpt-3.5-turbo", Some(Encoding::Cl100k)),
            ("text-embedding-3-small", Some(Encoding::Cl100k)),
            ("gpt-6", None),
            ("llama-3", None),
            ("openai/gpt-4o", None),
        ];
        for (model, encoding) in cases {
            let found = Encoding::of_model("api.openai.com", model);
            assert_eq!(found, encoding, "{model}");
        }
        assert!(Encoding::of_model("eu.api.openai.com", "gpt-4o").is_some());
        for host in ["127.0.0.1", "openrouter.ai", "fake-api.openai.com.example"] {
            assert_eq!(Encoding::of_model(host, "gpt-4o"), None, "{host}");
        }
    }
}
