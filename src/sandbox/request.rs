//! Reading a request body: JSON, a known model, then the endpoint's own fields.

use axum::extract::rejection::BytesRejection;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::MODELS;
use super::problem::Problem;

/// Most choices one call may ask for, as at OpenAI.
const MAX_CHOICES: u32 = 128;

/// A body as axum hands it over.
pub(super) type Received = Result<Bytes, BytesRejection>;

/// A parsed call with the facts every endpoint needs.
pub(super) struct Call<T> {
    /// The endpoint's own fields.
    pub fields: T,
    /// The model asked for, one of [`MODELS`].
    pub model: &'static str,
    /// Drives everything that varies between calls; the same body gives the same seed.
    pub seed: u32,
}

/// `stream_options` of a request.
#[derive(Debug, Default, Deserialize)]
pub(super) struct StreamOptions {
    include_usage: Option<bool>,
}

impl StreamOptions {
    /// Whether the caller asked for the usage chunk.
    pub fn usage_wanted(options: Option<&Self>) -> bool {
        options.and_then(|o| o.include_usage).unwrap_or(false)
    }
}

/// Parses a body, refusing what OpenAI would refuse.
pub(super) fn read<T: DeserializeOwned>(body: Received) -> Result<Call<T>, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        _ => Problem::bad_request("The request body could not be read."),
    })?;
    let json: Value = serde_json::from_slice(&body).map_err(|_| Problem::bad_json())?;
    let model = known_model(&json)?;
    let fields =
        serde_json::from_value(json).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(Call {
        fields,
        model,
        seed: crc32fast::hash(&body),
    })
}

/// The number of choices, 1 unless asked otherwise.
pub(super) fn choice_count(n: Option<u32>) -> Result<u32, Problem> {
    match n.unwrap_or(1) {
        n if (1..=MAX_CHOICES).contains(&n) => Ok(n),
        _ => Err(Problem::bad_field("n", "`n` must be between 1 and 128.")),
    }
}

/// The tighter of the given token caps; a cap of zero is refused.
pub(super) fn token_cap(caps: [Option<u64>; 2]) -> Result<usize, Problem> {
    let Some(cap) = caps.into_iter().flatten().min() else {
        return Ok(usize::MAX);
    };
    if cap == 0 {
        return Err(Problem::bad_field(
            "max_tokens",
            "The token cap must be at least 1.",
        ));
    }
    Ok(usize::try_from(cap).unwrap_or(usize::MAX))
}

fn known_model(json: &Value) -> Result<&'static str, Problem> {
    let asked = json
        .get("model")
        .and_then(Value::as_str)
        .filter(|model| !model.is_empty())
        .ok_or_else(|| Problem::bad_field("model", "You must provide a model parameter."))?;
    find_model(asked).ok_or_else(|| Problem::model_not_found(asked))
}

/// The static name of a model, if it is offered.
pub(super) fn find_model(asked: &str) -> Option<&'static str> {
    MODELS.into_iter().find(|model| *model == asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tighter_token_cap_wins() {
        assert_eq!(token_cap([Some(9), Some(4)]), Ok(4));
        assert_eq!(token_cap([None, Some(7)]), Ok(7));
        assert_eq!(token_cap([None, None]), Ok(usize::MAX));
        assert!(token_cap([Some(0), None]).is_err());
    }

    #[test]
    fn choices_are_between_one_and_the_maximum() {
        assert_eq!(choice_count(None), Ok(1));
        assert_eq!(choice_count(Some(128)), Ok(128));
        assert!(choice_count(Some(0)).is_err());
        assert!(choice_count(Some(129)).is_err());
    }
}
