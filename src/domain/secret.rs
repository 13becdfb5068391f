//! Secrets other than API keys: of sessions, one-time links and management tokens. Each is 256 bits
//! of randomness, exists in plain once, and is known by its hash afterwards.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use super::key::SecretHash;

const BYTES: usize = 32;

/// How a management token begins.
pub const TOKEN_PREFIX: &str = "mk-";

/// A plain secret on its way to whoever it is for.
#[derive(Debug)]
pub struct Secret(SecretString);

impl Secret {
    /// A secret that begins with `prefix`, from `fill`, a source of random bytes.
    pub fn generate(prefix: &str, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut bytes = [0; BYTES];
        fill(&mut bytes);
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    /// The secret itself, for the one answer that shows it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What the store keeps.
    pub fn hash(&self) -> SecretHash {
        SecretHash::digest(self.expose().as_bytes())
    }

    /// The form of a token that may be shown ever after: `mk-AbCd…wxyz`.
    pub fn display(&self) -> String {
        let text = self.expose();
        let head = text.get(..7).unwrap_or_default();
        let tail = text.get(text.len() - 4..).unwrap_or_default();
        format!("{head}…{tail}")
    }
}

/// The hash of `presented` if it has the shape of a secret that begins with `prefix`; `None` for
/// garbage.
pub fn hash_of(prefix: &str, presented: &str) -> Option<SecretHash> {
    let body = presented.strip_prefix(prefix)?;
    let decoded = URL_SAFE_NO_PAD.decode(body).ok()?;
    (decoded.len() == BYTES).then(|| SecretHash::digest(presented.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_its_hash_and_garbage_is_not() {
        let secret = Secret::generate(TOKEN_PREFIX, |bytes| bytes.fill(7));
        assert_eq!(hash_of(TOKEN_PREFIX, secret.expose()), Some(secret.hash()));
        assert_eq!(hash_of("", secret.expose()), None);
        for garbage in ["", "mk-", "mk-short", "sk-AAAA", &"a".repeat(10_000)] {
            assert_eq!(hash_of(TOKEN_PREFIX, garbage), None);
        }
        assert!(!format!("{secret:?}").contains(&secret.expose()[3..]));
        assert_eq!(secret.display(), "mk-BwcH…HBwc");
    }
}
