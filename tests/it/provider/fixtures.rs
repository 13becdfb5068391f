//! Recorded streams of real kinds of provider, with the usage that must be read from them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Deserialize;

use super::calls::Usage;
use super::script::Script;
use super::sse::Frame;
use super::streamed::EventStream;

/// One recorded stream.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// Its file name.
    pub name: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// What must be read from it.
    pub expect: Expect,
}

/// The usage in a stream; all three are absent if it reports none.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Prompt tokens.
    pub input: Option<u64>,
    /// Completion tokens.
    pub output: Option<u64>,
    /// Both, as the provider adds them up.
    pub total: Option<u64>,
    /// Whether one chunk has usage and no choices: it is hidden from a caller who did not ask.
    pub usage_chunk: bool,
}

/// All recorded streams.
pub fn fixtures() -> Vec<Fixture> {
    let expect = std::fs::read_to_string(folder().join("expect.json")).unwrap();
    let expect: BTreeMap<String, Expect> = serde_json::from_str(&expect).unwrap();
    let fixture = |(name, expect): (String, Expect)| Fixture {
        bytes: std::fs::read(folder().join(&name)).unwrap().into(),
        name,
        expect,
    };
    expect.into_iter().map(fixture).collect()
}

impl Fixture {
    /// What its provider reports, if anything.
    pub fn usage(&self) -> Option<Usage> {
        Some(Usage::new(self.expect.input?, self.expect.output?))
    }

    /// Plays it in pieces of so many bytes, whatever they cut through.
    pub fn script(&self, size: usize) -> Script {
        let slice = |slice: &[u8]| Frame::raw(self.bytes.slice_ref(slice));
        let mut frames: Vec<Frame> = self.bytes.chunks(size).map(slice).collect();
        frames
            .last_mut()
            .expect("a recorded stream has bytes")
            .reports = self.usage();
        EventStream::of(frames).finish()
    }
}

/// Where the recorded streams are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sse")
}
