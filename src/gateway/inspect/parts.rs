//! What a prompt holds besides text. An image's base64 says nothing about its tokens, so such parts
//! are counted, and their bytes left out of the text.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::Fields;

/// Fields by which providers are asked to search, to run plugins or to read data of their own.
const OPEN_ENDED: [&str; 6] = [
    "web_search_options",
    "prediction",
    "search_parameters",
    "plugins",
    "data_sources",
    "enable_search",
];

/// Parts that are no text.
#[derive(Default)]
pub(super) struct NonText<'a> {
    pub(super) parts: i64,
    /// Those whose bytes say nothing about their tokens, as they stand in the body.
    pub(super) raw: Vec<&'a str>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    r#type: std::borrow::Cow<'a, str>,
}

/// The parts of a chat's messages that are no text.
pub(super) fn of<'a>(fields: &Fields<'a>) -> NonText<'a> {
    let Some(messages) = fields.get("messages") else {
        return NonText::default();
    };
    if !may_hold_parts(messages.as_bytes()) {
        return NonText::default();
    }
    match serde_json::from_str::<Vec<Message>>(messages) {
        Ok(messages) => messages
            .iter()
            .filter_map(|message| message.content)
            .fold(NonText::default(), NonText::and),
        Err(_) => NonText::guess(messages),
    }
}

/// Parts stand in lists that are a field's value, within the list of messages.
fn may_hold_parts(messages: &[u8]) -> bool {
    memchr::memchr_iter(b'[', messages).any(|at| {
        let before = messages.get(..at).unwrap_or_default();
        before.trim_ascii_end().ends_with(b":")
    })
}

impl<'a> NonText<'a> {
    /// The bytes that `raw` takes.
    pub(super) fn bytes(&self) -> usize {
        self.raw.iter().map(|part| part.len()).sum()
    }

    fn and(self, content: &'a RawValue) -> Self {
        let Ok(parts) = serde_json::from_str::<Vec<&RawValue>>(content.get()) else {
            return self; // plain text
        };
        parts.into_iter().fold(self, Self::and_part)
    }

    /// A part of an unknown kind may hold text all the same, so its bytes stay with the text.
    fn and_part(mut self, part: &'a RawValue) -> Self {
        let kind = serde_json::from_str::<Kind>(part.get());
        let kind = kind.as_ref().map_or("", |kind| kind.r#type.as_ref());
        match kind {
            "text" | "refusal" => return self,
            "image_url" | "input_audio" | "file" | "video_url" => self.raw.push(part.get()),
            _ => {}
        }
        self.parts += 1;
        self
    }

    /// For messages of an unknown shape: as many parts as they could hold, and every byte as text.
    fn guess(messages: &str) -> Self {
        let objects = memchr::memchr_iter(b'{', messages.as_bytes()).count();
        Self {
            parts: i64::try_from(objects).unwrap_or(i64::MAX),
            raw: Vec::new(),
        }
    }
}

/// Whether the provider adds to the prompt by itself.
pub(super) fn is_open_ended(fields: &Fields) -> bool {
    let hosted = |tools: &str| match serde_json::from_str::<Vec<Kind>>(tools) {
        Ok(tools) => tools
            .iter()
            .any(|tool| !matches!(tool.r#type.as_ref(), "function" | "custom")),
        Err(_) => true,
    };
    let asks = |field: &&str| fields.get(field).is_some_and(|value| value != "false");
    OPEN_ENDED.iter().any(asks) || fields.get("tools").is_some_and(hosted)
}

/// Prompts of a `/v1/completions` body: an array of strings or of token arrays holds several.
pub(super) fn prompts(fields: &Fields) -> i64 {
    let several = fields
        .get("prompt")
        .filter(|prompt| prompt.starts_with('['));
    let Some(Ok(prompts)) = several.map(serde_json::from_str::<Vec<&RawValue>>) else {
        return 1;
    };
    let is_prompt = |part: &&&RawValue| part.get().starts_with(['"', '[']);
    let count = prompts.iter().filter(is_prompt).count();
    i64::try_from(count).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn non_text(body: &str) -> (i64, usize) {
        let found = of(&Fields::read(body.as_bytes(), "").unwrap());
        (found.parts, found.bytes())
    }

    #[test]
    fn an_image_counts_as_a_part_and_not_by_its_bytes() {
        let image = r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#;
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"hi"}},{image}]}}]}}"#
        );
        assert_eq!(non_text(&body), (1, image.len()));
    }

    #[test]
    fn a_type_behind_escapes_is_still_a_part() {
        let body = r#"{"messages":[{"content":[{"type":"image\u005furl","url":"x"}]}]}"#;
        assert_eq!(non_text(body).0, 1);
    }

    #[test]
    fn plain_text_has_no_parts() {
        let body = r#"{"messages":[{"content":"an image file"},{"content":null}]}"#;
        assert_eq!(non_text(body), (0, 0));
    }

    #[test]
    fn messages_that_cannot_be_read_count_all_that_they_could_hold() {
        let body = r#"{"messages":[{"content":"a","content":[{"type":"image_url"}]}]}"#;
        assert_eq!(non_text(body), (2, 0));
    }

    #[test]
    fn a_part_of_no_known_kind_counts_as_a_part_and_by_its_bytes() {
        for part in [
            r#"{"text":"an image"}"#,
            r#"{"type":"memo_file","text":"x"}"#,
            r#"{"type":"document_url","document_url":"https://x/a.pdf"}"#,
        ] {
            let body = format!(r#"{{"messages":[{{"content":[{part}]}}]}}"#);
            assert_eq!(non_text(&body), (1, 0), "{body}");
        }
    }

    #[test]
    fn hosted_tools_and_search_leave_the_prompt_open() {
        let open = |body: &str| is_open_ended(&Fields::read(body.as_bytes(), "").unwrap());
        assert!(open(r#"{"tools":[{"type":"web_search"}]}"#));
        assert!(open(r#"{"web_search_options":{}}"#));
        assert!(!open(r#"{"tools":[{"type":"function","function":{}}]}"#));
    }
}
