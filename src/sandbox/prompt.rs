//! What the caller sent, and how many tokens it counts for: a quarter of its characters, four a
//! message, and a fixed number for each picture, sound or file.

use serde::Deserialize;
use serde_json::Value;

const TOKENS_PER_MESSAGE: usize = 4;
const IMAGE_TOKENS: usize = 85;
const AUDIO_TOKENS: usize = 50;
const OTHER_PART_TOKENS: usize = 200;
const CHARS_PER_TOKEN: usize = 4;

/// One chat message; what it does not know it ignores.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub role: String,
    content: Option<Content>,
    tool_calls: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

impl Message {
    /// The text of all its parts.
    pub fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                let texts: Vec<&str> = parts.iter().filter_map(|p| p.text.as_deref()).collect();
                texts.join(" ")
            }
        }
    }

    /// How many pictures, sounds and files it carries.
    pub fn attachments(&self) -> usize {
        self.parts().filter(|part| part.tokens() > 0).count()
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        let parts: &[Part] = match &self.content {
            Some(Content::Parts(parts)) => parts,
            _ => &[],
        };
        parts.iter()
    }

    fn chars(&self) -> usize {
        let calls = self.tool_calls.as_ref().map_or(0, json_chars);
        self.text().chars().count() + calls
    }
}

impl Part {
    /// Tokens beside its text.
    fn tokens(&self) -> usize {
        match self.kind.as_str() {
            "text" | "refusal" => 0,
            "image_url" => IMAGE_TOKENS,
            "input_audio" => AUDIO_TOKENS,
            _ => OTHER_PART_TOKENS,
        }
    }
}

/// Prompt tokens of a conversation and the tools offered with it.
pub(super) fn chat_tokens(messages: &[Message], tools: &[Value]) -> usize {
    let chars: usize = messages.iter().map(Message::chars).sum();
    let tool_chars: usize = tools.iter().map(json_chars).sum();
    let attached: usize = messages
        .iter()
        .flat_map(Message::parts)
        .map(Part::tokens)
        .sum();
    (chars + tool_chars).div_ceil(CHARS_PER_TOKEN) + TOKENS_PER_MESSAGE * messages.len() + attached
}

/// Prompt tokens of plain text.
pub(super) fn text_tokens(text: &str) -> usize {
    text.chars().count().div_ceil(CHARS_PER_TOKEN)
}

fn json_chars(value: &Value) -> usize {
    if value.is_null() {
        return 0;
    }
    value.to_string().chars().count()
}

/// One text or many, each plain or already cut into token ids.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Input {
    Text(String),
    Texts(Vec<String>),
    Ids(Vec<u64>),
    IdLists(Vec<Vec<u64>>),
}

/// One item of an [`Input`].
pub(super) enum Item {
    Text(String),
    Ids(Vec<u64>),
}

impl Input {
    /// Its items in order.
    pub fn items(self) -> Vec<Item> {
        match self {
            Self::Text(text) => vec![Item::Text(text)],
            Self::Texts(texts) => texts.into_iter().map(Item::Text).collect(),
            Self::Ids(ids) => vec![Item::Ids(ids)],
            Self::IdLists(lists) => lists.into_iter().map(Item::Ids).collect(),
        }
    }
}

impl Item {
    /// Tokens it counts for.
    pub fn tokens(&self) -> usize {
        match self {
            Self::Text(text) => text_tokens(text),
            Self::Ids(ids) => ids.len(),
        }
    }

    /// Its words, or its token ids spelled out.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Text(text) => text.split_whitespace().map(str::to_lowercase).collect(),
            Self::Ids(ids) => ids.iter().map(u64::to_string).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(json: Value) -> Message {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn text_counts_a_quarter_of_its_characters_and_four_a_message() {
        let messages = [
            message(json!({"role": "system", "content": "12345678"})),
            message(json!({"role": "user", "content": "ééé"})),
        ];
        assert_eq!(chat_tokens(&messages, &[]), 3 + 8);
    }

    #[test]
    fn pictures_and_sounds_count_a_fixed_number() {
        let messages = [message(json!({"role": "user", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        ]}))];
        assert_eq!(chat_tokens(&messages, &[]), 1 + 4 + 85 + 50);
        assert_eq!(messages[0].attachments(), 2);
    }

    #[test]
    fn an_assistant_message_with_tool_calls_needs_no_content() {
        let call = json!({"role": "assistant", "content": null, "tool_calls": [{"id": "x"}]});
        assert_eq!(chat_tokens(&[message(call)], &[]), 3 + 4);
    }

    #[test]
    fn every_form_of_input_is_understood() {
        let count = |value| -> Vec<usize> {
            let input: Input = serde_json::from_value(value).unwrap();
            input.items().iter().map(Item::tokens).collect()
        };
        assert_eq!(count(json!("abcde")), [2]);
        assert_eq!(count(json!(["a", "abcdefgh"])), [1, 2]);
        assert_eq!(count(json!([7, 8, 9])), [3]);
        assert_eq!(count(json!([[7, 8], [9]])), [2, 1]);
    }
}
