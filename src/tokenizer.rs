//! Counts the tokens of long prompts. The tables take memory and time to unfold, so that they are
//! loaded by the first call that needs them; long texts are counted beside the workers, a few at a
//! time. Whatever goes wrong leaves a text uncounted, never counted short.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::domain::encoding::Encoding;

/// What a worker counts by itself: a few milliseconds.
const SHORT: usize = 64 * 1024;
/// Counts running beside the workers at once.
const PLACES: usize = 2;
/// How long a call waits for its count, and the first one for the tables.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
pub struct Tokenizer {
    o200k: OnceLock<Option<Tables>>,
    cl100k: OnceLock<Option<Tables>>,
    places: Arc<Semaphore>,
}

/// What counts a body.
pub type Count = fn(&[u8], &Tables) -> i64;

impl Tokenizer {
    /// Nothing is loaded yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            o200k: OnceLock::new(),
            cl100k: OnceLock::new(),
            places: Arc::new(Semaphore::new(PLACES)),
        })
    }

    /// What `count` makes of `body` by the tables of `encoding`; `None` if there are none or the
    /// machine is too busy.
    pub async fn count(
        self: &Arc<Self>,
        encoding: Encoding,
        body: &Bytes,
        count: Count,
    ) -> Option<i64> {
        match self.tables(encoding).get() {
            Some(tables) if body.len() <= SHORT => Some(count(body, tables.as_ref()?)),
            _ => self.count_beside(encoding, body.clone(), count).await,
        }
    }

    async fn count_beside(
        self: &Arc<Self>,
        encoding: Encoding,
        body: Bytes,
        count: Count,
    ) -> Option<i64> {
        let this = Arc::clone(self);
        let counting = async {
            let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
            let counting = tokio::task::spawn_blocking(move || {
                let _place = place;
                let tables = this.tables(encoding).get_or_init(|| Tables::load(encoding));
                Some(count(&body, tables.as_ref()?))
            });
            counting.await.ok()?
        };
        tokio::time::timeout(PATIENCE, counting).await.ok()?
    }

    fn tables(&self, encoding: Encoding) -> &OnceLock<Option<Tables>> {
        match encoding {
            Encoding::O200k => &self.o200k,
            Encoding::Cl100k => &self.cl100k,
        }
    }
}

/// The tables of one encoding.
#[cfg(feature = "tokenizer")]
pub struct Tables(&'static bpe_openai::Tokenizer);

#[cfg(feature = "tokenizer")]
impl Tables {
    /// Unfolds them.
    pub fn load(encoding: Encoding) -> Option<Self> {
        Some(Self(match encoding {
            Encoding::O200k => bpe_openai::o200k_base(),
            Encoding::Cl100k => bpe_openai::cl100k_base(),
        }))
    }

    /// The tokens of `text`. Time grows with its length and nothing else, whatever it says.
    pub fn count(&self, text: &str) -> usize {
        let (mut tokens, mut seen) = (0, 0);
        for piece in self.0.split(text) {
            tokens += self.0.bpe.count(piece.as_bytes());
            seen += piece.len();
        }
        // All is split, but should a piece ever be left out, its bytes are more than its tokens.
        tokens + text.len().saturating_sub(seen)
    }
}

/// There are none in a build without the feature.
#[cfg(not(feature = "tokenizer"))]
pub enum Tables {}

#[cfg(not(feature = "tokenizer"))]
impl Tables {
    /// Never succeeds.
    pub fn load(_: Encoding) -> Option<Self> {
        None
    }

    /// Never called.
    pub fn count(&self, _: &str) -> usize {
        match *self {}
    }
}
