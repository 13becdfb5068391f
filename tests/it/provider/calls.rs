//! The provider's book: every request, what was reported for it, and how it ended.

use std::iter::Sum;
use std::ops::Add;

use tokio::sync::watch;

use super::patiently;
use super::seen::Seen;

/// Tokens as the provider reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens.
    pub input: u64,
    /// Completion tokens.
    pub output: u64,
}

/// What a script reports unless told otherwise.
pub const DEFAULT_USAGE: Usage = Usage {
    input: 11,
    output: 7,
};

/// One exchange.
#[derive(Clone, Debug)]
pub struct Call {
    /// The request.
    pub seen: Seen,
    /// The tokens written to the peer so far, if any; a later report replaces an earlier one.
    pub reported: Option<Usage>,
    /// How it ended, or that it has not.
    pub ending: Ending,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not yet.
    Open,
    /// The script was played to its end, faults included.
    Finished,
    /// The peer closed the connection first.
    Cancelled,
}

/// All exchanges, to be watched.
#[derive(Default)]
pub(super) struct Calls(watch::Sender<Book>);

#[derive(Default)]
struct Book {
    calls: Vec<Call>,
    connections: usize,
    malformed: usize,
}

impl Usage {
    /// So many prompt and completion tokens.
    pub fn new(input: u64, output: u64) -> Self {
        Self { input, output }
    }

    /// Both together.
    pub fn total(&self) -> u64 {
        self.input + self.output
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::new(self.input + other.input, self.output + other.output)
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), Self::add)
    }
}

impl Calls {
    pub fn all(&self) -> Vec<Call> {
        self.0.borrow().calls.clone()
    }

    pub fn connections(&self) -> usize {
        self.0.borrow().connections
    }

    pub fn malformed(&self) -> usize {
        self.0.borrow().malformed
    }

    /// Counts a connection and returns its number.
    pub fn connected(&self) -> usize {
        self.0.send_modify(|book| book.connections += 1);
        self.connections()
    }

    pub fn broke_http(&self) {
        self.0.send_modify(|book| book.malformed += 1);
    }

    /// Books a request and returns its place in the book.
    pub fn begin(&self, seen: Seen) -> usize {
        let mut place = 0;
        self.0.send_modify(|book| {
            place = book.calls.len();
            book.calls.push(Call {
                seen,
                reported: None,
                ending: Ending::Open,
            });
        });
        place
    }

    /// Books tokens ahead of the bytes that report them, so that no reader is ahead of the book.
    pub fn report(&self, place: usize, usage: Usage) -> Report<'_> {
        let before = self.set_reported(place, Some(usage));
        Report {
            calls: self,
            place,
            before,
            kept: false,
        }
    }

    fn set_reported(&self, place: usize, usage: Option<Usage>) -> Option<Usage> {
        let mut before = None;
        self.0.send_modify(|book| {
            before = std::mem::replace(&mut book.calls[place].reported, usage);
        });
        before
    }

    pub fn end(&self, place: usize, ending: Ending) {
        self.0.send_modify(|book| book.calls[place].ending = ending);
    }

    /// Waits until the book satisfies a condition.
    pub async fn until(&self, what: &str, condition: impl Fn(&[Call]) -> bool) {
        let mut book = self.0.subscribe();
        let there = book.wait_for(|book| condition(&book.calls));
        patiently(what, there)
            .await
            .expect("the book outlives the wait");
    }
}

/// A report being written; it is taken back unless all its bytes were.
pub(super) struct Report<'a> {
    calls: &'a Calls,
    place: usize,
    before: Option<Usage>,
    kept: bool,
}

impl Report<'_> {
    /// The bytes are out.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.calls.set_reported(self.place, self.before);
        }
    }
}
