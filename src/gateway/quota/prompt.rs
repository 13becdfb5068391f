//! How many tokens a prompt can have at most. Its bytes tell, because no token is shorter, and serve
//! while they take little of what is left; then its strings are counted by the model's own
//! tokenizer, and only what is no string stays bytes.

use std::sync::Arc;

use serde::Deserialize;

use super::super::inspect::{Text, texts};
use super::super::rate_limit::Limited;
use crate::domain::quota::Need;
use crate::ledger::Cover;
use crate::tokenizer::{Tables, Tokenizer};

/// A body of which the bytes are close enough.
const SMALL: usize = 4 * 1024;
/// Shorter strings are not worth a look.
const BRIEF: usize = 16;
/// How much text of one body is counted.
const MOST: usize = 1024 * 1024;

/// `need` of the call, with a closer bound on its prompt if that may matter to what covers it.
pub(super) async fn bounded(
    need: Need,
    limited: &Limited,
    covers: &[Arc<Cover>],
    tokenizer: &Arc<Tokenizer>,
) -> Need {
    let inspected = &limited.routed.inspected;
    let body = &inspected.body;
    let Some(encoding) = limited.routed.route.facts.encoding else {
        return need;
    };
    // Which model answers, and by which tokenizer, is then the provider's choice.
    let may_fall_back = !inspected.facts.fallbacks.is_empty();
    if may_fall_back || body.len() < SMALL || !may_matter(&need, covers) {
        return need;
    }
    // Boxed: calls seldom need it, and its future is large.
    let spare = Box::pin(tokenizer.count(encoding, body, spare)).await;
    let prompt = need.prompt.saturating_sub(spare.unwrap_or(0));
    Need { prompt, ..need }
}

/// Whether bytes take much of some budget, and the call could be admitted if they took nothing.
fn may_matter(need: &Need, covers: &[Arc<Cover>]) -> bool {
    let standings = || covers.iter().flat_map(|cover| cover.standings());
    let is_large = standings().any(|standing| need.is_prompt_large(&standing));
    is_large && standings().all(|standing| need.could_fit(&standing))
}

/// How many bytes of `body` are more than the tokens they make.
fn spare(body: &[u8], tables: &Tables) -> i64 {
    let (mut spare, mut counted) = (0, 0);
    for text in texts(body).filter(|text| text.raw.len() >= BRIEF) {
        counted += text.raw.len();
        if counted > MOST {
            break;
        }
        spare += text.raw.len().saturating_sub(tokens(text, tables));
    }
    i64::try_from(spare).unwrap_or(0)
}

/// The most tokens that the model can see of `text`, however its provider shows it to it.
fn tokens(text: Text<'_>, tables: &Tables) -> usize {
    let Text { raw, is_spoken } = text;
    let is_plain = !raw.contains('\\');
    let may_be_rewritten = !raw.is_ascii() || raw.contains("\\u");
    if is_plain && (is_spoken || raw.is_ascii()) {
        return tables.count(raw);
    }
    if !is_spoken && may_be_rewritten {
        return raw.len();
    }
    let Some(unescaped) = unescape(raw) else {
        return raw.len();
    };
    let heard = tables.count(&unescaped);
    if is_spoken {
        heard
    } else {
        heard.max(tables.count(raw))
    }
}

fn unescape(raw: &str) -> Option<String> {
    let quoted = format!("\"{raw}\"");
    String::deserialize(&mut serde_json::Deserializer::from_str(&quoted)).ok()
}

#[cfg(feature = "tokenizer")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::encoding::Encoding;
    use proptest::prelude::*;
    use serde_json::json;

    /// What a provider may make of messages: their texts one after the other, with four tokens of
    /// its own for each message and three for the answer.
    fn real(tables: &Tables, texts: &[String]) -> usize {
        let together = tables.count(&texts.concat());
        let apart: usize = texts.iter().map(|text| tables.count(text)).sum();
        together.max(apart) + 4 * texts.len() + 3
    }

    fn bound(tables: &Tables, body: &str) -> usize {
        body.len() - usize::try_from(spare(body.as_bytes(), tables)).unwrap()
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,80}",
            "[a-zA-Z0-9 .,\\n\\t\"\\\\]{0,200}",
            "[a-c]{0,200}",
            "[0-9]{0,100}",
            "[\\p{Han}]{0,60}",
            "( |\\n|\\t){0,60}",
            any::<String>(),
        ]
    }

    proptest! {
        #[test]
        fn no_prompt_has_more_tokens_than_its_bound(
            texts in proptest::collection::vec(text(), 1..8), is_old in any::<bool>(),
        ) {
            let encoding = if is_old { Encoding::Cl100k } else { Encoding::O200k };
            let tables = Tables::load(encoding).unwrap();
            let message = |text: &String| json!({"role": "user", "content": text});
            let messages: Vec<_> = texts.iter().map(message).collect();
            let chat = json!({"model": "m", "messages": messages}).to_string();
            prop_assert!(bound(&tables, &chat) >= real(&tables, &texts));
            let part = |text: &String| json!({"type": "text", "text": text});
            let parts: Vec<_> = texts.iter().map(part).collect();
            let parts = json!({"model": "m", "messages": [{"role": "user", "content": parts}]});
            prop_assert!(bound(&tables, &parts.to_string()) >= real(&tables, &texts));
            let inputs = json!({"model": "m", "input": texts}).to_string();
            let apart: usize = texts.iter().map(|text| tables.count(text)).sum();
            prop_assert!(bound(&tables, &inputs) >= apart);
        }

        #[test]
        fn a_tool_counts_as_json_and_as_what_it_says(texts in proptest::collection::vec(text(), 1..8)) {
            let tables = Tables::load(Encoding::O200k).unwrap();
            let tool = |text: &String| json!({"type": "function", "function": {
                "name": "f", "description": text, "parameters": {"type": "object"}}});
            let tools: Vec<_> = texts.iter().map(tool).collect();
            let body = json!({"model": "m", "messages": [], "tools": tools}).to_string();
            let as_json = tables.count(&json!(tools).to_string());
            let as_text: usize = texts.iter().map(|text| tables.count(text)).sum();
            prop_assert!(bound(&tables, &body) >= as_json.max(as_text));
        }
    }

    #[test]
    fn english_takes_a_fraction_of_its_bytes() {
        let tables = Tables::load(Encoding::O200k).unwrap();
        let text = "The quick brown fox jumps over the lazy dog. ".repeat(200);
        let body = json!({"messages": [{"role": "user", "content": text}]}).to_string();
        assert_eq!(tables.count(&text), 2001);
        assert!(bound(&tables, &body) < 2060, "{}", bound(&tables, &body));
    }

    #[test]
    fn what_lies_beyond_the_most_stays_bytes() {
        let tables = Tables::load(Encoding::O200k).unwrap();
        let text = "word ".repeat(MOST / 5);
        let body = json!({"messages": [{"content": text}, {"content": text}]}).to_string();
        assert!(bound(&tables, &body) > MOST);
    }
}
