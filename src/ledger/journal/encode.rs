//! Records as bytes: a version, a kind, the call's id, then the fields in a fixed order. Integers are
//! zigzag varints, texts and lists have their length first. [`super::decode`] reads them.

use uuid::Uuid;

use super::{Closing, Drawn, Opening, frame, numbers};
use crate::domain::price::Price;
use crate::domain::tenant::CallId;
use crate::domain::usage::{Charge, Held, Usage};

/// What the records are written in.
pub(super) const VERSION: u8 = 1;

/// A call is about to be sent.
pub(super) const INTENT: u8 = 1;
/// Output tokens of it were seen.
pub(super) const PROGRESS: u8 = 2;
/// It ended.
pub(super) const SETTLE: u8 = 3;

/// The store keeps no more of a text.
const LONGEST_TEXT: usize = 256;
const LONGEST_CODE: usize = 64;

/// More than a closing adds to its opening.
pub(super) const MOST_CLOSING: usize = 192;

/// Appends an unsealed frame that says how a call opened.
pub(super) fn intent(to: &mut Vec<u8>, opening: &Opening) {
    begin(to, INTENT);
    put_opening(to, opening);
}

/// Appends an unsealed frame that says what was seen of a call.
pub(super) fn progress(to: &mut Vec<u8>, id: CallId, delivered: i64) {
    begin(to, PROGRESS);
    put_uuid(to, id.0);
    put_integer(to, delivered);
}

/// Appends an unsealed frame that says how a call opened and closed.
pub(super) fn settle(to: &mut Vec<u8>, opening: &Opening, closing: &Closing) {
    begin(to, SETTLE);
    put_opening(to, opening);
    put_closing(to, closing);
}

fn begin(to: &mut Vec<u8>, kind: u8) {
    frame::begin(to);
    to.extend_from_slice(&[VERSION, kind]);
}

fn put_opening(to: &mut Vec<u8>, opening: &Opening) {
    put_uuid(to, opening.id.0);
    put_integer(to, opening.at.0);
    put_uuid(to, opening.organisation_id.0);
    put_uuid(to, opening.project_id.0);
    put_uuid(to, opening.key_id.0);
    to.extend_from_slice(&opening.secret.0);
    put_text(to, &opening.provider, LONGEST_TEXT);
    put_text(to, &opening.model, LONGEST_TEXT);
    put_text(to, &opening.upstream_model, LONGEST_TEXT);
    put_text(to, &opening.endpoint, LONGEST_TEXT);
    to.push(u8::from(opening.is_stream));
    put_option(to, opening.price.as_ref(), put_price);
    let Held {
        tokens,
        prompt_estimate,
    } = opening.held;
    put_integer(to, tokens);
    put_integer(to, prompt_estimate);
    put_integer(to, opening.held_nano);
    put_integer(to, opening.choices);
    put_integer(to, opening.cap);
    put_length(to, opening.draws.len());
    for drawn in &opening.draws {
        put_drawn(to, drawn);
    }
}

fn put_price(to: &mut Vec<u8>, price: &Price) {
    let Price {
        input,
        output,
        cached_input,
        cache_write,
    } = *price;
    put_integer(to, input);
    put_integer(to, output);
    put_integer(to, cached_input);
    put_integer(to, cache_write);
}

fn put_drawn(to: &mut Vec<u8>, drawn: &Drawn) {
    put_uuid(to, drawn.budget);
    put_option(to, drawn.lease.as_ref(), |to, lease| put_uuid(to, *lease));
    to.push(numbers::of_unit(drawn.unit));
    put_integer(to, drawn.held);
}

fn put_closing(to: &mut Vec<u8>, closing: &Closing) {
    put_charge(to, &closing.charge);
    put_integer(to, closing.cost_nano);
    put_integer(to, i64::from(closing.status));
    put_option(to, closing.code.as_ref(), |to, code| {
        put_text(to, code, LONGEST_CODE);
    });
    to.push(u8::from(closing.is_disconnected));
    put_integer(to, closing.duration_ms);
    put_option(to, closing.first_token_ms.as_ref(), |to, span| {
        put_integer(to, *span);
    });
}

fn put_charge(to: &mut Vec<u8>, charge: &Charge) {
    let Usage {
        input,
        output,
        total,
        cached_input,
        cache_write,
        reasoning,
    } = charge.usage;
    put_integer(to, charge.requests);
    put_integer(to, charge.tokens);
    let parts = [input, output, total, cached_input, cache_write, reasoning];
    for part in parts {
        put_integer(to, part);
    }
    to.push(numbers::of_source(charge.source));
    to.push(u8::from(charge.is_suspicious));
}

fn put_uuid(to: &mut Vec<u8>, id: Uuid) {
    to.extend_from_slice(id.as_bytes());
}

fn put_option<T>(to: &mut Vec<u8>, value: Option<&T>, put: impl FnOnce(&mut Vec<u8>, &T)) {
    to.push(u8::from(value.is_some()));
    if let Some(value) = value {
        put(to, value);
    }
}

fn put_text(to: &mut Vec<u8>, text: &str, most: usize) {
    let text = text.get(..text.floor_char_boundary(most));
    let text = text.unwrap_or_default();
    put_length(to, text.len());
    to.extend_from_slice(text.as_bytes());
}

fn put_length(to: &mut Vec<u8>, length: usize) {
    put_integer(to, i64::try_from(length).unwrap_or(i64::MAX));
}

/// Small numbers of either sign take few bytes: the sign goes last, seven bits go in a byte.
fn put_integer(to: &mut Vec<u8>, integer: i64) {
    let mut rest = ((integer << 1) ^ (integer >> 63)).cast_unsigned();
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            return to.push(low & 0x7f);
        }
        to.push(low | 0x80);
    }
}
