//! What the provider says: a friendly text, a call of the caller's tool, or an instance of the
//! caller's schema, cut into the pieces that count as tokens.

use serde::Deserialize;
use serde_json::{Value, json};

use super::prompt::Message;
use super::schema;

/// How much of the caller's words is repeated.
const GIST_CHARS: usize = 160;
/// Longest piece of text sent as one token.
const WORD_CHARS: usize = 10;
/// Length of one token of JSON.
const JSON_CHARS: usize = 4;

const CLOSINGS: [&str; 3] = [
    "Set OPENAI_API_KEY and start again to reach a real one.",
    "Ask for a cap on tokens and I will stop right there.",
    "Ask me to stream and you will see each token arrive.",
];

/// One answer, cut into tokens.
#[derive(Debug)]
pub(super) struct Answer {
    /// Set when the answer is a call of this tool.
    pub tool: Option<String>,
    /// The tokens; together they are the text or the tool's arguments.
    pub pieces: Vec<String>,
    /// Whether the cap cut it short.
    pub cut: bool,
}

/// `response_format` of a request.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Format {
    JsonSchema {
        json_schema: NamedSchema,
    },
    JsonObject,
    #[serde(other)]
    Text,
}

/// The schema inside a `json_schema` format.
#[derive(Debug, Deserialize)]
pub(super) struct NamedSchema {
    schema: Option<Value>,
}

impl Answer {
    /// A few sentences that repeat what the caller said.
    pub fn text(text: &str, variant: usize) -> Self {
        let closing = CLOSINGS.iter().cycle().nth(variant % CLOSINGS.len());
        let closing = closing.copied().unwrap_or_default();
        Self::plain(words(&format!(
            "You said: \"{}\". I am a simulated provider, so no model has read this. My usage is \
             real in its way: each piece of this answer is one token, and all of them are \
             counted. {closing}",
            gist(text),
        )))
    }

    /// The answer to a conversation.
    pub fn chat(messages: &[Message], format: Option<&Format>, variant: usize) -> Self {
        match format {
            Some(Format::JsonSchema { json_schema }) => {
                let instance = schema::instance(json_schema.schema.as_ref().unwrap_or(&json!({})));
                Self::plain(slices(&instance.to_string(), JSON_CHARS))
            }
            Some(Format::JsonObject) => {
                let object = json!({"answer": format!("You said: {}", gist(&heard(messages)))});
                Self::plain(slices(&object.to_string(), JSON_CHARS))
            }
            Some(Format::Text) | None => Self::text(&heard(messages), variant),
        }
    }

    /// A call of a tool with the smallest arguments its schema allows.
    pub fn tool(name: &str, parameters: Option<&Value>) -> Self {
        let arguments = parameters.map_or_else(|| json!({}), schema::instance);
        Self {
            tool: Some(name.to_owned()),
            ..Self::plain(slices(&arguments.to_string(), JSON_CHARS))
        }
    }

    /// Cuts it to at most `cap` tokens.
    pub fn capped(mut self, cap: usize) -> Self {
        self.cut = self.pieces.len() > cap;
        self.pieces.truncate(cap);
        self
    }

    /// Its tokens put together.
    pub fn joined(&self) -> String {
        self.pieces.concat()
    }

    /// Why it ended, in OpenAI's words.
    pub fn finish_reason(&self) -> &'static str {
        match (self.cut, &self.tool) {
            (true, _) => "length",
            (false, Some(_)) => "tool_calls",
            (false, None) => "stop",
        }
    }

    fn plain(pieces: Vec<String>) -> Self {
        Self {
            tool: None,
            pieces,
            cut: false,
        }
    }
}

/// What the conversation's last speaker said, attachments named.
fn heard(messages: &[Message]) -> String {
    let Some(last) = messages.last() else {
        return String::new();
    };
    match last.attachments() {
        0 => last.text(),
        1 => format!("{} [and 1 attachment]", last.text()),
        n => format!("{} [and {n} attachments]", last.text()),
    }
}

/// The beginning of a text on one line.
fn gist(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= GIST_CHARS {
        return line;
    }
    let start: String = line.chars().take(GIST_CHARS).collect();
    format!("{start}…")
}

/// Cuts a text before each space, and long words into slices.
fn words(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let space = rest.char_indices().skip(1).find(|(_, c)| *c == ' ');
        let (word, tail) = rest.split_at(space.map_or(rest.len(), |(at, _)| at));
        pieces.extend(slices(word, WORD_CHARS));
        rest = tail;
    }
    pieces
}

/// Cuts a text into slices of so many characters.
fn slices(text: &str, chars: usize) -> Vec<String> {
    let all: Vec<char> = text.chars().collect();
    all.chunks(chars)
        .map(|slice| slice.iter().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_repeats_what_was_said() {
        let answer = Answer::text("How  do\nyou do?", 0);
        assert!(answer.joined().starts_with("You said: \"How do you do?\"."));
        assert_eq!(answer.finish_reason(), "stop");
    }

    #[test]
    fn pieces_are_short_lossless_and_never_empty() {
        for text in [
            "a b  c",
            " lead",
            "日本語の長い文章はここにありますよ",
            "",
            "x",
        ] {
            let pieces = words(text);
            assert_eq!(pieces.concat(), text);
            assert!(pieces.iter().all(|p| (1..=10).contains(&p.chars().count())));
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let line = gist(&"é".repeat(500));
        assert_eq!(line.chars().count(), GIST_CHARS + 1);
    }

    #[test]
    fn a_cap_cuts_and_says_so() {
        let answer = Answer::text("hi", 0).capped(3);
        assert_eq!(answer.pieces.len(), 3);
        assert_eq!(answer.finish_reason(), "length");
        let whole = Answer::text("hi", 0);
        let size = whole.pieces.len();
        assert_eq!(whole.capped(size).finish_reason(), "stop");
    }

    #[test]
    fn variants_differ() {
        assert_ne!(
            Answer::text("hi", 0).joined(),
            Answer::text("hi", 1).joined()
        );
    }

    #[test]
    fn a_tool_without_parameters_gets_an_empty_object() {
        let answer = Answer::tool("now", None);
        assert_eq!(answer.joined(), "{}");
        assert_eq!(answer.finish_reason(), "tool_calls");
    }
}
