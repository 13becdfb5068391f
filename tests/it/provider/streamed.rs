//! Scripts of event streams: frames, pauses and gates, then a good or a bad end.

use std::time::Duration;

use bytes::Bytes;

use super::gate::Gate;
use super::script::{End, Script, Step, head};
use super::sse::Frame;

/// A stream in the making; each frame is one chunk of the transfer coding and one write.
#[derive(Clone)]
pub struct EventStream {
    headers: Vec<(String, String)>,
    steps: Vec<Part>,
}

#[derive(Clone)]
enum Part {
    Frame(Frame),
    Step(Step),
}

impl EventStream {
    /// A 200 with nothing in it yet.
    pub fn new() -> Self {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            headers: vec![
                header("content-type", "text/event-stream; charset=utf-8"),
                header("transfer-encoding", "chunked"),
            ],
            steps: Vec::new(),
        }
    }

    /// A stream of these frames.
    pub fn of(frames: impl IntoIterator<Item = Frame>) -> Self {
        frames.into_iter().fold(Self::new(), Self::frame)
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a frame.
    pub fn frame(self, frame: Frame) -> Self {
        self.part(Part::Frame(frame))
    }

    /// Pauses.
    pub fn wait(self, time: Duration) -> Self {
        self.part(Part::Step(Step::Wait(time)))
    }

    /// Waits at a gate.
    pub fn gate(self, gate: &Gate) -> Self {
        self.part(Part::Step(Step::Pass(gate.clone())))
    }

    /// Ends as it should; the connection stays open.
    pub fn finish(self) -> Script {
        self.ended(vec![Step::Send(LAST_CHUNK, None)], End::KeepAlive)
    }

    /// Closes the connection without the last chunk of the transfer coding.
    pub fn eof(self) -> Script {
        self.ended(Vec::new(), End::Close)
    }

    /// Resets the connection.
    pub fn reset(self) -> Script {
        self.ended(Vec::new(), End::Reset)
    }

    /// Resets the connection after so many bytes of the frames; what follows is not sent.
    pub fn reset_at(self, byte: usize) -> Script {
        self.shortened(byte).reset()
    }

    /// Closes the connection after so many bytes of the frames; what follows is not sent.
    pub fn eof_at(self, byte: usize) -> Script {
        self.shortened(byte).eof()
    }

    /// Says nothing more, and stays until the peer leaves.
    pub fn stall(self) -> Script {
        self.ended(vec![Step::Hang], End::Close)
    }

    /// Repeats a frame as fast as the peer reads, until it leaves.
    pub fn forever(self, frame: &Frame) -> Script {
        self.ended(vec![Step::Forever(chunked(&frame.bytes))], End::Close)
    }

    fn part(mut self, part: Part) -> Self {
        self.steps.push(part);
        self
    }

    fn shortened(mut self, mut left: usize) -> Self {
        let mut kept = Vec::new();
        for part in self.steps {
            match part {
                Part::Frame(frame) if frame.bytes.len() > left => {
                    kept.push(Part::Frame(Frame::raw(frame.bytes.slice(..left))));
                    break;
                }
                Part::Frame(ref frame) => left -= frame.bytes.len(),
                Part::Step(_) => {}
            }
            kept.push(part);
        }
        self.steps = kept;
        self
    }

    fn ended(self, last: Vec<Step>, end: End) -> Script {
        let mut steps = vec![Step::Send(head(200, self.headers.iter()), None)];
        for part in self.steps {
            match part {
                Part::Step(step) => steps.push(step),
                // An empty chunk would end the stream.
                Part::Frame(frame) if frame.bytes.is_empty() => {}
                Part::Frame(frame) => {
                    steps.push(Step::Send(chunked(&frame.bytes), frame.reports));
                }
            }
        }
        steps.extend(last);
        Script::of(steps, end)
    }
}

/// Ends a chunked body.
const LAST_CHUNK: Bytes = Bytes::from_static(b"0\r\n\r\n");

fn chunked(bytes: &Bytes) -> Bytes {
    let size = format!("{:x}\r\n", bytes.len());
    [size.as_bytes(), bytes, b"\r\n"].concat().into()
}
