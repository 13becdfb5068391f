//! Places in lists, as whoever asks hands them back without understanding them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Faults;

/// The place as text.
pub(crate) fn write(place: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

/// The place that `text` names.
pub(crate) fn read<T: DeserializeOwned>(text: Option<&str>, faults: &mut Faults) -> Option<T> {
    let bytes = URL_SAFE_NO_PAD.decode(text?).unwrap_or_default();
    let place = serde_json::from_slice(&bytes).ok();
    if place.is_none() {
        faults.add("cursor", "is none of this list; begin anew");
    }
    place
}
