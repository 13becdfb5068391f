//! The shape of an API key: `sk-` and 32 characters of base62, of which the last six are a CRC-32
//! over the 26 random ones. Garbage is told apart from keys without asking the store, and the plain
//! key exists once: the store keeps its SHA-256 and a display form.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const PREFIX: &[u8] = b"sk-";
const RANDOM: usize = 26;
const CHECKSUM: usize = 6;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A plain API key, on its way from its creation to the one answer that shows it.
#[derive(Debug)]
pub struct PlainKey(SecretString);

/// SHA-256 of a whole plain key; all that is ever stored of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretHash(pub [u8; 32]);

impl PlainKey {
    /// Makes a key from `fill`, a source of random bytes, without modulo bias. At least one of its
    /// characters is an upper-case letter, which some secret scanners ask for.
    pub fn generate(mut fill: impl FnMut(&mut [u8])) -> Self {
        loop {
            let random = random_characters(&mut fill);
            if random.iter().any(u8::is_ascii_uppercase) {
                return Self::assemble(&random);
            }
        }
    }

    fn assemble(random: &[u8]) -> Self {
        let key: Vec<u8> = [PREFIX, random, &checksum(random)].concat();
        Self(String::from_utf8_lossy(&key).into_owned().into())
    }

    /// The key itself, for the one answer that shows it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What the store keeps.
    pub fn hash(&self) -> SecretHash {
        SecretHash::digest(self.expose().as_bytes())
    }

    /// The form that may be shown ever after: `sk-AbCd…wxyz`.
    pub fn display(&self) -> String {
        let key = self.expose();
        let head = key.get(..7).unwrap_or_default();
        let tail = key.get(key.len() - 4..).unwrap_or_default();
        format!("{head}…{tail}")
    }
}

impl SecretHash {
    /// The hash of `presented` if it has a key's shape and checksum; `None` for garbage.
    pub fn of(presented: &[u8]) -> Option<Self> {
        let body = presented.strip_prefix(PREFIX)?;
        let (random, sum) = body.split_at_checked(RANDOM)?;
        let shaped = body.len() == RANDOM + CHECKSUM && body.iter().all(u8::is_ascii_alphanumeric);
        (shaped && sum == checksum(random)).then(|| Self::digest(presented))
    }

    /// The hash of any secret, whatever its shape.
    pub(super) fn digest(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash")
    }
}

fn random_characters(fill: &mut impl FnMut(&mut [u8])) -> Vec<u8> {
    let mut characters = Vec::with_capacity(RANDOM);
    let mut bytes = [0; 64];
    while characters.len() < RANDOM {
        fill(&mut bytes);
        let wanted = RANDOM - characters.len();
        // 248 = 4 × 62: a byte above it would favour the alphabet's start.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        characters.extend(fair.map(|byte| digit(u32::from(*byte))).take(wanted));
    }
    characters
}

/// CRC-32 of the random part in base62, most significant digit first.
fn checksum(random: &[u8]) -> [u8; CHECKSUM] {
    let mut rest = crc32fast::hash(random);
    let mut digits = [0; CHECKSUM];
    for place in digits.iter_mut().rev() {
        *place = digit(rest);
        rest /= 62;
    }
    digits
}

fn digit(value: u32) -> u8 {
    let place = usize::try_from(value % 62).unwrap_or_default();
    ALPHABET.get(place).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(seed: u8) -> PlainKey {
        let mut next = seed;
        PlainKey::generate(|bytes| {
            for byte in bytes {
                next = next.wrapping_mul(181).wrapping_add(43);
                *byte = next;
            }
        })
    }

    #[test]
    fn a_fresh_key_has_the_documented_shape() {
        let key = key(1);
        assert_eq!(key.expose().len(), 35);
        assert!(key.expose().starts_with("sk-"));
        assert!(key.expose().bytes().any(|byte| byte.is_ascii_uppercase()));
        assert_eq!(SecretHash::of(key.expose().as_bytes()), Some(key.hash()));
    }

    #[test]
    fn the_display_form_shows_seven_and_four_characters() {
        let key = key(2);
        let display = key.display();
        assert_eq!(display.chars().count(), 12);
        assert!(display.starts_with(&key.expose()[..7]));
        assert!(display.ends_with(&key.expose()[31..]));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let key = key(3);
        assert!(!format!("{key:?} {:?}", key.hash()).contains(&key.expose()[3..10]));
    }

    #[test]
    fn garbage_is_refused() {
        for garbage in ["", "sk-", "sk-short", "pk-00000000000000000000000000000000"] {
            assert_eq!(SecretHash::of(garbage.as_bytes()), None);
        }
        assert_eq!(SecretHash::of(&[b'a'; 10_000]), None);
    }

    proptest! {
        #[test]
        fn one_changed_character_breaks_the_checksum(seed: u8, place in 3usize..35) {
            let key = key(seed);
            let mut bytes = key.expose().as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'a' { b'b' } else { b'a' };
            prop_assert_eq!(SecretHash::of(&bytes), None);
        }
    }
}
