//! `POST /v1/embeddings`: unit vectors that depend on the text alone.
//!
//! A vector is the sum of one random direction per word, so texts that share words are near each
//! other and a try-out of a search finds what it should.

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::pace::Pace;
use super::problem::Problem;
use super::prompt::{Input, Item};
use super::reply::json_response;
use super::request::{Call, Received, read};

const DEFAULT_DIMENSIONS: usize = 256;
const MAX_DIMENSIONS: usize = 3072;
/// Most texts one call may send, as at OpenAI.
const MAX_ITEMS: usize = 2048;
/// Words beyond this one leave the vector as it is, which bounds the work of a call.
const MAX_WORDS: usize = 256;

#[derive(Debug, Deserialize)]
struct EmbeddingRequest {
    input: Input,
    dimensions: Option<usize>,
    encoding_format: Option<Encoding>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Float,
    Base64,
}

/// Answers an embedding call.
pub(super) async fn create(body: Received) -> Result<Response, Problem> {
    let call: Call<EmbeddingRequest> = read(body)?;
    let dimensions = call.fields.dimensions.unwrap_or(DEFAULT_DIMENSIONS);
    if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
        let message = "`dimensions` must be between 1 and 3072.";
        return Err(Problem::bad_field("dimensions", message));
    }
    let encoding = call.fields.encoding_format.unwrap_or_default();
    let items = call.fields.input.items();
    if items.is_empty() || items.len() > MAX_ITEMS || items.iter().any(|i| i.tokens() == 0) {
        let message = "`input` must hold between 1 and 2048 texts, none of them empty.";
        return Err(Problem::bad_field("input", message));
    }
    tokio::time::sleep(Pace::of(call.model, call.seed).due(0)).await;

    let tokens: usize = items.iter().map(Item::tokens).sum();
    let embed = |(index, item)| {
        let embedding = encoding.write(&vector(item, dimensions));
        json!({"object": "embedding", "index": index, "embedding": embedding})
    };
    let data: Vec<Value> = items.iter().enumerate().map(embed).collect();
    Ok(json_response(&json!({
        "object": "list", "data": data, "model": call.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })))
}

impl Encoding {
    fn write(self, vector: &[f32]) -> Value {
        match self {
            Self::Float => json!(vector),
            Self::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                STANDARD.encode(bytes).into()
            }
        }
    }
}

/// The text's direction, of length one.
fn vector(item: &Item, dimensions: usize) -> Vec<f32> {
    let mut words = item.words();
    words.truncate(MAX_WORDS);
    if words.is_empty() {
        words.push(String::new());
    }
    let mut sum = vec![0.0_f32; dimensions];
    for word in &words {
        let mut direction = Direction::of(word);
        for x in &mut sum {
            *x += direction.next();
        }
    }
    let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
    sum.iter().map(|x| x / length).collect()
}

/// The coordinates of one word, from a `SplitMix64` generator seeded by it.
struct Direction(u64);

impl Direction {
    fn of(word: &str) -> Self {
        let low = crc32fast::hash(word.as_bytes());
        Self(u64::from(low) << 32 | u64::from(!low))
    }

    /// The next coordinate, never zero, so that no sum of one word is.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [high, low, ..] = mixed.to_be_bytes();
        (f32::from(u16::from_be_bytes([high, low])) - 32_767.5) / 32_768.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, dimensions: usize) -> Vec<f32> {
        vector(&Item::Text(text.to_owned()), dimensions)
    }

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(x, y)| x * y).sum()
    }

    #[test]
    fn vectors_are_unit_length_and_depend_on_the_text_alone() {
        for dimensions in [1, 3, 256, 3072] {
            let vector = of("a red car", dimensions);
            assert_eq!(vector.len(), dimensions);
            assert!((cosine(&vector, &vector) - 1.0).abs() < 1e-4);
            assert_eq!(vector, of("a red car", dimensions));
        }
        assert!(of(" ", 4).iter().all(|x| x.is_finite()));
    }

    #[test]
    fn texts_that_share_words_are_near_each_other() {
        let query = of("red car", 256);
        assert!(cosine(&query, &of("a fast red car", 256)) > 0.5);
        assert!(cosine(&query, &of("boiled potatoes", 256)) < 0.3);
    }

    #[test]
    fn base64_holds_the_same_numbers() {
        let vector = of("hello", 8);
        let text = Encoding::Base64.write(&vector);
        let bytes = STANDARD.decode(text.as_str().unwrap()).unwrap();
        let back: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
            .collect();
        assert_eq!(back, vector);
    }
}
