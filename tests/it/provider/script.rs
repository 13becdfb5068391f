//! What the provider does with one request, down to the bytes.
//!
//! Every builder compiles to the same few steps, so whatever can be written to a socket can be
//! scripted: [`Answer`] for answers of a known length, [`EventStream`](super::EventStream) for
//! streams, [`Script::raw`] for anything else.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::Value;

use super::calls::Usage;
use super::gate::Gate;

/// Steps to play, then an end.
#[derive(Clone)]
pub struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

/// One step of a script.
#[derive(Clone)]
pub(super) enum Step {
    Wait(Duration),
    Pass(Gate),
    Hang,
    /// Writes; what the bytes report is booked with them.
    Send(Bytes, Option<Usage>),
    Forever(Bytes),
}

/// What becomes of the connection.
#[derive(Clone, Copy)]
pub(super) enum End {
    KeepAlive,
    Close,
    Reset,
}

impl Script {
    /// Resets the connection before any byte of an answer.
    pub fn reset() -> Self {
        Self::of(Vec::new(), End::Reset)
    }

    /// Closes the connection before any byte of an answer.
    pub fn close() -> Self {
        Self::of(Vec::new(), End::Close)
    }

    /// Never answers; ends when the peer leaves.
    pub fn hang() -> Self {
        Self::of(vec![Step::Hang], End::Close)
    }

    /// Writes bytes as they are, then closes: not HTTP, or HTTP gone wrong.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::of(vec![Step::Send(bytes.into(), None)], End::Close)
    }

    /// Plays it after a while.
    pub fn after(mut self, time: Duration) -> Self {
        self.steps.insert(0, Step::Wait(time));
        self
    }

    /// Plays it once the gate is open.
    pub fn behind(mut self, gate: &Gate) -> Self {
        self.steps.insert(0, Step::Pass(gate.clone()));
        self
    }

    /// Closes the connection afterwards, without having said so.
    pub fn then_close(mut self) -> Self {
        self.end = End::Close;
        self
    }

    pub(super) fn of(steps: Vec<Step>, end: End) -> Self {
        Self { steps, end }
    }
}

/// An answer of a known length.
#[derive(Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
    length: Option<usize>,
    cut: Option<(usize, End)>,
    reports: Option<Usage>,
}

impl Answer {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            length: None,
            cut: None,
            reports: None,
        }
    }

    /// An answer with a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        let answer = Self::new(status).header("content-type", "application/json");
        answer.body(body.to_string())
    }

    /// An error in the usual envelope.
    pub fn error(status: u16, kind: &str, code: &str, message: &str) -> Self {
        let error = serde_json::json!({"message": message, "type": kind, "param": null,
            "code": code});
        Self::json(status, &serde_json::json!({"error": error}))
    }

    /// Adds a header; the same name may be added again.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Books these tokens as reported once the body is out.
    pub fn reports(mut self, usage: Usage) -> Self {
        self.reports = Some(usage);
        self
    }

    /// Lies about the body's length, then closes.
    pub fn claiming(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }

    /// Resets the connection after so many bytes of the body.
    pub fn reset_at(mut self, byte: usize) -> Self {
        self.cut = Some((byte, End::Reset));
        self
    }

    /// Closes the connection after so many bytes of the body.
    pub fn close_at(mut self, byte: usize) -> Self {
        self.cut = Some((byte, End::Close));
        self
    }

    /// The finished script.
    pub fn script(self) -> Script {
        let length = self.length.unwrap_or(self.body.len());
        // These never have a body, and naming a length would break their framing.
        let bodiless = matches!(self.status, 204 | 304);
        let length = (!bodiless).then(|| ("content-length".to_owned(), length.to_string()));
        let head = head(self.status, self.headers.iter().chain(&length));
        let (kept, mut end) = self.cut.unwrap_or((self.body.len(), End::KeepAlive));
        if self.length.is_some() && self.cut.is_none() {
            end = End::Close;
        }
        let body = self.body.slice(..kept.min(self.body.len()));
        let reports = self.reports.filter(|_| self.cut.is_none());
        Script::of(vec![Step::Send([head, body].concat().into(), reports)], end)
    }
}

impl From<Answer> for Script {
    fn from(answer: Answer) -> Self {
        answer.script()
    }
}

/// A status line and headers, blank line included.
pub(super) fn head<'a>(status: u16, headers: impl Iterator<Item = &'a (String, String)>) -> Bytes {
    let status = http::StatusCode::from_u16(status).unwrap();
    let reason = status.canonical_reason().unwrap_or("Unnamed");
    let mut head = BytesMut::new();
    head.put_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).as_bytes());
    for (name, value) in headers {
        head.put_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    head.put_slice(b"\r\n");
    head.freeze()
}
